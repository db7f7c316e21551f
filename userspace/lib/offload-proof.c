// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Has a disk copied what it says?  Nobody can look at everything: then it need not copy.  But
 * one that takes commands and does nothing, reads another disk of that name, or counts in other
 * blocks, does so from its first command on.  So a block at the end of what a command copied is
 * read, before and behind it, and compared with its source; until one of them has become what
 * it was not, which only the command can have done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "offload.h"

#define SAMPLE		4096U		/* bytes, or a block that is larger */

static int read_end(int fd, uint64_t at, uint64_t length, uint8_t *into, size_t bytes)
{
	ssize_t got = pread(fd, into, bytes, at + length - bytes);

	if (got < 0)
		return -errno;
	return (size_t)got == bytes ? 0 : -EIO;
}

int replica_proof_take(struct replica_proof *proof, int to_fd, uint64_t to, uint64_t bytes,
		       uint32_t block)
{
	size_t room = block > SAMPLE ? block : SAMPLE;

	proof->lies = false;
	if (proof->proven)
		return 0;
	/* Then, behind it, and its source. */
	if (!proof->room && posix_memalign((void **)&proof->room, room, 3 * room)) {
		proof->room = NULL;
		return -ENOMEM;
	}
	proof->bytes = bytes < room ? bytes : room;
	return read_end(to_fd, to, bytes, proof->room, proof->bytes);
}

int replica_proof_see(struct replica_proof *proof, int from_fd, uint64_t from, int to_fd,
		      uint64_t to, uint64_t bytes)
{
	size_t room = proof->bytes > SAMPLE ? proof->bytes : SAMPLE;
	uint8_t *now = proof->room + room, *source = now + room;
	int r;

	if (proof->proven)
		return 0;
	r = read_end(to_fd, to, bytes, now, proof->bytes);
	if (!r)
		r = read_end(from_fd, from, bytes, source, proof->bytes);
	if (r)
		return r;
	proof->lies = memcmp(now, source, proof->bytes) != 0;
	proof->proven = !proof->lies && memcmp(now, proof->room, proof->bytes) != 0;
	return 0;
}

void replica_proof_free(struct replica_proof *proof)
{
	free(proof->room);
	*proof = (struct replica_proof){ .room = NULL };
}
