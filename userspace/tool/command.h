/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command of the tool is a row: its name, its handler, what it takes, and the
 * help that is generated from all that.
 */
#ifndef REPLICACTL_COMMAND_H
#define REPLICACTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <replica/libreplica.h>

#include "compiler.h"
#include "exit-codes.h"
#include "options.h"
#include "output.h"

/* What completes an argument; the words themselves are cmd-complete.c's. */
enum complete {
	COMPLETE_NOTHING,
	COMPLETE_NAME,
	COMPLETE_DEVICE,
	COMPLETE_SETTING,
	COMPLETE_STATE,
	COMPLETE_SYNC_TYPE,
	COMPLETE_OFFLOAD,
	COMPLETE_MODE,
	COMPLETE_PROTECT,
	COMPLETE_COMMAND,
	COMPLETE_JOB,
	COMPLETE_LOG,		/* a replica that could be activated, or a device */
	COMPLETE_META,		/* a device, or the word "pool" */
	COMPLETE_TOKEN,		/* a file, or the word "zero" */
	COMPLETE_TOKEN_WORK,
	COMPLETE_TOKEN_NAME,	/* a name, or a file */
};

enum command_group {
	GROUP_MAKE,
	GROUP_LOOK,
	GROUP_WORK,
	GROUP_LOG,
	GROUP_HELP,
	GROUP_HIDDEN,

	GROUP_COUNT
};

/* One run of the tool. */
struct cli {
	struct out_style style;
	struct replica_ctx *ctx;
	const struct command *command;
	char **args;		/* what is neither command nor option */
	int nr_args;
	void *options;		/* the structure of command->options, filled */
};

struct command {
	const char *name;
	enum command_group group;
	/* Does the work and shows it; returns the exit status. */
	int (*run)(struct cli *cli);
	int min_args;
	int max_args;		/* -1: any number */
	const char *args;	/* as help shows them, "SOURCE TARGET" */
	enum complete complete[3];	/* the last one repeats */
	const char *help;	/* one line, no full stop */
	const char *details;	/* sentences, wrapped at 78 columns; NULL: none */
	const struct option *options;
	size_t nr_options;
	size_t options_size;	/* bytes of the structure they fill */
	const void *defaults;	/* what is in it at first; NULL: zeroes */
};

/* commands.c: every command, ended by NULL. */
extern const struct command * const commands[];
const struct command *command_find(const char *name);
/* Complains about a command that is none; the exit status. */
int command_unknown(struct cli *cli, const char *name);

#define REPLICACTL_VERSION "1.0.0"

/* cmd-*.c, in the order of help */
extern const struct command cmd_create, cmd_check, cmd_activate, cmd_deactivate;
extern const struct command cmd_status, cmd_wait, cmd_jobs, cmd_events, cmd_capabilities;
extern const struct command cmd_scan, cmd_dump, cmd_fsck;
extern const struct command cmd_set, cmd_confirm, cmd_cancel, cmd_detach, cmd_finish, cmd_remove;
extern const struct command cmd_return, cmd_token;
extern const struct command cmd_suspend, cmd_resume, cmd_fracture, cmd_split, cmd_resync;
extern const struct command cmd_reverse, cmd_failover, cmd_failback, cmd_prepare;
extern const struct command cmd_dissolve;
extern const struct command cmd_abort, cmd_verify, cmd_resize, cmd_mode, cmd_restore;
extern const struct command cmd_test;
extern const struct command cmd_help, cmd_version, cmd_complete, cmd_udev, cmd_udev_links;
extern const struct command cmd_finish_unit, cmd_discover, cmd_protect_unit, cmd_offload;

/* help.c: help of one command, or of the program for NULL; the exit status. */
int help_show(struct cli *cli, const struct command *about);

#endif /* REPLICACTL_COMMAND_H */
