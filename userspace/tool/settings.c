// SPDX-License-Identifier: GPL-2.0-or-later
/* Settings from the command line, with a hint when one is misspelled. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "settings.h"
#include "suggest.h"

static char *key_list(void)
{
	char *list = mem_text("settings are"), *longer;
	const char *key;
	size_t i;

	for (i = 0; (key = replica_settings_key(i)); i++) {
		longer = mem_format("%s%s %s", list, i ? "," : "", key);
		free(list);
		list = longer;
	}
	return list;
}

static char *make_hint(const struct replica_error *err)
{
	const char *parameter = err ? replica_error_parameter_info(err) : NULL, *key;
	struct suggestion suggestion;
	size_t i;

	if (!parameter)
		return key_list();
	suggest_start(&suggestion, parameter);
	for (i = 0; (key = replica_settings_key(i)); i++) {
		/* A key that exists had a bad value, which the sentence explains. */
		if (!strcmp(key, parameter))
			return NULL;
		suggest_offer(&suggestion, key);
	}
	if (suggestion.best)
		return mem_format("did you mean '%s'?", suggestion.best);
	return key_list();
}

int settings_read(struct cli *cli, const char *text, struct replica_settings *settings,
		  char **hint)
{
	int ret = replica_settings_parse(cli->ctx, text, settings);

	*hint = ret ? make_hint(replica_last_error(cli->ctx)) : NULL;
	return ret;
}
