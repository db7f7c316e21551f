/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exit statuses that are not those of a CreateReplica return value, for which
 * see replica_return_exit_status(); replicactl(8) lists all of them.
 */
#ifndef REPLICACTL_EXIT_CODES_H
#define REPLICACTL_EXIT_CODES_H

enum {
	EXIT_RESOURCES = 12,	/* no memory even to say so, as 40002 */
	EXIT_USAGE = 64,	/* the command line makes no sense */
	EXIT_DIFFERS = 65,	/* a verify found the devices different */
	EXIT_OUTPUT = 74,	/* the output could not be written */
	EXIT_INTERRUPTED = 130,	/* a wait was ended by SIGINT or SIGTERM */
};

#endif /* REPLICACTL_EXIT_CODES_H */
