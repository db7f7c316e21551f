/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What to do about an error. */
#ifndef REPLICACTL_HINT_H
#define REPLICACTL_HINT_H

#include <replica/libreplica.h>

/* For an error of the library about the replica name (or NULL); NULL: none known. */
char *hint_make(const struct replica_error *err, const char *name);
/* For an operation that the state of name allows with --force only; NULL: it is not one. */
char *hint_force(const char *name, unsigned int operation);

/* The devices of a preflight. */
struct hint_devices {
	const char *source;
	const char *target;
	const char *meta;	/* NULL: none */
};

/* For what a preflight found; NULL: none known.  All are to be freed. */
char *hint_finding(const struct replica_finding *finding, const struct hint_devices *devices);

#endif /* REPLICACTL_HINT_H */
