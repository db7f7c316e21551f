/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_PROC_H
#define _REPLICA_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Most that is kept of what a program writes to stdout, and to stderr. */
#define REPLICA_PROC_OUT_MAX	(16U << 20)
#define REPLICA_PROC_ERR_MAX	4096U

/* Most programs that may hang in the kernel before no more is started. */
#define REPLICA_PROC_HANGING_MAX	16

/* Another program, and what came out of it. */
struct replica_proc {
	const char *const *argv;	/* ends with NULL; argv[0] without a path */
	uint32_t timeout_ms;
	int status;			/* exit status; 128 and more: the signal it died of */
	pid_t hangs;			/* it did not end when it was killed; else 0 */
	char *out;			/* stdout, ends with a zero byte */
	char *err;			/* the beginning of stderr, likewise */
};

/*
 * Runs a program without a shell and waits for it.  It is looked for in the system's own
 * directories, and gets nothing from this process but argv, an
 * empty stdin and the few variables that LVM and libdevmapper are told their places by.
 * 0 when it has ended, whatever its status; -ENOENT: there is no such program;
 * -ETIMEDOUT: it had to be ended; -EFBIG: it said too much; -EDEADLK: so many earlier ones
 * still hang that no more is started; or another errno.  out and err are freed by
 * replica_proc_clear(), in all cases.
 *
 * What hangs in the kernel is waited for some 10 seconds beyond its time and then left.  It
 * stays a child of this process, which a later call takes away once it has ended.
 */
int replica_proc_run(struct replica_proc *proc);
void replica_proc_clear(struct replica_proc *proc);

#endif /* _REPLICA_PROC_H */
