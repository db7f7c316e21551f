/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Origin and replica change places.
 */
#ifndef DM_REPLICA_SWAP_H
#define DM_REPLICA_SWAP_H

#include "dm-replica-io.h"

/**
 * struct replica_swap - what is to be so before and afterwards
 * @from: copy states, bits; it has to be one of them until the last moment
 * @equal: the legs have to be equal, and both flushed
 * @back: they change places once more when they are in step
 * @unused: nobody has the mapped device open, and nobody may have at that moment
 * @to: copy state afterwards
 * @job: type of the job that copies what differs from then on; 0: none
 * @reason: sentence
 */
struct replica_swap {
	u32 from;
	bool equal;
	bool back;
	bool unused;
	u16 to;
	u16 job;
	const char *reason;
};

/**
 * replica_swap_legs - exchange the legs of an association in use
 * @job_id: set to the number of the job, if one was started
 * @error: set to a sentence when the return value is negative
 * op_mutex held, the device not suspended.  May sleep, for some seconds at most; I/O waits
 * meanwhile.  Return: 0, or a negative errno when nothing has changed.
 */
int replica_swap_legs(struct replica *replica, const struct replica_swap *swap, u32 *job_id,
		      const char **error);

/* If the legs are to change back and are in step now, have it done.  Any context. */
void replica_swap_back_soon(struct replica *replica, unsigned int ms);
/* Work of replica->back_work. */
void replica_swap_back_work(struct work_struct *work);

#endif /* DM_REPLICA_SWAP_H */
