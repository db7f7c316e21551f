/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tokenized clones (SyncType 9 of replica_create_replica()), and the file of a token.  Part of
 * libreplica.h, which says what holds for all of it.
 *
 * A capture (source, store and token given) takes a point in time of a mapped device in use
 * and names it by a file that must not exist yet.  A redeem (token and target_storage_volume
 * given, no source) makes a volume what the source was then: a job of the kernel, for as
 * many volumes as wanted, at once too.  A token ends when it is released, when it was not
 * redeemed for its inactivity timeout, and with the boot of the machine.
 *
 * The file has 512 bytes, as the token of T10's copy offload has, and begins as that does.
 * Numbers are big-endian, text is filled up with zeroes:
 *
 *	  0   4	type: FFFFFFF0h, which T10 leaves to vendors
 *	  4   2	0
 *	  6   2	01F8h, bytes that follow
 *	  8   8	"DMREPTOK"
 *	 16   2	version: 1
 *	 18   2	hash: 1, HMAC-SHA-256
 *	 20   4	inactivity timeout, milliseconds
 *	 24   8	size of the data, bytes
 *	 32   8	time of the capture, milliseconds since the Unix epoch
 *	 40  40	id of the token, a uuid in lower case
 *	 80  40	id of the boot that it lives in, /proc/sys/kernel/random/boot_id
 *	120 128	name of the mapped device that is the point in time
 *	248 232	0
 *	480  32	keyed hash of bytes 0 to 479
 *
 * The key is 32 random bytes in /var/lib/dm-replica/token.key, made at the first capture,
 * for root alone.  So a token of another machine, and one of which a single bit was changed,
 * is refused; who may read the file of a token may redeem it, if device-mapper obeys him.
 *
 * The zero token stands for zeroes, whatever the size.  It is T10's: type FFFF0001h, 0,
 * 01F8h, and zeroes from byte 8 on.  It has no hash, never expires, and needs no file;
 * its zeroes are written within the call.
 */
#ifndef _REPLICA_TOKEN_H
#define _REPLICA_TOKEN_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REPLICA_TOKEN_BYTES	512

/* As token of replica_create_args: the zero token.  "./zero" is a file of that name. */
#define REPLICA_TOKEN_ZERO	"zero"

/*
 * The inactivity timeout that a token has by default: as long as a storage job that is
 * over is to be kept for those who ask, 15 minutes.
 */
#define REPLICA_TOKEN_TIMEOUT_MS	900000

/* Of a replica_info that is the point in time of a token. */
struct replica_token {
	char *id;
	uint32_t timeout_ms;
	uint64_t expires_ms;		/* from now on, if nobody redeems it; 0: it has */
	uint32_t redeems;		/* that have not ended; it does not expire meanwhile */
};

/*
 * The devices of a redeem copy by themselves where they can: from where the captured source
 * has its data to the target, by SCSI EXTENDED COPY or NVMe Copy, as far as the source has not
 * been written to since the capture.  The kernel copies the rest.  A process of its own sends
 * the commands, which replica_create_replica() starts; it is this, for the redeem of that name,
 * and ends when it has done what it could.  What a device refuses is no failure.
 */
int replica_offload_run(struct replica_ctx *ctx, const char *name);

/*
 * Releases a token, by its file or by its name: the source gets its table back, the store is
 * free, the file stays and is worth nothing.  REPLICA_FAILED with SMErrorCode 6 while it is
 * redeemed, REPLICA_NOT_FOUND when it has ended already, REPLICA_INVALID_PARAMETER for a file
 * that is no token of this machine.
 */
int replica_token_release(struct replica_ctx *ctx, const char *file_or_name);

/*
 * Ends redeems that have been complete for 15 minutes, and then the tokens that have expired.
 * Every capture and redeem does it too, but one that writes zeroes or is a dry run.  *count may
 * be NULL: how many tokens went, also when one could not be ended, which is the failure then.
 */
int replica_token_expire(struct replica_ctx *ctx, uint32_t *count);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_TOKEN_H */
