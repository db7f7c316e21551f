// SPDX-License-Identifier: LGPL-2.1-or-later
/* Other programs: what they get, what comes back, and how they are ended. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "proc.h"

/* In the place of libc's: signals that do not arrive, as on one that hangs in the kernel. */
static bool lost;

int kill(pid_t pid, int sig)
{
	return lost ? 0 : syscall(SYS_kill, pid, sig);
}

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

static void *run_hanging(void *data)
{
	struct replica_proc *proc = data;

	CHECK_INT(run(proc, "exec sleep 600", 100), -ETIMEDOUT);
	replica_proc_clear(proc);
	return NULL;
}

/*
 * They are waited for no longer than a while, do not become more and more, and are taken
 * away when they have ended at last.
 */
static void unkillable(void)
{
	struct replica_proc proc, hung[REPLICA_PROC_HANGING_MAX];
	pthread_t thread[REPLICA_PROC_HANGING_MAX];
	siginfo_t info;

	lost = true;
	for (size_t i = 0; i < REPLICA_PROC_HANGING_MAX; i++)
		CHECK_INT(pthread_create(&thread[i], NULL, run_hanging, &hung[i]), 0);
	for (size_t i = 0; i < REPLICA_PROC_HANGING_MAX; i++)
		pthread_join(thread[i], NULL);
	lost = false;
	CHECK_INT(run(&proc, ":", 30000), -EDEADLK);
	replica_proc_clear(&proc);
	for (size_t i = 0; i < REPLICA_PROC_HANGING_MAX; i++) {
		CHECK(hung[i].hangs > 0);
		CHECK_INT(kill(hung[i].hangs, SIGKILL), 0);
		CHECK_INT(waitid(P_PID, hung[i].hangs, &info, WEXITED | WNOWAIT), 0);
		if (i)
			continue;
		CHECK_INT(run(&proc, ":", 30000), 0);	/* beside those that hang */
		CHECK_INT(proc.hangs, 0);
		replica_proc_clear(&proc);
	}
	CHECK_INT(run(&proc, ":", 30000), 0);
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
		T(unkillable), T(daemons), T(too_much), T(signals),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
