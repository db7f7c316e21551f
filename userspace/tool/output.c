// SPDX-License-Identifier: GPL-2.0-or-later
/* Builds the tree of values behind a document, and has it shown. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <replica/libreplica.h>

#include "memory.h"
#include "output-private.h"

/* ---- The terminal ---- */

void out_style_detect(struct out_style *style)
{
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");
	struct winsize size;

	/* Without cursor movements it is no better than a pipe. */
	if (!isatty(STDOUT_FILENO) || !term || !strcmp(term, "dumb"))
		return;
	style->width = 80;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		style->width = size.ws_col;
	style->color = !no_color || !*no_color;
}

void out_screen_begin(struct out_style *style)
{
	if (!style->redraw)
		return;
	fputs("\033[?25l", stdout);
	fflush(stdout);
}

void out_screen_end(struct out_style *style)
{
	if (!style->redraw)
		return;
	fputs("\033[?25h", stdout);
	fflush(stdout);
}

/* ---- Building ---- */

static struct node *node_new(enum node_kind kind, struct out_key key)
{
	struct node *node = mem_zero(1, sizeof(*node));

	node->kind = kind;
	node->json = mem_text(key.json);
	node->label = mem_text(key.label);
	node->column = mem_text(key.column);
	return node;
}

static void node_append(struct node *parent, struct node *node)
{
	node->parent = parent;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
}

static void node_free(struct node *node)
{
	struct node *child = node->first, *next;

	for (; child; child = next) {
		next = child->next;
		node_free(child);
	}
	free(node->string);
	free(node->json);
	free(node->label);
	free(node->column);
	free(node);
}

struct out *out_new(struct out_style *style, const char *command)
{
	struct out *out = mem_zero(1, sizeof(*out));

	out->style = style;
	out->command = command;
	out->root = node_new(NODE_OBJECT, KEY(NULL, NULL, NULL));
	out->warnings = node_new(NODE_LIST, KEY_JSON("warnings"));
	out->also = node_new(NODE_LIST, KEY(NULL, NULL, NULL));
	out->open = out->root;
	return out;
}

static struct node *add(struct out *out, enum node_kind kind, struct out_key key)
{
	struct node *node = node_new(kind, key);

	node_append(out->open, node);
	return node;
}

static void add_number(struct out *out, enum node_kind kind, struct out_key key, uint64_t value)
{
	add(out, kind, key)->number = value;
}

void out_string(struct out *out, struct out_key key, const char *value)
{
	add(out, value ? NODE_STRING : NODE_NONE, key)->string = mem_text(value);
}

void out_number(struct out *out, struct out_key key, uint64_t value)
{
	add_number(out, NODE_NUMBER, key, value);
}

void out_bool(struct out *out, struct out_key key, bool value)
{
	add_number(out, NODE_BOOL, key, value);
}

void out_bytes(struct out *out, struct out_key key, uint64_t bytes)
{
	add_number(out, NODE_BYTES, key, bytes);
}

void out_rate(struct out *out, struct out_key key, uint64_t bytes_per_second)
{
	add_number(out, NODE_RATE, key, bytes_per_second);
}

void out_percent(struct out *out, struct out_key key, unsigned int percent)
{
	add_number(out, NODE_PERCENT, key, percent);
}

void out_duration(struct out *out, struct out_key key, uint64_t ms)
{
	add_number(out, NODE_DURATION, key, ms);
}

void out_time(struct out *out, struct out_key key, uint64_t ms)
{
	add_number(out, NODE_TIME, key, ms);
}

void out_none(struct out *out, struct out_key key)
{
	add(out, NODE_NONE, key);
}

void out_enum(struct out *out, struct out_key key, uint64_t value, const char *name)
{
	struct node *node = add(out, NODE_ENUM, key);

	node->number = value;
	node->string = mem_text(name);
}

void out_bar(struct out *out, const char *label, unsigned int percent, const char *after)
{
	struct node *node = add(out, NODE_BAR, KEY_TEXT(label));

	node->number = percent;
	node->string = mem_text(after);
}

void out_tone(struct out *out, enum out_tone tone)
{
	if (out->open->last)
		out->open->last->tone = tone;
}

static void open_node(struct out *out, enum node_kind kind, struct out_key key)
{
	out->open = add(out, kind, key);
}

void out_object(struct out *out, struct out_key key)
{
	open_node(out, NODE_OBJECT, key);
}

void out_list(struct out *out, struct out_key key)
{
	open_node(out, NODE_LIST, key);
}

void out_plain_list(struct out *out, struct out_key key)
{
	open_node(out, NODE_PLAIN_LIST, key);
}

void out_row(struct out *out)
{
	open_node(out, NODE_OBJECT, KEY(NULL, NULL, NULL));
}

void out_end(struct out *out)
{
	if (out->open->parent)
		out->open = out->open->parent;
}

/* ---- Sentences ---- */

void out_message(struct out *out, const char *format, ...)
{
	va_list args;

	free(out->message);
	va_start(args, format);
	out->message = mem_vformat(format, args);
	va_end(args);
}

void out_note(struct out *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(out, NODE_NOTE, KEY_TEXT(""))->string = mem_vformat(format, args);
	va_end(args);
}

void out_warning(struct out *out, const char *format, ...)
{
	struct node *node = node_new(NODE_STRING, KEY(NULL, NULL, NULL));
	va_list args;

	va_start(args, format);
	node->string = mem_vformat(format, args);
	va_end(args);
	node_append(out->warnings, node);
}

void out_also(struct out *out, const char *sentence)
{
	struct node *node = node_new(NODE_STRING, KEY(NULL, NULL, NULL));

	node->string = mem_text(sentence);
	node_append(out->also, node);
}

/* NULL, which leaves the line out, for a text that only repeats the sentence. */
static const char *lower_lead(const struct out_error *error)
{
	if (error->sentence && error->lower && !strcmp(error->sentence, error->lower))
		return NULL;
	return error->from_kernel ? "  kernel:  " : "  cause:   ";
}

/* The labels are the leads of the lines on stderr. */
void out_error(struct out *out, const struct out_error *error)
{
	struct node *open = out->open;
	struct replica_cim_error cim;

	if (out->error)
		return;
	replica_error_cim(error->return_value, error->code, &cim);
	out->error = node_new(NODE_OBJECT, KEY_JSON("error"));
	out->open = out->error;
	out_string(out, KEY("Description", "replicactl: ", NULL), error->sentence);
	out_string(out, KEY_JSON("Operation"), error->operation);
	out_string(out, KEY_JSON("ParameterInfo"), error->parameter);
	out_string(out, KEY_JSON("ProviderName"), error->provider);
	out_number(out, KEY_JSON("StatusCode"), error->return_value);
	out_enum(out, KEY_JSON("ErrorType"), cim.type, cim.type_name);
	out_enum(out, KEY_JSON("PerceivedSeverity"), cim.severity, cim.severity_name);
	out_enum(out, KEY_JSON("ProbableCause"), cim.cause, cim.cause_name);
	out_number(out, KEY_JSON("SMErrorSource"), error->source);
	out_number(out, KEY_JSON("SMErrorCode"), error->code);
	out_string(out, KEY("SMMessage", lower_lead(error), NULL), error->lower);
	out_string(out, KEY("SMDetails", out->also->first ? NULL : "  details: ", NULL),
		   error->details);
	out_string(out, KEY("Hint", "  hint:    ", NULL), error->hint);
	out->open = open;
}

/* ---- Showing ---- */

/* More lines than the screen has could not be drawn over again. */
static unsigned int screen_lines(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row < 2)
		return 23;
	return size.ws_row - 1;
}

/* Draws over the text of the previous document, without flicker or wrapping. */
static void draw(struct out_style *style, const char *text)
{
	unsigned int max = screen_lines(), lines;

	if (style->drawn)
		fprintf(stdout, "\033[%uA", style->drawn);
	fputs("\r\033[?7l", stdout);
	for (lines = 0; *text && lines < max; lines++) {
		fprintf(stdout, "%.*s\033[K\n", (int)strcspn(text, "\n"), text);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	fputs("\033[J\033[?7h", stdout);
	style->drawn = lines;
}

static void redraw(struct out *out)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);

	if (!memory)
		return;
	out_write_text(out, memory);
	if (!fclose(memory))
		draw(out->style, text);
	free(text);
}

static void out_free(struct out *out)
{
	node_free(out->root);
	node_free(out->warnings);
	node_free(out->also);
	if (out->error)
		node_free(out->error);
	free(out->message);
	free(out);
}

bool out_finish(struct out *out, unsigned int return_value, const char *name)
{
	bool written;

	out->return_value = return_value;
	out->return_name = name;
	if (out->style->json)
		out_write_json(out, stdout);
	else if (out->style->redraw)
		redraw(out);
	else
		out_write_text(out, stdout);
	written = !fflush(stdout) && !ferror(stdout);
	if (!out->style->json)
		out_write_complaints(out, stderr);
	out_free(out);
	return written;
}

bool out_line(const char *text)
{
	return puts(text) >= 0;
}
