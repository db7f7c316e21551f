/* SPDX-License-Identifier: GPL-2.0-or-later */
/* username and password of CreateReplica: never from the command line. */
#ifndef REPLICACTL_CREDENTIALS_H
#define REPLICACTL_CREDENTIALS_H

#include "command.h"

#define CREDENTIAL_LEN	256

struct credentials {
	char username[CREDENTIAL_LEN];
	char password[CREDENTIAL_LEN];
};

/*
 * From a file (NULL: none) of lines "username=..." and "password=...", which nobody but
 * its owner may read, or asked for on the terminal.  Returns 0, or the exit status after
 * a complaint has been shown.  To be wiped in both cases.
 */
int credentials_read(struct cli *cli, const char *file, bool ask,
		     struct credentials *credentials);
void credentials_wipe(struct credentials *credentials);

#endif /* REPLICACTL_CREDENTIALS_H */
