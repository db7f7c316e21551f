// SPDX-License-Identifier: GPL-2.0-or-later
/* Parses the command line by the tables of the commands. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "report.h"
#include "suggest.h"

/* ---- Readers ---- */

const char *read_flag(const char *value, void *field)
{
	(void)value;
	*(bool *)field = true;
	return NULL;
}

const char *read_text(const char *value, void *field)
{
	if (!*value)
		return "something that is not empty";
	*(const char **)field = value;
	return NULL;
}

/* A decimal number and nothing else. */
static bool read_number(const char *value, unsigned long max, unsigned long *number)
{
	char *end;

	if (*value < '0' || *value > '9')
		return false;
	errno = 0;
	*number = strtoul(value, &end, 10);
	return !errno && !*end && *number <= max;
}

const char *read_count(const char *value, void *field)
{
	unsigned long number;

	if (!read_number(value, UINT32_MAX, &number) || !number)
		return "a number from 1 to 4294967295";
	*(uint32_t *)field = number;
	return NULL;
}

const char *read_seconds(const char *value, void *field)
{
	uint64_t ms;

	if (replica_parse_duration(value, 1000, &ms) || !ms || ms > UINT32_MAX)
		return "a time from 1ms to 49d, such as 30, 30s or 5m";
	*(uint32_t *)field = ms;
	return NULL;
}

/* The longest that there may be is the library's to say. */
const char *read_objective(const char *value, void *field)
{
	uint64_t ms;

	if (replica_parse_duration(value, 1000, &ms) || ms > UINT32_MAX)
		return "a time from 100ms to 1d, such as 15, 500ms or 5m, or 0 for none";
	*(uint32_t *)field = ms;
	return NULL;
}

/* 0 is none, and what is not given. */
const char *read_interval(const char *value, void *field)
{
	uint64_t ms;

	if (replica_parse_duration(value, 1000, &ms) || !ms || ms > UINT32_MAX)
		return "a time from 1s to 1d, such as 30, 30s or 5m";
	*(uint32_t *)field = ms;
	return NULL;
}

const char *read_size(const char *value, void *field)
{
	uint64_t bytes;

	if (replica_parse_size(value, &bytes) || !bytes)
		return "a size, such as 500G, 8MiB or a number of bytes";
	*(uint64_t *)field = bytes;
	return NULL;
}

/* Which shares make sense is the library's to say. */
const char *read_store_size(const char *value, void *field)
{
	struct store_size *store = field;
	size_t len = strlen(value);
	char digits[16];
	unsigned long percent;

	*store = (struct store_size){ .bytes = 0 };
	if (!len || value[len - 1] != '%') {
		if (replica_parse_size(value, &store->bytes) || !store->bytes)
			return "a size, such as 20G, or a share of SOURCE, such as 25%";
		return NULL;
	}
	snprintf(digits, sizeof(digits), "%.*s", (int)(len - 1), value);
	if (len > sizeof(digits) || !read_number(digits, UINT32_MAX, &percent) || !percent)
		return "a whole percentage, such as 25%, or a size";
	store->percent = percent;
	return NULL;
}

/*
 * CIM reserves numbers for later and for vendors.  They are no mistake of the
 * command line: what they mean is the library's to say.
 */
static bool read_enum(enum replica_enum which, const char *value, void *field)
{
	unsigned int number;
	unsigned long any;

	if (!replica_enum_value(which, value, &number)) {
		*(uint32_t *)field = number;
		return true;
	}
	if (!read_number(value, UINT16_MAX, &any))
		return false;
	*(uint32_t *)field = any;
	return true;
}

const char *read_sync_type(const char *value, void *field)
{
	if (read_enum(REPLICA_ENUM_SYNC_TYPE, value, field))
		return NULL;
	return "mirror, snapshot, clone, tokenized-clone or a CIM number";
}

const char *read_protect(const char *value, void *field)
{
	return read_enum(REPLICA_ENUM_PROTECT, value, field) ? NULL : "none or snapshot";
}

const char *read_offload(const char *value, void *field)
{
	if (read_enum(REPLICA_ENUM_OFFLOAD, value, field))
		return NULL;
	return "auto, never or must";
}

const char *read_mode(const char *value, void *field)
{
	/* For the library 0 is a mode that was not given. */
	if (read_enum(REPLICA_ENUM_MODE, value, field) && *(uint32_t *)field)
		return NULL;
	return "sync, async, adaptive or a CIM number";
}

const char *read_state(const char *value, void *field)
{
	unsigned int number;

	if (replica_enum_value(REPLICA_ENUM_COPY_STATE, value, &number))
		return "a copy state, such as synchronized or fractured";
	*(uint32_t *)field = number;
	return NULL;
}

/* ---- Tables ---- */

const struct option global_option_table[] = {
	{ "json", 'j', NULL, "Show JSON, errors too", read_flag,
	  offsetof(struct global_options, json), COMPLETE_NOTHING },
	{ "help", 'h', NULL, "Show help, of a command if one is given", read_flag,
	  offsetof(struct global_options, help), COMPLETE_NOTHING },
	{ "version", 'V', NULL, "Show the versions of tool, library and kernel module", read_flag,
	  offsetof(struct global_options, version), COMPLETE_NOTHING },
};

const size_t nr_global_options = ARRAY_SIZE(global_option_table);

/* One word of the command line that begins with a dash, taken apart. */
struct word {
	const char *text;	/* as typed, for complaints */
	char *name;		/* "timeout" of "--timeout=5"; NULL: a short option */
	char letter;
	const char *value;	/* after "=", or NULL */
};

static const struct option *table_find(const struct option *table, size_t count,
				       const struct word *word)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (word->name ? !strcmp(table[i].name, word->name) :
				 table[i].letter == word->letter)
			return &table[i];
	return NULL;
}

static const char *nearest_option(const struct command *command, const char *name)
{
	struct suggestion suggestion;
	size_t i;

	suggest_start(&suggestion, name);
	for (i = 0; command && i < command->nr_options; i++)
		suggest_offer(&suggestion, command->options[i].name);
	for (i = 0; i < nr_global_options; i++)
		suggest_offer(&suggestion, global_option_table[i].name);
	return suggestion.best;
}

/* ---- Parsing ---- */

struct parser {
	struct cli *cli;
	struct global_options *global;
	int argc;
	char **argv;
	int next;		/* index of the next word */
};

static int unknown_option(struct parser *parser, const struct word *word)
{
	const struct command *command = parser->cli->command;
	const char *near = word->name ? nearest_option(command, word->name) : NULL;

	if (near)
		return report_usage(parser->cli, word->text,
				    "unknown option '%s'; did you mean '--%s'?", word->text, near);
	if (command)
		return report_usage(parser->cli, word->text, "'%s' has no option '%s'",
				    command->name, word->text);
	return report_usage(parser->cli, word->text,
			    "unknown option '%s'; options of a command follow its name",
			    word->text);
}

static int take_value(struct parser *parser, const struct option *option, const struct word *word,
		      void *fields)
{
	const char *value = word->value, *expected;

	if (!option->arg && value && word->letter)
		return report_usage(parser->cli, word->text,
				    "'%s' is more than one option; write each by itself, as in '-j -V'",
				    word->text);
	if (!option->arg && value)
		return report_usage(parser->cli, option->name, "'--%s' takes no value",
				    option->name);
	if (option->arg && !value) {
		if (parser->next >= parser->argc)
			return report_usage(parser->cli, option->name,
					    "'--%s' needs a value: --%s %s", option->name,
					    option->name, option->arg);
		value = parser->argv[parser->next++];
	}
	expected = option->read(value, (char *)fields + option->offset);
	if (expected)
		return report_usage(parser->cli, option->name, "'--%s' is '%s', expected %s",
				    option->name, value, expected);
	return 0;
}

static int take_option(struct parser *parser, const struct word *word)
{
	const struct command *command = parser->cli->command;
	const struct option *option = NULL;

	if (command)
		option = table_find(command->options, command->nr_options, word);
	if (option)
		return take_value(parser, option, word, parser->cli->options);
	option = table_find(global_option_table, nr_global_options, word);
	if (option)
		return take_value(parser, option, word, parser->global);
	return unknown_option(parser, word);
}

static int take_dashed(struct parser *parser, char *text)
{
	struct word word = { .text = text };
	char *equals = strchr(text, '=');
	int status;

	if (text[1] == '-') {
		word.name = mem_text(text + 2);
		if (equals) {
			word.name[equals - text - 2] = '\0';
			word.value = equals + 1;
		}
	} else {
		word.letter = text[1];
		word.value = text[2] ? text + 2 : NULL;
	}
	status = take_option(parser, &word);
	free(word.name);
	return status;
}

static int take_plain(struct cli *cli, char *text)
{
	/* A variable of a script that was not set. */
	if (cli->command && !text[0] && cli->command->group != GROUP_HIDDEN)
		return report_usage(cli, cli->command->args, "an argument of '%s' is empty",
				    cli->command->name);
	if (cli->command) {
		cli->args[cli->nr_args++] = text;
		return 0;
	}
	cli->command = command_find(text);
	if (!cli->command)
		return command_unknown(cli, text);
	cli->options = mem_zero(1, cli->command->options_size + 1);
	if (cli->command->defaults)
		memcpy(cli->options, cli->command->defaults, cli->command->options_size);
	return 0;
}

static int check_count(struct cli *cli)
{
	const struct command *command = cli->command;

	if (cli->nr_args < command->min_args)
		return report_usage(cli, command->args, "'%s' needs %s", command->name,
				    command->args);
	if (command->max_args >= 0 && cli->nr_args > command->max_args)
		return report_usage(cli, cli->args[command->max_args],
				    "'%s' is one argument too many for '%s'",
				    cli->args[command->max_args], command->name);
	return 0;
}

/* A complaint about the command line is JSON too, wherever --json stands in it. */
static bool wants_json(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			return true;
	return false;
}

int options_parse(struct cli *cli, struct global_options *global, int argc, char **argv)
{
	struct parser parser = { cli, global, argc, argv, 1 };
	bool dashes = true;
	int status = 0;

	cli->style.json = wants_json(argc, argv);
	cli->args = mem_zero(argc + 1, sizeof(*cli->args));
	while (!status && parser.next < argc) {
		char *text = argv[parser.next++];

		if (dashes && !strcmp(text, "--"))
			dashes = false;
		else if (dashes && text[0] == '-' && text[1])
			status = take_dashed(&parser, text);
		else
			status = take_plain(cli, text);
		/* __complete gets the words of another command line. */
		if (cli->command && cli->command->group == GROUP_HIDDEN &&
		    !cli->command->nr_options)
			dashes = false;
	}
	if (!status)
		cli->style.json = global->json;
	if (status || global->help || global->version || !cli->command)
		return status;
	return check_count(cli);
}
