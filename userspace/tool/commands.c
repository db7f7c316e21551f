// SPDX-License-Identifier: GPL-2.0-or-later
/* The list of commands, in the order of help. */
#include <string.h>

#include "command.h"
#include "report.h"
#include "suggest.h"

const struct command * const commands[] = {
	&cmd_create,
	&cmd_check,
	&cmd_activate,
	&cmd_deactivate,
	&cmd_status,
	&cmd_wait,
	&cmd_jobs,
	&cmd_events,
	&cmd_capabilities,
	&cmd_discover,
	&cmd_set,
	&cmd_confirm,
	&cmd_suspend,
	&cmd_resume,
	&cmd_fracture,
	&cmd_split,
	&cmd_resync,
	&cmd_reverse,
	&cmd_failover,
	&cmd_failback,
	&cmd_restore,
	&cmd_prepare,
	&cmd_verify,
	&cmd_resize,
	&cmd_mode,
	&cmd_test,
	&cmd_abort,
	&cmd_cancel,
	&cmd_detach,
	&cmd_finish,
	&cmd_dissolve,
	&cmd_remove,
	&cmd_return,
	&cmd_token,
	&cmd_scan,
	&cmd_dump,
	&cmd_fsck,
	&cmd_help,
	&cmd_version,
	&cmd_complete,
	&cmd_udev,
	&cmd_udev_links,
	&cmd_finish_unit,
	&cmd_protect_unit,
	&cmd_offload,
	NULL
};

const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

int command_unknown(struct cli *cli, const char *name)
{
	struct suggestion suggestion;
	size_t i;

	suggest_start(&suggestion, name);
	for (i = 0; commands[i]; i++)
		if (commands[i]->group != GROUP_HIDDEN)
			suggest_offer(&suggestion, commands[i]->name);
	if (suggestion.best)
		return report_usage(cli, "COMMAND", "unknown command '%s'; did you mean '%s'?",
				    name, suggestion.best);
	return report_usage(cli, "COMMAND", "unknown command '%s'", name);
}
