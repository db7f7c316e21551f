// SPDX-License-Identifier: GPL-2.0-or-later
/* Help, generated from the tables of commands and options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "report.h"

static const char * const group_titles[GROUP_COUNT] = {
	[GROUP_MAKE] = "Make a replica",
	[GROUP_LOOK] = "Look at replicas",
	[GROUP_WORK] = "Work on a replica",
	[GROUP_LOG] = "Look at meta devices",
	[GROUP_HELP] = "Help",
};

static void show_option(struct out *out, const struct option *option)
{
	char *synopsis;

	if (option->letter)
		synopsis = mem_format("-%c, --%s", option->letter, option->name);
	else
		synopsis = mem_format("--%s%s%s", option->name, option->arg ? " " : "",
				      option->arg ? option->arg : "");
	out_row(out);
	out_string(out, KEY("Option", NULL, "OPTION"), synopsis);
	out_string(out, KEY("Help", NULL, "HELP"), option->help);
	out_end(out);
	free(synopsis);
}

static void show_options(struct out *out, struct out_key key, const struct option *table,
			 size_t count)
{
	size_t i;

	out_plain_list(out, key);
	for (i = 0; i < count; i++)
		show_option(out, &table[i]);
	out_end(out);
}

/* Padded, so that the groups line up with each other. */
static void show_summary(struct out *out, const struct command *command)
{
	char *words = mem_format("%s %s", command->name, command->args);
	char *synopsis = mem_format("%-22s", words);

	out_row(out);
	out_string(out, KEY_JSON("Command"), command->name);
	out_string(out, KEY_JSON("Arguments"), command->args);
	out_string(out, KEY(NULL, NULL, "COMMAND"), synopsis);
	out_string(out, KEY("Help", NULL, "HELP"), command->help);
	out_end(out);
	free(words);
	free(synopsis);
}

static void show_group(struct out *out, enum command_group group)
{
	static const char * const members[GROUP_COUNT] = {
		"MakeCommands", "LookCommands", "WorkCommands", "LogCommands", "HelpCommands",
	};
	size_t i;

	out_plain_list(out, KEY(members[group], group_titles[group], NULL));
	for (i = 0; commands[i]; i++)
		if (commands[i]->group == group)
			show_summary(out, commands[i]);
	out_end(out);
}

static void show_program(struct out *out)
{
	unsigned int group;

	out_message(out, "Usage: replicactl [--json] COMMAND [ARGUMENT]... [OPTION]...");
	out_note(out, "Keeps a copy of one block device, the origin, on another, the replica,\n"
		      "while the origin is in use.");
	for (group = 0; group < GROUP_HIDDEN; group++)
		show_group(out, group);
	show_options(out, KEY("GlobalOptions", "Options", NULL), global_option_table,
		     nr_global_options);
	out_note(out,
		 "'replicactl COMMAND --help' tells more about a command; replicactl(8) tells all.");
}

static void show_command(struct out *out, const struct command *about)
{
	out_message(out, "Usage: replicactl %s%s%s%s", about->name, *about->args ? " " : "",
		    about->args, about->nr_options ? " [OPTION]..." : "");
	out_note(out, "%s.", about->help);
	if (about->details)
		out_note(out, "%s", about->details);
	show_options(out, KEY("Options", "Options", NULL), about->options, about->nr_options);
	show_options(out, KEY("GlobalOptions", "Options of every command", NULL),
		     global_option_table, nr_global_options);
}

int help_show(struct cli *cli, const struct command *about)
{
	struct out *out = out_new(&cli->style, "help");

	if (about)
		show_command(out, about);
	else
		show_program(out);
	return report_finish(cli, out, REPLICA_SUCCESS);
}
