// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A document as text: values of an object as lines "Label: value", aligned;
 * lists of objects as tables; objects inside as sections with a heading.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "human.h"
#include "memory.h"
#include "output-private.h"

#define BAR_MIN		10
#define BAR_MAX		40
#define BAR_DEFAULT	24
/* What stands around a bar: ": ", "[", "] 100 %", "  ". */
#define BAR_FRAME	13
#define COLUMN_GAP	2

struct writer {
	FILE *file;
	bool color;
	unsigned int width;	/* of the terminal, 0: none */
	bool started;		/* something has been written */
};

static const char * const tone_codes[] = {
	[OUT_PLAIN] = NULL,
	[OUT_GOOD] = "\033[32m",
	[OUT_BUSY] = "\033[33m",
	[OUT_BAD] = "\033[1;31m",
	[OUT_STRONG] = "\033[1m",
};

/* ---- One value ---- */

/* Nothing that came from a device may steer the terminal. */
static char *printable(const char *text)
{
	char *copy = mem_text(text), *c;

	for (c = copy; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return copy;
}

/* As wide as the terminal has room for, beside a label and the text after it. */
static unsigned int bar_width(const struct writer *writer, const struct node *node, size_t before)
{
	size_t others = before + BAR_FRAME + (node->string ? strlen(node->string) : 0);

	if (!writer->width)
		return BAR_DEFAULT;
	if (writer->width < others + BAR_MIN)
		return BAR_MIN;
	return writer->width - others > BAR_MAX ? BAR_MAX : writer->width - others;
}

static char *bar_text(const struct node *node, unsigned int width)
{
	unsigned int full = node->number >= 100 ? width : node->number * width / 100;
	const char *after = node->string ? node->string : "";
	char bar[BAR_MAX + 1];

	memset(bar, ' ', width);
	memset(bar, '=', full);
	if (full < width)
		bar[full] = '>';
	bar[width] = '\0';
	return mem_format("[%s] %3" PRIu64 " %%%s%s", bar, node->number, *after ? "  " : "", after);
}

static char *bytes_text(uint64_t bytes, bool exact)
{
	char text[NODE_TEXT_LEN];

	human_bytes(text, sizeof(text), bytes);
	if (!exact || bytes < 1024)
		return mem_text(text);
	return mem_format("%s (%" PRIu64 " bytes)", text, bytes);
}

static char *number_text(uint64_t number)
{
	return mem_format("%" PRIu64, number);
}

static char *time_text(uint64_t ms)
{
	char text[NODE_TEXT_LEN];

	if (!ms)
		return mem_text("never");
	human_time(text, sizeof(text), ms);
	return mem_text(text);
}

static char *short_text(const struct node *node)
{
	char text[NODE_TEXT_LEN];

	switch (node->kind) {
	case NODE_BOOL:
		return mem_text(node->number ? "yes" : "no");
	case NODE_RATE:
		human_bytes(text, sizeof(text), node->number);
		return mem_format("%s/s", text);
	case NODE_PERCENT:
		return mem_format("%" PRIu64 " %%", node->number);
	case NODE_DURATION:
		human_duration(text, sizeof(text), node->number);
		return mem_text(text);
	case NODE_NUMBER:
		return number_text(node->number);
	default:
		return mem_text("-");
	}
}

/* @exact: there is room for the exact number beside the rounded one. */
static char *node_text(const struct node *node, bool exact)
{
	switch (node->kind) {
	case NODE_STRING:
	case NODE_NOTE:
		return printable(node->string);
	case NODE_ENUM:
		return node->string ? printable(node->string) : number_text(node->number);
	case NODE_BYTES:
		return bytes_text(node->number, exact);
	case NODE_TIME:
		return time_text(node->number);
	default:
		return short_text(node);
	}
}

static void put_toned(struct writer *writer, enum out_tone tone, const char *text)
{
	const char *code = writer->color ? tone_codes[tone] : NULL;

	fprintf(writer->file, "%s%s%s", code ? code : "", text, code ? "\033[0m" : "");
	writer->started = true;
}

static void put_spaces(struct writer *writer, size_t count)
{
	fprintf(writer->file, "%*s", (int)count, "");
}

/* ---- Tables ---- */

struct table {
	const struct node *list;
	size_t columns;
	size_t *width;
	bool heading;
};

static bool in_table(const struct node *node)
{
	return node->column && node->kind < NODE_OBJECT;
}

static bool flush_right(const struct node *node)
{
	return node->kind == NODE_NUMBER || node->kind == NODE_BYTES || node->kind == NODE_RATE ||
	       node->kind == NODE_PERCENT || node->kind == NODE_DURATION;
}

static const struct node *cell(const struct node *row, const struct node *heading)
{
	const struct node *node;

	for (node = row->first; node; node = node->next)
		if (in_table(node) && !strcmp(node->column, heading->column))
			return node;
	return NULL;
}

static char *cell_text(const struct node *row, const struct node *heading)
{
	const struct node *node = cell(row, heading);

	return node ? node_text(node, false) : mem_text("-");
}

static void measure_cell(size_t *width, char *text)
{
	if (strlen(text) > *width)
		*width = strlen(text);
	free(text);
}

static void table_measure(struct table *table)
{
	const struct node *row, *heading;
	size_t i;

	for (heading = table->list->first->first; heading; heading = heading->next)
		table->columns += in_table(heading);
	table->width = mem_zero(table->columns + 1, sizeof(*table->width));
	for (row = table->list->first; row; row = row->next) {
		i = 0;
		for (heading = table->list->first->first; heading; heading = heading->next) {
			if (!in_table(heading))
				continue;
			if (table->heading && row == table->list->first)
				table->width[i] = strlen(heading->column);
			measure_cell(&table->width[i++], cell_text(row, heading));
		}
	}
}

/* @row NULL: the heading. */
static void table_row(struct writer *writer, const struct table *table, const struct node *row,
		      unsigned int indent)
{
	const struct node *heading = table->list->first->first, *node;
	size_t i = 0, pad;
	char *text;

	put_spaces(writer, indent);
	for (; heading; heading = heading->next) {
		if (!in_table(heading))
			continue;
		node = row ? cell(row, heading) : NULL;
		text = row ? cell_text(row, heading) : mem_text(heading->column);
		pad = table->width[i] - strlen(text);
		if (flush_right(heading))
			put_spaces(writer, pad);
		put_toned(writer, row ? (node ? node->tone : OUT_PLAIN) : OUT_STRONG, text);
		if (++i < table->columns)
			put_spaces(writer, COLUMN_GAP + (flush_right(heading) ? 0 : pad));
		free(text);
	}
	fputc('\n', writer->file);
}

static void put_table(struct writer *writer, const struct node *list, unsigned int indent)
{
	struct table table = { .list = list, .heading = list->kind == NODE_LIST };
	const struct node *row;

	if (!list->first)
		return;
	table_measure(&table);
	if (table.columns) {
		if (table.heading)
			table_row(writer, &table, NULL, indent);
		for (row = list->first; row; row = row->next)
			table_row(writer, &table, row, indent);
	}
	free(table.width);
}

/* ---- Blocks ---- */

static bool is_line(const struct node *node)
{
	return node->kind < NODE_NOTE && node->label;
}

static size_t label_width(const struct node *object)
{
	const struct node *node;
	size_t width = 0;

	for (node = object->first; node; node = node->next)
		if (is_line(node) && strlen(node->label) > width)
			width = strlen(node->label);
	return width;
}

static void put_line(struct writer *writer, const struct node *node, size_t width,
		     unsigned int indent)
{
	char *text;

	if (node->kind == NODE_BAR)
		text = bar_text(node, bar_width(writer, node, indent + width));
	else
		text = node_text(node, true);
	put_spaces(writer, indent);
	if (width)
		fprintf(writer->file, "%s:", node->label);
	if (width)
		put_spaces(writer, width - strlen(node->label) + COLUMN_GAP);
	put_toned(writer, node->tone, text);
	fputc('\n', writer->file);
	free(text);
}

static void put_gap(struct writer *writer)
{
	if (writer->started)
		fputc('\n', writer->file);
}

/* Returns the indentation of what follows the heading. */
static unsigned int put_heading(struct writer *writer, const struct node *node, unsigned int indent)
{
	put_gap(writer);
	if (!*node->label)
		return indent;
	put_spaces(writer, indent);
	put_toned(writer, OUT_STRONG, node->label);
	fputs(":\n", writer->file);
	return indent + 2;
}

static void put_block(struct writer *writer, const struct node *object, unsigned int indent)
{
	size_t width = label_width(object);
	const struct node *node;

	for (node = object->first; node; node = node->next) {
		if (!node->label)
			continue;
		if (is_line(node)) {
			put_line(writer, node, width, indent);
		} else if (node->kind == NODE_NOTE) {
			put_gap(writer);
			put_toned(writer, OUT_PLAIN, node->string);
			fputc('\n', writer->file);
		} else if (node->first && node->kind == NODE_OBJECT) {
			put_block(writer, node, put_heading(writer, node, indent));
		} else if (node->first) {
			put_table(writer, node, put_heading(writer, node, indent));
		}
	}
}

/* ---- The document ---- */

void out_write_text(const struct out *out, FILE *file)
{
	struct writer writer = {
		.file = file,
		.color = out->style->color,
		.width = out->style->width,
	};

	if (out->message) {
		put_toned(&writer, OUT_PLAIN, out->message);
		fputs(label_width(out->root) ? "\n\n" : "\n", file);
	}
	put_block(&writer, out->root, 0);
}

static void put_complaint(FILE *file, const char *lead, const char *text)
{
	char *clean;

	if (!text)
		return;
	clean = printable(text);
	fprintf(file, "%s%s\n", lead, clean);
	free(clean);
}

void out_write_complaints(const struct out *out, FILE *file)
{
	const struct node *node;

	for (node = out->error ? out->error->first : NULL; node; node = node->next)
		if (node->label)
			put_complaint(file, node->label, node->string);
	for (node = out->also->first; node; node = node->next)
		put_complaint(file, "  also:    ", node->string);
	for (node = out->warnings->first; node; node = node->next)
		put_complaint(file, "replicactl: warning: ", node->string);
}
