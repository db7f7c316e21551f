// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Other programs.  A library must not change what is the program's: its signal
 * handlers and mask, its environment, its children.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"
#include "replica-private.h"

#define PATH_VALUE	"/usr/sbin:/usr/bin:/sbin:/bin"

/* How long a program that is to end may take, and how often it is looked at. */
#define TERM_MS		5000
#define KILL_MS		5000
#define STEP_MS		10

static const char *const directories[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

/* Where LVM finds its configuration, and whether nodes are made without udev. */
static const char *const kept[] = { "LVM_SYSTEM_DIR", "DM_DISABLE_UDEV" };

struct environment {
	char *list[ARRAY_SIZE(kept) + 3];
};

static void free_environment(struct environment *env)
{
	for (size_t i = 0; env->list[i]; i++)
		free(env->list[i]);
}

static int make_environment(struct environment *env)
{
	const char *value;
	size_t n = 0;

	memset(env, 0, sizeof(*env));
	env->list[n++] = strdup("PATH=" PATH_VALUE);
	if (env->list[0])
		env->list[n++] = strdup("LC_ALL=C");
	for (size_t i = 0; env->list[n - 1] && i < ARRAY_SIZE(kept); i++) {
		value = secure_getenv(kept[i]);
		if (value && asprintf(&env->list[n++], "%s=%s", kept[i], value) < 0)
			env->list[n - 1] = NULL;
	}
	return env->list[n - 1] ? 0 : -ENOMEM;
}

static int find_program(const char *name, char path[PATH_MAX])
{
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		snprintf(path, PATH_MAX, "%s/%s", directories[i], name);
		if (access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* ------------------------------------------------------------------------ */
/* What it says */

struct stream {
	int fd;				/* -1 at its end */
	char *text;
	size_t len;
	size_t room;
	size_t max;			/* more is read and dropped, and noted */
	bool full;
};

static bool grow(struct stream *s, const char *data, size_t len)
{
	size_t room = s->room ? s->room : 4096;
	char *text = s->text;

	if (len > s->max - s->len) {
		s->full = true;
		len = s->max - s->len;
	}
	while (room < s->len + len + 1)
		room *= 2;
	if (room != s->room)
		text = realloc(s->text, room);
	if (!text)
		return false;
	memcpy(text + s->len, data, len);
	s->text = text;
	s->room = room;
	s->len += len;
	text[s->len] = '\0';
	return true;
}

/* Takes what is there without waiting: 0 or -errno. */
static int drain(struct stream *s)
{
	char buffer[4096];
	ssize_t n;

	while (s->fd >= 0) {
		n = read(s->fd, buffer, sizeof(buffer));
		if (n > 0 && !grow(s, buffer, n))
			return -ENOMEM;
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		close(s->fd);
		s->fd = -1;
	}
	return 0;
}

static int drain_both(struct stream s[2])
{
	int r = drain(&s[0]);

	return r ? r : drain(&s[1]);
}

static void wait_step(const struct stream s[2])
{
	struct pollfd fds[2] = {
		{ .fd = s[0].fd, .events = POLLIN }, { .fd = s[1].fd, .events = POLLIN },
	};

	poll(fds, 2, STEP_MS);
}

/* ------------------------------------------------------------------------ */
/* Its life */

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	/* A group of its own: an interrupt from the terminal is for the caller to judge. */
	return posix_spawnattr_setsigmask(attr, &none) ||
	       posix_spawnattr_setsigdefault(attr, &all) ||
	       posix_spawnattr_setpgroup(attr, 0) ||
	       posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
					POSIX_SPAWN_SETPGROUP) ? -ENOMEM : 0;
}

static int set_files(posix_spawn_file_actions_t *files, int out, int err)
{
	return posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ||
	       posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO) ||
	       posix_spawn_file_actions_adddup2(files, err, STDERR_FILENO) ||
	       posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1) ? -ENOMEM : 0;
}

static int spawn(const struct replica_proc *proc, int out, int err, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	struct environment env;
	posix_spawnattr_t attr;
	char path[PATH_MAX];
	int r = find_program(proc->argv[0], path);

	if (r)
		return r;
	if (posix_spawnattr_init(&attr))
		return -ENOMEM;
	if (posix_spawn_file_actions_init(&files)) {
		posix_spawnattr_destroy(&attr);
		return -ENOMEM;
	}
	r = make_environment(&env);
	if (!r)
		r = set_attributes(&attr);
	if (!r)
		r = set_files(&files, out, err);
	if (!r)
		r = -posix_spawn(pid, path, &files, &attr, (char *const *)proc->argv, env.list);
	free_environment(&env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return r;
}

/* 1 when it has ended, 0 when not yet, -errno when nobody can know. */
static int look(pid_t pid, int *status)
{
	int raw;
	pid_t r = waitpid(pid, &raw, WNOHANG);

	if (r < 0 && errno != EINTR)
		return -errno;
	if (r != pid)
		return 0;
	*status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
	return 1;
}

/*
 * Those that hang in the kernel: no signal ends them, and they stay children of this
 * process.  By their pidfds, as the program may have waited for one itself, and have
 * another child of that number by now.
 */
static struct {
	pthread_mutex_t lock;
	size_t count;
	int fd[REPLICA_PROC_HANGING_MAX];
} hanging = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool still_hangs(int fd)
{
	siginfo_t info = { .si_pid = 0 };

	return !waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG) && !info.si_pid;
}

/* Those that have ended since would be zombies; false when there are too many others. */
static bool reap_hanging(void)
{
	bool room;

	pthread_mutex_lock(&hanging.lock);
	for (size_t i = 0; i < hanging.count; ) {
		if (still_hangs(hanging.fd[i])) {
			i++;
			continue;
		}
		close(hanging.fd[i]);
		hanging.fd[i] = hanging.fd[--hanging.count];
	}
	room = hanging.count < REPLICA_PROC_HANGING_MAX;
	pthread_mutex_unlock(&hanging.lock);
	return room;
}

static void leave_hanging(pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	if (fd < 0)
		return;
	pthread_mutex_lock(&hanging.lock);
	if (hanging.count < REPLICA_PROC_HANGING_MAX)
		hanging.fd[hanging.count++] = fd;
	else
		close(fd);
	pthread_mutex_unlock(&hanging.lock);
}

static bool ends_after(int signal, pid_t pid, struct stream s[2], unsigned int ms)
{
	uint64_t deadline = replica_now_ms() + ms;
	int status;

	kill(-pid, signal);
	while (replica_now_ms() < deadline) {
		if (look(pid, &status))
			return true;
		wait_step(s);
		drain_both(s);
	}
	return false;
}

/* Politely first: a program may have to put something back in order. */
static void end_program(struct replica_proc *proc, pid_t pid, struct stream s[2])
{
	if (ends_after(SIGTERM, pid, s, TERM_MS) || ends_after(SIGKILL, pid, s, KILL_MS))
		return;
	proc->hangs = pid;
	leave_hanging(pid);
}

/* What it started may keep its pipes open, so that it is waited for by itself. */
static int follow(struct replica_proc *proc, pid_t pid, struct stream s[2])
{
	uint64_t deadline = replica_now_ms() + proc->timeout_ms;
	int r;

	for (;;) {
		r = drain_both(s);
		if (!r && replica_now_ms() > deadline)
			r = -ETIMEDOUT;
		if (r) {
			end_program(proc, pid, s);
			return r;
		}
		r = look(pid, &proc->status);
		if (r)
			break;
		wait_step(s);
	}
	if (r > 0)
		r = drain_both(s);
	return r < 0 ? r : s[0].full ? -EFBIG : 0;
}

/* Its end must not be where stdin to stderr of the program go, if these are closed here. */
static int make_pipe(int fd[2])
{
	int end;

	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	end = fcntl(fd[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd[1]);
	fd[1] = end;
	if (end >= 0 && !fcntl(fd[0], F_SETFL, O_NONBLOCK))
		return 0;
	end = -errno;
	close(fd[0]);
	if (fd[1] >= 0)
		close(fd[1]);
	return end;
}

static int run_with_pipes(struct replica_proc *proc, const int out[2], const int err[2])
{
	struct stream s[2] = {
		{ .fd = out[0], .max = REPLICA_PROC_OUT_MAX },
		{ .fd = err[0], .max = REPLICA_PROC_ERR_MAX },
	};
	pid_t pid;
	int r = spawn(proc, out[1], err[1], &pid);

	close(out[1]);
	close(err[1]);
	if (!r)
		r = follow(proc, pid, s);
	if (!r && !(grow(&s[0], "", 0) && grow(&s[1], "", 0)))
		r = -ENOMEM;		/* silent ones have said "" */
	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		if (s[i].fd >= 0)
			close(s[i].fd);
	proc->out = s[0].text;
	proc->err = s[1].text;
	return r;
}

int replica_proc_run(struct replica_proc *proc)
{
	int out[2], err[2], r;

	proc->out = NULL;
	proc->err = NULL;
	proc->status = -1;
	proc->hangs = 0;
	if (!reap_hanging())
		return -EDEADLK;
	r = make_pipe(out);
	if (r)
		return r;
	r = make_pipe(err);
	if (r) {
		close(out[0]);
		close(out[1]);
		return r;
	}
	return run_with_pipes(proc, out, err);
}

void replica_proc_clear(struct replica_proc *proc)
{
	free(proc->out);
	free(proc->err);
	proc->out = NULL;
	proc->err = NULL;
}
