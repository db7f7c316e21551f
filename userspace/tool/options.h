/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of the command line: typed, and described by const tables. */
#ifndef REPLICACTL_OPTIONS_H
#define REPLICACTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;
struct option;

/*
 * Reads value into field.  Returns NULL, or what was expected ("a number from
 * 1 to 10"), to be used in a sentence.
 */
typedef const char *(*option_read_fn)(const char *value, void *field);

struct option {
	const char *name;	/* without the dashes */
	char letter;		/* short form, 0: none */
	const char *arg;	/* name of its value in help; NULL: a flag */
	const char *help;	/* one line */
	option_read_fn read;
	size_t offset;		/* of its field in the structure of options */
	int complete;		/* enum complete, of the value */
};

#define OPTION_FLAG(type, field, name, help) \
	{ name, 0, NULL, help, read_flag, offsetof(type, field), 0 }
#define OPTION(type, field, name, arg, read, complete, help) \
	{ name, 0, arg, help, read, offsetof(type, field), complete }

/* How large a store is to be: one of the two is 0, or neither is given. */
struct store_size {
	uint64_t bytes;
	uint32_t percent;	/* of the source */
};

/* Readers, each for the type of field it names. */
const char *read_flag(const char *value, void *field);		/* bool */
const char *read_text(const char *value, void *field);		/* const char * */
const char *read_count(const char *value, void *field);		/* uint32_t, from 1 */
const char *read_seconds(const char *value, void *field);	/* uint32_t, ms */
const char *read_interval(const char *value, void *field);	/* uint32_t, ms, 0: not given */
const char *read_objective(const char *value, void *field);	/* uint32_t, ms, 0: none */
const char *read_size(const char *value, void *field);		/* uint64_t, bytes */
const char *read_store_size(const char *value, void *field);	/* struct store_size */
const char *read_sync_type(const char *value, void *field);	/* uint32_t */
const char *read_offload(const char *value, void *field);	/* uint32_t */
const char *read_mode(const char *value, void *field);		/* uint32_t */
const char *read_protect(const char *value, void *field);	/* uint32_t */
const char *read_state(const char *value, void *field);		/* uint32_t */

/* Options that every command has. */
struct global_options {
	bool json;
	bool help;
	bool version;
};

extern const struct option global_option_table[];
extern const size_t nr_global_options;

/*
 * Takes the options out of argv and leaves the rest, in order, in cli->args;
 * the first of the rest chooses cli->command.  Returns 0, or the exit status
 * after a complaint has been shown.
 */
int options_parse(struct cli *cli, struct global_options *global, int argc, char **argv);

#endif /* REPLICACTL_OPTIONS_H */
