// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reports of LVM in JSON: {"report":[{"lv":[{"lv_name":"x",...},...]}]}, with all
 * values as strings.  A volume of several segments stands there once for each.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

#include "lvm.h"

void replica_lv_free(struct replica_lv *list)
{
	struct replica_lv *next;

	for (; list; list = next) {
		next = list->next;
		free(list->name);
		free(list->vg);
		free(list->uuid);
		free(list->path);
		free(list->segtype);
		free(list->pool);
		free(list->origin);
		free(list->tags);
		free(list->shown);
		free(list);
	}
}

void replica_vg_free(struct replica_vg *list)
{
	struct replica_vg *next;

	for (; list; list = next) {
		next = list->next;
		free(list->name);
		free(list);
	}
}

bool replica_lv_has_tag(const struct replica_lv *lv, const char *tag)
{
	size_t len = strlen(tag);

	for (const char *at = lv->tags; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, tag, len) && (!at[len] || at[len] == ','))
			return true;
	}
	return false;
}

/* One row, and what has been wrong with it: the first error stays. */
struct row {
	struct json_object *object;
	int err;
};

/* "" for a member that is not there or null: LVM leaves out what a version lacks. */
static const char *value_of(struct row *row, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(row->object, key, &value) || !value)
		return "";
	if (json_object_is_type(value, json_type_string))
		return json_object_get_string(value);
	row->err = row->err ? row->err : -EPROTO;
	return "";
}

static char *text_of(struct row *row, const char *key)
{
	char *text = strdup(value_of(row, key));

	if (!text && !row->err)
		row->err = -ENOMEM;
	return text;
}

/* Bytes, without a unit; empty is 0. */
static uint64_t number_of(struct row *row, const char *key)
{
	const char *value = value_of(row, key);
	unsigned long long number;
	char *end;

	if (!*value)
		return 0;
	errno = 0;
	number = strtoull(value, &end, 10);
	if (isdigit((unsigned char)*value) && !*end && !errno)
		return number;
	row->err = row->err ? row->err : -EPROTO;
	return 0;
}

/* "12.34" as 1234, what is finer counts up; at most 100 percent. */
static unsigned int percent_of(struct row *row, const char *key)
{
	const char *value = value_of(row, key);
	unsigned long whole;
	unsigned int hundredths = 0;
	char *end;

	if (!*value)
		return 0;
	errno = 0;
	whole = strtoul(value, &end, 10);
	if (*end == '.') {
		end++;
		for (int i = 0; i < 2; i++)
			hundredths = hundredths * 10 +
				     (isdigit((unsigned char)*end) ? *end++ - '0' : 0);
		if (strspn(end, "0123456789") > strspn(end, "0"))
			hundredths++;
		end += strspn(end, "0123456789");
	}
	if (isdigit((unsigned char)*value) && !*end && !errno && whole <= 100)
		return whole == 100 ? 10000 : whole * 100 + hundredths;
	row->err = row->err ? row->err : -EPROTO;
	return 0;
}

/* A word, or "" (or 0 with report/binary_values_as_numeric) for no. */
static bool flag_of(struct row *row, const char *key, const char *word)
{
	const char *value = value_of(row, key);

	return !strcmp(value, word) || !strcmp(value, "1");
}

static int take_lv(struct json_object *object, struct replica_lv **out)
{
	struct row row = { .object = object };
	struct replica_lv *lv = calloc(1, sizeof(*lv));

	if (!lv)
		return -ENOMEM;
	lv->name = text_of(&row, "lv_name");
	lv->vg = text_of(&row, "vg_name");
	lv->uuid = text_of(&row, "lv_uuid");
	lv->path = text_of(&row, "lv_dm_path");
	lv->segtype = text_of(&row, "segtype");
	lv->pool = text_of(&row, "pool_lv");
	lv->origin = text_of(&row, "origin");
	lv->tags = text_of(&row, "lv_tags");
	if (asprintf(&lv->shown, "%s/%s", lv->vg ? lv->vg : "", lv->name ? lv->name : "") < 0) {
		lv->shown = NULL;
		row.err = row.err ? row.err : -ENOMEM;
	}
	lv->size = number_of(&row, "lv_size");
	lv->extent_size = number_of(&row, "vg_extent_size");
	lv->chunk_size = number_of(&row, "chunk_size");
	lv->data_used = percent_of(&row, "data_percent");
	lv->data_known = *value_of(&row, "data_percent");
	lv->active = flag_of(&row, "lv_active", "active");
	lv->open = flag_of(&row, "lv_device_open", "open");
	lv->merging = flag_of(&row, "lv_merging", "merging");
	if (!row.err && (!replica_lvm_name_ok(lv->name) || !replica_lvm_name_ok(lv->vg) ||
			 !*lv->uuid || lv->path[0] != '/'))
		row.err = -EPROTO;
	*out = lv;
	return row.err;
}

static int take_vg(struct json_object *object, struct replica_vg **out)
{
	struct row row = { .object = object };
	struct replica_vg *vg = calloc(1, sizeof(*vg));

	if (!vg)
		return -ENOMEM;
	vg->name = text_of(&row, "vg_name");
	vg->extent_size = number_of(&row, "vg_extent_size");
	vg->free = number_of(&row, "vg_free");
	if (!row.err && (!replica_lvm_name_ok(vg->name) || !vg->extent_size))
		row.err = -EPROTO;
	*out = vg;
	return row.err;
}

/* The rows; NULL when it is no report of that kind.  *whole is freed by the caller. */
static struct json_object *find_rows(const char *json, const char *kind,
				     struct json_object **whole)
{
	struct json_object *report, *first, *rows;

	*whole = json_tokener_parse(json);
	if (*whole && json_object_object_get_ex(*whole, "report", &report) &&
	    json_object_is_type(report, json_type_array)) {
		first = json_object_array_get_idx(report, 0);
		if (first && json_object_object_get_ex(first, kind, &rows) &&
		    json_object_is_type(rows, json_type_array))
			return rows;
	}
	return NULL;
}

static struct replica_lv *find_uuid(struct replica_lv *list, const char *uuid)
{
	while (list && strcmp(list->uuid, uuid))
		list = list->next;
	return list;
}

int replica_lvm_parse_lvs(const char *json, struct replica_lv **list)
{
	struct json_object *whole, *rows = find_rows(json, "lv", &whole);
	struct replica_lv **end = list, *lv;
	int err = rows ? 0 : -EPROTO;

	*list = NULL;
	for (size_t i = 0; !err && i < json_object_array_length(rows); i++) {
		lv = NULL;
		err = take_lv(json_object_array_get_idx(rows, i), &lv);
		if (err || find_uuid(*list, lv->uuid)) {
			replica_lv_free(lv);
			continue;
		}
		*end = lv;
		end = &lv->next;
	}
	json_object_put(whole);
	if (!err)
		return 0;
	replica_lv_free(*list);
	*list = NULL;
	return err;
}

int replica_lvm_parse_vgs(const char *json, struct replica_vg **list)
{
	struct json_object *whole, *rows = find_rows(json, "vg", &whole);
	struct replica_vg **end = list, *vg;
	int err = rows ? 0 : -EPROTO;

	*list = NULL;
	for (size_t i = 0; !err && i < json_object_array_length(rows); i++) {
		vg = NULL;
		err = take_vg(json_object_array_get_idx(rows, i), &vg);
		if (err) {
			replica_vg_free(vg);
			break;
		}
		*end = vg;
		end = &vg->next;
	}
	json_object_put(whole);
	if (!err)
		return 0;
	replica_vg_free(*list);
	*list = NULL;
	return err;
}
