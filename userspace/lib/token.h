/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tokens in the kernel's tables.  A token is a snapshot that is read-only and hidden, and has
 * a uuid of its own kind.  A redeem is a clone, whose origin is a hidden linear device on the
 * token's, since the kernel lets a device be the origin of one replica only:
 *
 *	redeem -> leg -> token -> base and store	(-> target)
 *
 * Redeem and leg are found by their uuids, which end alike; the leg by its table lies on the
 * token.  What else there is to know of a token, when it was last used, is in /run, and goes
 * with the boot as the token does.
 */
#ifndef _REPLICA_TOKEN_PRIVATE_H
#define _REPLICA_TOKEN_PRIVATE_H

#include "snapshot.h"
#include "token-file.h"

/* What follows is the id of the token, or of the redeem; capitals: udev hides them. */
#define REPLICA_REDEEM_UUID_PREFIX	"REPLICA-REDEEM-"
#define REPLICA_LEG_UUID_PREFIX		"REPLICA-LEG-"
#define REPLICA_LEG_SUFFIX		"-leg"

#define REPLICA_TOKEN_PARAM		"Token"

static inline bool replica_is_tokenized(const struct replica_create_args *args)
{
	return args->sync_type == REPLICA_SYNC_TYPE_TOKENIZED_CLONE;
}

/* token.c: CreateReplica with SyncType 9; *result as there. */
int replica_token_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			 struct replica_create_result **result);

/* token-capture.c, token-redeem.c, token-zero.c: the three kinds of it. */
int replica_token_capture(struct replica_ctx *ctx, const struct replica_create_args *args,
			  struct replica_create_result *result);
int replica_token_redeem(struct replica_ctx *ctx, const struct replica_create_args *args,
			 const uint8_t *bytes,
			 struct replica_create_result *result);
int replica_token_zero(struct replica_ctx *ctx, const struct replica_create_args *args,
		       struct replica_create_result *result);
/* token-wait.c: for the state that args want, of the redeem that runs; a complete one ends. */
int replica_token_wait(struct replica_ctx *ctx, const struct replica_create_args *args,
		       struct replica_create_result *result);

/* create.c: all of the parameters that is no matter of devices; a return value. */
int replica_create_check(struct replica_ctx *ctx, const struct replica_create_args *args);

/*
 * token-state.c.  What /run knows of a token.  read: 0 or -errno, -ENOENT for none.  Both are
 * for who holds replica_lock_tables(), or only looks.
 */
enum replica_token_end { REPLICA_TOKEN_LIVES, REPLICA_TOKEN_RELEASED, REPLICA_TOKEN_EXPIRED };

struct replica_token_state {
	uint32_t timeout_ms;
	uint64_t used_ms;		/* captured or redeemed, in the time of the boot */
	uint64_t captured;		/* time of day, ms; 0: not known */
	unsigned int ended;		/* enum replica_token_end */
};

int replica_token_state_read(struct replica_ctx *ctx, const char *id,
			     struct replica_token_state *state);
int replica_token_state_write(struct replica_ctx *ctx, const char *id,
			      const struct replica_token_state *state);
/* It is used now; and, it has ended so. */
void replica_token_touch(struct replica_ctx *ctx, const char *id);
void replica_token_ended(struct replica_ctx *ctx, const char *id, enum replica_token_end how);
/* Milliseconds since the boot, and those that are left; pure, the latter. */
uint64_t replica_boot_ms(void);
uint64_t replica_token_left(const struct replica_token_state *state, uint64_t now);
/* The id of this boot; "" if the kernel does not tell. */
void replica_boot_id(struct replica_ctx *ctx, char id[REPLICA_UUID_TEXT]);

/*
 * token-find.c.  id_of: what follows the prefix, NULL if uuid does not begin so.  token_id: of
 * a token.  leg_lies_on: is the map a leg on the token with that number?  leg_on: the first
 * that is.  verify: the bytes of path by the key of this machine.  find: the snapshot of a token,
 * or why there is none any more; its store has room; snap is to be cleared in any case.
 */
const char *replica_id_of(const char *uuid, const char *prefix);
const char *replica_token_id(const char *uuid);
const struct replica_lines *replica_map_by_uuid(const struct replica_maps *maps,
						const char *prefix, const char *id);
bool replica_leg_lies_on(const struct replica_lines *map, dev_t token);
const struct replica_lines *replica_leg_on(const struct replica_maps *maps, dev_t token);
const struct replica_lines *replica_redeem_of(const struct replica_maps *maps,
					      const struct replica_lines *leg);
int replica_token_verify(struct replica_ctx *ctx, const char *path,
			 const uint8_t *bytes,
			 struct replica_token_data *data);
int replica_token_find(struct replica_ctx *ctx, const struct replica_token_data *data,
		       struct replica_snap *snap);
/* 0 or -ENOMEM: what a snapshot's info says more of a token. */
int replica_token_describe(const struct replica_snap *snap, struct replica_info *info);

/*
 * token-head.c.  mark: the store of the token id of this machine, which has a key, is told as
 * that when the boot is over; a return value.  marked: is it one, with no data beside, of a
 * token that is not alive?  Nobody can bring a token back, so that what is left of one by a
 * crash or a boot is no data.
 */
int replica_token_mark(struct replica_ctx *ctx, const struct replica_blockdev *store,
		       const char *id);
bool replica_token_marked(struct replica_ctx *ctx, const char *path);

/*
 * token-end.c.  tend: replica_token_expire() for who does something else; the error stays.
 * tidy: legs of redeems that are gone go; for who ends a redeem, the error stays.  tidy_of: the
 * same for who ends what may be a token.
 * below: the token that a leg, which may be NULL, lies on.
 * is_redeem: does the name belong to one?  check_end: the end of a token, which may be that of
 * a timer, does not wake a source that somebody has suspended; of any other snapshot success.
 */
const struct replica_lines *replica_token_below(const struct replica_maps *maps,
						const struct replica_lines *leg);
int replica_token_check_end(const struct replica_snap *snap);
void replica_token_tend(struct replica_ctx *ctx);
void replica_token_tidy(struct replica_ctx *ctx);
void replica_token_tidy_of(struct replica_ctx *ctx, const char *name);
bool replica_is_redeem(struct replica_ctx *ctx, const char *name);

#endif /* _REPLICA_TOKEN_PRIVATE_H */
