/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of settings: what settings.c and settings-cim.c share. */
#ifndef _REPLICA_SETTINGS_KEYS_H
#define _REPLICA_SETTINGS_KEYS_H

#include "replica-private.h"

struct replica_key {
	const char *name;
	/* 0 with members and bits of s set, or -EINVAL with the reason */
	int (*parse)(const char *value, struct replica_settings *s,
		     const char **why);
};

/* settings.c: what rpo and DesiredRPO have in common; 0 or -EINVAL. */
int replica_settings_rpo(uint64_t ms, struct replica_settings *s);
/* Likewise delta_ms and DeltaUpdateInterval. */
int replica_settings_delta(uint64_t ms, struct replica_settings *s);

/* settings-cim.c: the names of CIM and of MSFT_SMReplicationSettings. */
extern const struct replica_key replica_cim_keys[];
extern const size_t replica_nr_cim_keys;

/* Why a name that CIM or Microsoft knows is none of ours; NULL for any other. */
const char *replica_foreign_key(const char *name);

/*
 * Goals are settings that only the making of a replica has to do with, and the kernel
 * nothing: do they differ where both are set; those of from over those of to; are they
 * values at all (0, or -EINVAL with the member at fault)?
 */
bool replica_goals_contradict(const struct replica_settings *a,
			      const struct replica_settings *b);
void replica_goals_merge(struct replica_settings *to, const struct replica_settings *from);
int replica_goals_validate(const struct replica_settings *s, const char **key,
			   const char **why);

#endif /* _REPLICA_SETTINGS_KEYS_H */
