// SPDX-License-Identifier: LGPL-2.1-or-later
/* Locks with a key: independent of each other, of all who open the file, and gone with them. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"
#include "ktap.h"
#include "lock.h"

static char path[64];

static struct replica_lock lock_of(const char *key, bool alone)
{
	return (struct replica_lock){
		.path = path, .key = key, .parameter = "Name", .what = "something",
		.alone = alone,
	};
}

static int held(const char *key, bool alone)
{
	struct replica_lock lock = lock_of(key, alone);

	return replica_lock_held(&lock);
}

static int take(struct replica_ctx *ctx, const char *key, bool alone, int *fd)
{
	struct replica_lock lock = lock_of(key, alone);

	return replica_lock(ctx, &lock, fd);
}

static void keys(void)
{
	struct replica_ctx *ctx = fake_ctx();
	int a, b;

	CHECK_INT(held("a", true), 0);
	CHECK_INT(take(ctx, "a", true, &a), REPLICA_SUCCESS);
	CHECK_INT(held("a", true), 1);
	CHECK_INT(held("a", false), 1);
	CHECK_INT(held("b", true), 0);
	CHECK_INT(take(ctx, "b", true, &b), REPLICA_SUCCESS);
	CHECK_INT(held("b", true), 1);
	replica_unlock(&a);
	CHECK_INT(a, -1);
	CHECK_INT(held("a", true), 0);
	CHECK_INT(held("b", true), 1);
	replica_unlock(&b);
	CHECK_INT(held("b", true), 0);
	fake_free(ctx);
}

static void shared(void)
{
	struct replica_ctx *ctx = fake_ctx();
	int a, b;

	CHECK_INT(take(ctx, "s", false, &a), REPLICA_SUCCESS);
	CHECK_INT(held("s", false), 0);
	CHECK_INT(held("s", true), 1);
	CHECK_INT(take(ctx, "s", false, &b), REPLICA_SUCCESS);
	replica_unlock(&a);
	CHECK_INT(held("s", true), 1);
	replica_unlock(&b);
	CHECK_INT(held("s", true), 0);
	fake_free(ctx);
}

/* Holds it until it is killed. */
static pid_t holder(struct replica_ctx *ctx, const char *key)
{
	int ready[2], fd;
	char c;
	pid_t pid;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid) {
		close(ready[0]);
		if (take(ctx, key, true, &fd) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	return pid;
}

/* Who looks and who closes the file takes nothing from who holds it. */
static void goes_with_process(void)
{
	struct replica_ctx *ctx = fake_ctx();
	pid_t pid = holder(ctx, "p");
	int fd;

	CHECK_INT(held("p", true), 1);
	CHECK_INT(held("p", true), 1);
	CHECK_INT(take(ctx, "q", true, &fd), REPLICA_SUCCESS);
	replica_unlock(&fd);
	CHECK_INT(held("p", true), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_INT(held("p", true), 0);
	CHECK_INT(take(ctx, "p", true, &fd), REPLICA_SUCCESS);
	replica_unlock(&fd);
	fake_free(ctx);
}

/* He gets it when the other one goes. */
static void waits(void)
{
	struct replica_ctx *ctx = fake_ctx();
	pid_t pid = holder(ctx, "w"), killer = fork();
	uint64_t start = replica_now_ms();
	int fd;

	if (!killer) {
		usleep(300000);
		kill(pid, SIGKILL);
		_exit(0);
	}
	CHECK_INT(take(ctx, "w", true, &fd), REPLICA_SUCCESS);
	CHECK(replica_now_ms() - start >= 250);
	replica_unlock(&fd);
	waitpid(pid, NULL, 0);
	waitpid(killer, NULL, 0);
	fake_free(ctx);
}

static void nowhere(void)
{
	struct replica_lock lock = { .path = "/nowhere/lock", .key = "a", .alone = true };

	CHECK_INT(replica_lock_held(&lock), 0);
	lock.path = "/proc/self/exe/lock";
	CHECK_INT(replica_lock_held(&lock), -ENOTDIR);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(keys), T(shared), T(goes_with_process), T(waits), T(nowhere),
	};
	int fd, status;

	strcpy(path, "/tmp/test_lock.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	status = ktap_run(tests, KTAP_COUNT(tests));
	unlink(path);
	return status;
}
