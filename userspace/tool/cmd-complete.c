// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replicactl __complete WORD...: what may stand in the place of the last word,
 * one possibility a line, for the shell.  It comes from the same tables as help
 * and parsing, and never complains.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"

/* ---- The words of each kind ---- */

/* The shell completes paths itself; this word asks it to. */
static void offer_devices(void)
{
	out_line("@device");
}

static void offer_names(struct cli *cli)
{
	struct replica_info *list = NULL, *info;

	if (replica_list(cli->ctx, &list))
		return;
	for (info = list; info; info = info->next)
		out_line(info->name);
	replica_info_free(list);
}

static void offer_jobs(struct cli *cli)
{
	struct replica_job *list = NULL, *job;
	char *text;

	if (cli->nr_args < 3 || replica_jobs(cli->ctx, cli->args[1], &list))
		return;
	for (job = list; job; job = job->next) {
		if (job->state >= DM_REPLICA_JOB_COMPLETED)
			continue;
		text = mem_format("%u", job->id);
		out_line(text);
		free(text);
	}
	replica_job_free(list);
}

/* Reads all block devices: only root can, and only for those not active. */
static void offer_logs(struct cli *cli)
{
	struct replica_meta_entry *list = NULL, *entry;

	if (!replica_meta_scan(cli->ctx, NULL, 0, &list))
		for (entry = list; entry; entry = entry->next)
			if (!entry->active && entry->name && *entry->name)
				out_line(entry->name);
	replica_meta_entry_free(list);
	offer_devices();
}

/* Names of an enumeration as options take them: "tokenized-clone". */
static void offer_enum(enum replica_enum which)
{
	const char *name;
	unsigned int value;
	char *text, *c;
	size_t i;

	for (i = 0; !replica_enum_entry(which, i, &value, &name); i++) {
		text = mem_text(name);
		for (c = text; *c; c++)
			*c = *c == ' ' ? '-' : *c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c;
		out_line(text);
		free(text);
	}
}

/* "payload=copy", one for each word that the enumeration has. */
static void offer_choices(const char *key, enum replica_enum which)
{
	const char *name;
	unsigned int value;
	char *text;
	size_t i;

	for (i = 0; !replica_enum_entry(which, i, &value, &name); i++) {
		text = mem_format("%s=%s", key, name);
		out_line(text);
		free(text);
	}
}

static void offer_settings(void)
{
	static const struct {
		const char *key;
		enum replica_enum which;
	} choices[] = {
		{ "payload", REPLICA_ENUM_PAYLOAD },
		{ "on_replica_error", REPLICA_ENUM_ON_ERROR },
		{ "recovery", REPLICA_ENUM_RECOVERY },
		{ "discard", REPLICA_ENUM_DISCARD },
		{ "on_meta_error", REPLICA_ENUM_ON_META_ERROR },
		{ "overflow", REPLICA_ENUM_OVERFLOW },
		{ "copy_priority", REPLICA_ENUM_COPY_PRIORITY },
		{ "protect", REPLICA_ENUM_PROTECT },
	};
	const char *key;
	char *text;
	size_t i, j;

	for (i = 0; (key = replica_settings_key(i)); i++) {
		for (j = 0; j < ARRAY_SIZE(choices); j++)
			if (!strcmp(choices[j].key, key))
				break;
		if (j < ARRAY_SIZE(choices)) {
			offer_choices(key, choices[j].which);
			continue;
		}
		text = mem_format("%s=", key);
		out_line(text);
		free(text);
	}
}

static void offer_commands(void)
{
	size_t i;

	for (i = 0; commands[i]; i++)
		if (commands[i]->group != GROUP_HIDDEN)
			out_line(commands[i]->name);
}

static void offer_modes(void)
{
	out_line("sync");
	out_line("async");
	out_line("adaptive");
}

static void offer(struct cli *cli, int kind)
{
	switch (kind) {
	case COMPLETE_NAME:
		offer_names(cli);
		break;
	case COMPLETE_DEVICE:
		offer_devices();
		break;
	case COMPLETE_SETTING:
		offer_settings();
		break;
	case COMPLETE_STATE:
		offer_enum(REPLICA_ENUM_COPY_STATE);
		break;
	case COMPLETE_SYNC_TYPE:
		offer_enum(REPLICA_ENUM_SYNC_TYPE);
		break;
	case COMPLETE_PROTECT:
		offer_enum(REPLICA_ENUM_PROTECT);
		break;
	case COMPLETE_OFFLOAD:
		offer_enum(REPLICA_ENUM_OFFLOAD);
		break;
	case COMPLETE_MODE:
		offer_modes();
		break;
	case COMPLETE_COMMAND:
		offer_commands();
		break;
	case COMPLETE_JOB:
		offer_jobs(cli);
		break;
	case COMPLETE_LOG:
		offer_logs(cli);
		break;
	case COMPLETE_META:
		out_line(REPLICA_META_FROM_POOL);
		offer_devices();
		break;
	case COMPLETE_TOKEN:
		out_line(REPLICA_TOKEN_ZERO);
		out_line("@file");
		break;
	case COMPLETE_TOKEN_WORK:
		out_line("release");
		out_line("expire");
		break;
	case COMPLETE_TOKEN_NAME:
		out_line("@file");
		offer_names(cli);
		break;
	}
}

/* ---- The place of the word ---- */

static void offer_options(const struct option *table, size_t count)
{
	char *text;
	size_t i;

	for (i = 0; i < count; i++) {
		text = mem_format("--%s", table[i].name);
		out_line(text);
		free(text);
	}
}

/* The option of command that word gives a name to and that takes a value. */
static const struct option *option_with_value(const struct command *command, const char *word)
{
	size_t i;

	for (i = 0; i < command->nr_options; i++)
		if (!strncmp(word, "--", 2) && !strcmp(word + 2, command->options[i].name))
			return command->options[i].arg ? &command->options[i] : NULL;
	return NULL;
}

/* Which argument of the command the last word is, from 0. */
static int argument_index(const struct command *command, char **words, int count)
{
	int index = 0, i;

	for (i = 1; i < count - 1; i++) {
		if (option_with_value(command, words[i]))
			i++;
		else if (words[i][0] != '-')
			index++;
	}
	return index;
}

static void complete_argument(struct cli *cli, const struct command *command)
{
	int index = argument_index(command, cli->args, cli->nr_args), kind;

	if (command->max_args >= 0 && index >= command->max_args)
		return;
	if (index >= (int)ARRAY_SIZE(command->complete))
		index = ARRAY_SIZE(command->complete) - 1;
	while (index && !command->complete[index])
		index--;
	kind = command->complete[index];
	offer(cli, kind);
}

static int complete_run(struct cli *cli)
{
	const char *last = cli->nr_args ? cli->args[cli->nr_args - 1] : "";
	const char *before = cli->nr_args > 1 ? cli->args[cli->nr_args - 2] : "";
	const struct command *command = cli->nr_args > 1 ? command_find(cli->args[0]) : NULL;
	const struct option *option = command ? option_with_value(command, before) : NULL;

	if (option) {
		offer(cli, option->complete);
	} else if (last[0] == '-') {
		if (command)
			offer_options(command->options, command->nr_options);
		offer_options(global_option_table, nr_global_options);
	} else if (command) {
		complete_argument(cli, command);
	} else if (cli->nr_args <= 1) {
		offer_commands();
	}
	return 0;
}

const struct command cmd_complete = {
	.name = "__complete",
	.group = GROUP_HIDDEN,
	.run = complete_run,
	.max_args = -1,
	.args = "WORD...",
	.help = "Complete the last word of a command line",
};
