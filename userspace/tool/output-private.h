/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of values behind a document; output*.c only. */
#ifndef REPLICACTL_OUTPUT_PRIVATE_H
#define REPLICACTL_OUTPUT_PRIVATE_H

#include <stdio.h>

#include "output.h"

enum node_kind {
	NODE_NONE,
	NODE_STRING,
	NODE_NUMBER,
	NODE_BOOL,
	NODE_BYTES,
	NODE_RATE,
	NODE_PERCENT,
	NODE_DURATION,
	NODE_TIME,
	NODE_ENUM,
	NODE_BAR,
	NODE_NOTE,
	NODE_OBJECT,
	NODE_LIST,
	NODE_PLAIN_LIST,
};

struct node {
	enum node_kind kind;
	enum out_tone tone;
	char *json, *label, *column;	/* struct out_key, copied */
	uint64_t number;
	char *string;		/* a string, the name of an enum, the text of a bar */
	struct node *parent, *first, *last, *next;
};

struct out {
	struct out_style *style;
	const char *command;
	struct node *root;
	struct node *open;	/* where values are added */
	struct node *warnings;	/* list of strings */
	char *message;
	struct node *error;	/* an object, or NULL */
	struct node *also;	/* list of strings, text only */
	unsigned int return_value;
	const char *return_name;
};

/* Longest text of one value but strings, with the final zero. */
#define NODE_TEXT_LEN	64

void out_write_json(const struct out *out, FILE *file);
void out_write_text(const struct out *out, FILE *file);
void out_write_complaints(const struct out *out, FILE *file);

#endif /* REPLICACTL_OUTPUT_PRIVATE_H */
