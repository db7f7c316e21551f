// SPDX-License-Identifier: LGPL-2.1-or-later
/* Other programs: what they get, what comes back, and how they are ended. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "proc.h"

static int run(struct replica_proc *proc, const char *script, uint32_t timeout_ms)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	int r;

	memset(proc, 0, sizeof(*proc));
	proc->argv = argv;
	proc->timeout_ms = timeout_ms;
	r = replica_proc_run(proc);
	proc->argv = NULL;
	return r;
}

static void output(void)
{
	struct replica_proc proc;

	CHECK_INT(run(&proc, "echo out; echo err >&2; exit 5", 30000), 0);
	CHECK_INT(proc.status, 5);
	CHECK_STR(proc.out, "out\n");
	CHECK_STR(proc.err, "err\n");
	replica_proc_clear(&proc);
	CHECK_INT(run(&proc, ":", 30000), 0);
	CHECK_INT(proc.status, 0);
	CHECK_STR(proc.out, "");
	replica_proc_clear(&proc);
	CHECK_INT(run(&proc, "kill -9 $$", 30000), 0);
	CHECK_INT(proc.status, 128 + SIGKILL);
	replica_proc_clear(&proc);
}

static void environment(void)
{
	struct replica_proc proc;

	setenv("LVM_SYSTEM_DIR", "/nowhere", 1);
	setenv("SECRET", "1", 1);
	CHECK_INT(run(&proc, "echo $LC_ALL,$LVM_SYSTEM_DIR,$SECRET,$HOME; cat; umask >/dev/null",
		      30000), 0);
	CHECK_STR(proc.out, "C,/nowhere,,\n");
	replica_proc_clear(&proc);
}

/* No descriptor of ours gets there, and none stays here. */
static void descriptors(void)
{
	int leak = open("/dev/null", O_RDONLY), next;
	struct replica_proc proc;

	CHECK_INT(run(&proc, "for fd in /proc/self/fd/*; do echo ${fd##*/}; done | tr '\\n' ' '",
		      30000), 0);
	CHECK(!strstr(proc.out, " 7 ") && !strncmp(proc.out, "0 1 2 ", 6));
	replica_proc_clear(&proc);
	next = dup(leak);
	CHECK_INT(next, leak + 1);
	close(next);
	close(leak);
}

static void missing(void)
{
	static const char *const argv[] = { "replica-no-such-program", NULL };
	struct replica_proc proc = { .argv = argv, .timeout_ms = 1000 };

	CHECK_INT(replica_proc_run(&proc), -ENOENT);
	replica_proc_clear(&proc);
}

/* One that ignores the polite signal is ended all the same, with what it started. */
static void endless(void)
{
	struct replica_proc proc;

	CHECK_INT(run(&proc, "trap '' TERM; echo begun; while :; do sleep 60; done", 100),
		  -ETIMEDOUT);
	replica_proc_clear(&proc);
	CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);	/* no zombie */
	CHECK_INT(errno, ECHILD);
}

/* What it leaves running holds its pipes and nobody up. */
static void daemons(void)
{
	struct replica_proc proc;

	CHECK_INT(run(&proc, "sleep 20 & echo done", 10000), 0);
	CHECK_STR(proc.out, "done\n");
	replica_proc_clear(&proc);
}

static void too_much(void)
{
	struct replica_proc proc;

	CHECK_INT(run(&proc, "head -c 20000000 /dev/zero", 60000), -EFBIG);
	replica_proc_clear(&proc);
	CHECK_INT(run(&proc, "head -c 100000 /dev/zero | tr '\\0' x >&2", 60000), 0);
	CHECK_INT(strlen(proc.err), REPLICA_PROC_ERR_MAX);
	replica_proc_clear(&proc);
}

/* The caller's mask stays, and is not inherited. */
static void signals(void)
{
	struct replica_proc proc;
	sigset_t set, now;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_INT(run(&proc, "kill -TERM $$; echo alive", 30000), 0);
	CHECK_INT(proc.status, 128 + SIGTERM);
	replica_proc_clear(&proc);
	sigprocmask(SIG_UNBLOCK, &set, &now);
	CHECK(sigismember(&now, SIGTERM));
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(output), T(environment), T(descriptors), T(missing), T(endless),
		T(daemons), T(too_much), T(signals),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
