/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One document, shown as text or as JSON.
 *
 * A command describes what it has to say once, with the calls below; whether
 * that becomes an aligned block, a table or a JSON object is decided when the
 * document is finished.  Nothing else in the tool prints.
 *
 * A value has a key of three names: its member in JSON, its label in a block of
 * text, and its column in a table.  A name that is NULL leaves the value out of
 * that form.  All strings are copied.
 */
#ifndef REPLICACTL_OUTPUT_H
#define REPLICACTL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

#define OUT_SCHEMA_NAME		"replicactl"
#define OUT_SCHEMA_VERSION	1

struct out;

struct out_key {
	const char *json;
	const char *label;
	const char *column;
};

#define KEY(json, label, column) ((struct out_key){ json, label, column })
/* A value for programs only, and a line for people only. */
#define KEY_JSON(json) KEY(json, NULL, NULL)
#define KEY_TEXT(label) KEY(NULL, label, NULL)

enum out_tone {
	OUT_PLAIN,
	OUT_GOOD,
	OUT_BUSY,
	OUT_BAD,
	OUT_STRONG,
};

/* How documents are shown; set once from the command line and the terminal. */
struct out_style {
	bool json;
	bool stream;		/* many documents: one line each in JSON */
	bool redraw;		/* text of each document replaces the last one's */
	bool color;
	unsigned int width;	/* columns of the terminal, 0: none to draw on */
	unsigned int drawn;	/* lines on the screen to be replaced */
};

/*
 * What went wrong: the members of MSFT_SMExtendedStatus, and a hint.  A NULL
 * string is left out of the text.
 */
struct out_error {
	const char *sentence;		/* Description */
	const char *operation;		/* Operation */
	const char *parameter;		/* ParameterInfo */
	const char *provider;		/* ProviderName */
	unsigned int return_value;	/* StatusCode */
	unsigned int source;		/* SMErrorSource */
	bool from_kernel;		/* whose text "lower" is */
	unsigned int code;		/* SMErrorCode */
	const char *lower;		/* SMMessage: the text of the layer below */
	const char *details;		/* SMDetails */
	const char *hint;		/* Hint: what to do about it */
};

void out_style_detect(struct out_style *style);

/* Starts a document of @command; never fails. */
struct out *out_new(struct out_style *style, const char *command);

void out_string(struct out *out, struct out_key key, const char *value);
void out_number(struct out *out, struct out_key key, uint64_t value);
void out_bool(struct out *out, struct out_key key, bool value);
void out_bytes(struct out *out, struct out_key key, uint64_t bytes);
void out_rate(struct out *out, struct out_key key, uint64_t bytes_per_second);
void out_percent(struct out *out, struct out_key key, unsigned int percent);
/* A length of time, in milliseconds. */
void out_duration(struct out *out, struct out_key key, uint64_t ms);
/* A time of day, milliseconds since the epoch; 0 is "never". */
void out_time(struct out *out, struct out_key key, uint64_t ms);
/* A value that is not known: null in JSON, "-" in text. */
void out_none(struct out *out, struct out_key key);
/* A CIM number and its name; JSON has both, "Key" and "KeyDescription". */
void out_enum(struct out *out, struct out_key key, uint64_t value, const char *name);
/* A bar for text only. */
void out_bar(struct out *out, const char *label, unsigned int percent, const char *after);
/* Sets the tone of the value added last. */
void out_tone(struct out *out, enum out_tone tone);

void out_object(struct out *out, struct out_key key);
/* Lists of objects are tables in text, with a heading of column names. */
void out_list(struct out *out, struct out_key key);
/* As out_list, but without the heading. */
void out_plain_list(struct out *out, struct out_key key);
/* One entry of a list; ends with out_end() as objects and lists do. */
void out_row(struct out *out);
void out_end(struct out *out);

/* A sentence before everything else; "Message" in JSON. */
__printf(2, 3) void out_message(struct out *out, const char *format, ...);
/* A sentence that stands alone in the text, after what is there already. */
__printf(2, 3) void out_note(struct out *out, const char *format, ...);
/* A sentence for stderr; an entry of "Warnings" in JSON. */
__printf(2, 3) void out_warning(struct out *out, const char *format, ...);
/* A further sentence for stderr, of what is in the JSON already. */
void out_also(struct out *out, const char *sentence);
void out_error(struct out *out, const struct out_error *error);

/*
 * Shows the document and frees it.  @name is the name of @return_value, for
 * JSON.  Returns false when it could not be written (a closed pipe, a full
 * disk).
 */
bool out_finish(struct out *out, unsigned int return_value, const char *name);

/* Words for completion and the like: plain lines in every format. */
bool out_line(const char *text);

/* Hides the cursor for redraws and shows it again. */
void out_screen_begin(struct out_style *style);
void out_screen_end(struct out_style *style);

#endif /* REPLICACTL_OUTPUT_H */
