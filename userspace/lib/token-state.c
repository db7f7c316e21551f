// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * When a token was last used.  One small file for each, in /run: a boot ends them and the
 * tokens together.  That of a token that has ended stays until then and says how.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "token.h"

#define DIRECTORY	"/run/dm-replica-tokens"
#define BOOT_ID		"/proc/sys/kernel/random/boot_id"

/* Goes on while the machine sleeps, and nobody sets it. */
uint64_t replica_boot_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

uint64_t replica_token_left(const struct replica_token_state *state, uint64_t now)
{
	uint64_t end = state->used_ms + state->timeout_ms;

	return end > now ? end - now : 0;
}

static bool is_uuid(const char *id)
{
	return strlen(id) == REPLICA_UUID_TEXT - 1 &&
	       strspn(id, "0123456789abcdef-") == REPLICA_UUID_TEXT - 1;
}

void replica_boot_id(struct replica_ctx *ctx, char id[REPLICA_UUID_TEXT])
{
	char path[PATH_MAX], text[REPLICA_UUID_TEXT] = "";
	FILE *f;

	id[0] = '\0';
	snprintf(path, sizeof(path), "%s%s", ctx->root, BOOT_ID);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(text, sizeof(text), f) && is_uuid(text))
		strcpy(id, text);
	fclose(f);
}

static int state_path(struct replica_ctx *ctx, const char *id, char *path, size_t size)
{
	if (!is_uuid(id))
		return -EINVAL;
	snprintf(path, size, "%s%s/%s", ctx->root, DIRECTORY, id);
	return 0;
}

int replica_token_state_read(struct replica_ctx *ctx, const char *id,
			     struct replica_token_state *state)
{
	struct replica_token_state s = { 0 };
	char path[PATH_MAX];
	int r = state_path(ctx, id, path, sizeof(path));
	FILE *f = r ? NULL : fopen(path, "re");

	if (r)
		return r;
	if (!f)
		return -errno;
	if (fscanf(f, "timeout_ms %" SCNu32 " used_ms %" SCNu64 " captured %" SCNu64 " ended %u",
		   &s.timeout_ms, &s.used_ms, &s.captured, &s.ended) != 4)
		r = -EBADMSG;
	else
		*state = s;
	fclose(f);
	return r;
}

static int write_file(const char *path, const struct replica_token_state *state)
{
	FILE *f = fopen(path, "we");
	int r = 0;

	if (!f)
		return -errno;
	errno = 0;
	if (fprintf(f, "timeout_ms %" PRIu32 " used_ms %" PRIu64 " captured %" PRIu64 " ended %u\n",
		    state->timeout_ms, state->used_ms, state->captured, state->ended) < 0)
		r = errno ? -errno : -EIO;
	if (fclose(f) && !r)
		r = -errno;
	return r;
}

/* Who reads it sees all of the old one or all of the new one. */
int replica_token_state_write(struct replica_ctx *ctx, const char *id,
			      const struct replica_token_state *state)
{
	char directory[PATH_MAX], path[PATH_MAX], other[PATH_MAX + 8];
	int r = state_path(ctx, id, path, sizeof(path));

	if (r)
		return r;
	snprintf(directory, sizeof(directory), "%s%s", ctx->root, DIRECTORY);
	if (mkdir(directory, 0700) && errno != EEXIST)
		return -errno;
	snprintf(other, sizeof(other), "%s.new", path);
	r = write_file(other, state);
	if (!r && rename(other, path))
		r = -errno;
	if (r)
		unlink(other);
	return r;
}

/* One that is not known counts from now, with the default. */
static void read_or_begin(struct replica_ctx *ctx, const char *id,
			  struct replica_token_state *state)
{
	if (!replica_token_state_read(ctx, id, state))
		return;
	*state = (struct replica_token_state){
		.timeout_ms = REPLICA_TOKEN_TIMEOUT_MS,
		.used_ms = replica_boot_ms(),
	};
}

void replica_token_touch(struct replica_ctx *ctx, const char *id)
{
	struct replica_token_state state;

	read_or_begin(ctx, id, &state);
	state.used_ms = replica_boot_ms();
	replica_token_state_write(ctx, id, &state);
}

void replica_token_ended(struct replica_ctx *ctx, const char *id, enum replica_token_end how)
{
	struct replica_token_state state;

	read_or_begin(ctx, id, &state);
	state.ended = how;
	replica_token_state_write(ctx, id, &state);
}
