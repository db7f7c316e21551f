/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From return values and errors of the library to documents and exit statuses. */
#ifndef REPLICACTL_REPORT_H
#define REPLICACTL_REPORT_H

#include "command.h"

/* A document of the command that runs. */
struct out *report_new(struct cli *cli);

/* Shows the document; returns the exit status for the return value. */
int report_finish(struct cli *cli, struct out *out, int ret);

/*
 * Adds the library's last error to the document, then does as report_finish().
 * @name is the replica the command was about, or NULL; @hint says what to do,
 * NULL: one is made from the error.
 */
int report_failure(struct cli *cli, struct out *out, int ret, const char *name,
		   const char *hint);

/* As report_failure(), for a wait that a signal ended. */
int report_interrupted(struct cli *cli, struct out *out, const char *sentence);

/* A command line that makes no sense: always EXIT_USAGE. */
__printf(3, 4)
int report_usage(struct cli *cli, const char *parameter, const char *format, ...);

/* A call that the tool itself refuses: a return value, an SMErrorCode, a sentence. */
__printf(5, 6)
int report_refusal(struct cli *cli, int ret, int code, const char *parameter,
		   const char *format, ...);

#endif /* REPLICACTL_REPORT_H */
