// SPDX-License-Identifier: GPL-2.0-or-later
/* A document as JSON, laid out in Documentation/replicactl.schema.json. */
#include <json-c/json.h>

#include "human.h"
#include "memory.h"
#include "output-private.h"

static struct json_object *node_json(const struct node *node);

static void add_member(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static struct json_object *text_json(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

/* An enumeration is two members: its CIM number and its CIM name. */
static void add_enum(struct json_object *object, const struct node *node)
{
	char key[128];

	add_member(object, node->json, json_object_new_uint64(node->number));
	snprintf(key, sizeof(key), "%sDescription", node->json);
	add_member(object, key, text_json(node->string));
}

static void add_children(struct json_object *object, const struct node *parent)
{
	const struct node *node;

	for (node = parent->first; node; node = node->next) {
		if (!node->json)
			continue;
		if (node->kind == NODE_ENUM)
			add_enum(object, node);
		else
			add_member(object, node->json, node_json(node));
	}
}

static struct json_object *list_json(const struct node *list)
{
	struct json_object *array = json_object_new_array();
	const struct node *node;

	for (node = list->first; node; node = node->next)
		json_object_array_add(array, node_json(node));
	return array;
}

static struct json_object *time_json(uint64_t ms)
{
	char text[NODE_TEXT_LEN];

	if (!ms)
		return NULL;
	human_time_utc(text, sizeof(text), ms);
	return json_object_new_string(text);
}

static struct json_object *node_json(const struct node *node)
{
	struct json_object *object;

	switch (node->kind) {
	case NODE_NONE:
		return NULL;
	case NODE_STRING:
	case NODE_BAR:
	case NODE_NOTE:
		return text_json(node->string);
	case NODE_BOOL:
		return json_object_new_boolean(node->number);
	case NODE_TIME:
		return time_json(node->number);
	case NODE_LIST:
	case NODE_PLAIN_LIST:
		return list_json(node);
	case NODE_OBJECT:
		object = json_object_new_object();
		add_children(object, node);
		return object;
	default:
		return json_object_new_uint64(node->number);
	}
}

static void add_envelope(struct json_object *object, const struct out *out)
{
	add_member(object, "schema", json_object_new_string(OUT_SCHEMA_NAME));
	add_member(object, "version", json_object_new_int(OUT_SCHEMA_VERSION));
	add_member(object, "command", text_json(out->command));
	add_member(object, "return_value", json_object_new_uint64(out->return_value));
	add_member(object, "return_name", text_json(out->return_name));
	if (out->error)
		add_member(object, "error", node_json(out->error));
	if (out->message)
		add_member(object, "message", text_json(out->message));
	if (out->warnings->first)
		add_member(object, "warnings", list_json(out->warnings));
}

void out_write_json(const struct out *out, FILE *file)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
	struct json_object *object = json_object_new_object();

	if (!out->style->stream)
		flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	add_envelope(object, out);
	add_children(object, out->root);
	fprintf(file, "%s\n", json_object_to_json_string_ext(object, flags));
	json_object_put(object);
}
