// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl set */
#include <stdlib.h>

#include "memory.h"
#include "report.h"
#include "settings.h"
#include "show.h"

static char *join(char **words, int count)
{
	char *list = mem_text(words[0]), *longer;
	int i;

	for (i = 1; i < count; i++) {
		longer = mem_format("%s,%s", list, words[i]);
		free(list);
		list = longer;
	}
	return list;
}

static int set_finish(struct cli *cli, int ret, const char *hint)
{
	struct replica_info *info = NULL;
	const char *name = cli->args[0];
	struct out *out = report_new(cli);
	int status;

	out_string(out, KEY_JSON("ElementName"), name);
	if (ret)
		return report_failure(cli, out, ret, name, hint);
	out_message(out, "Changed the settings of '%s'.", name);
	if (!replica_get(cli->ctx, name, &info))
		show_settings(out, &info->settings, "Settings");
	status = report_finish(cli, out, ret);
	replica_info_free(info);
	return status;
}

static int set_run(struct cli *cli)
{
	struct replica_settings settings = { 0 };
	char *text = join(cli->args + 1, cli->nr_args - 1), *hint;
	int ret, status;

	ret = settings_read(cli, text, &settings, &hint);
	if (!ret)
		ret = replica_set(cli->ctx, cli->args[0], &settings);
	status = set_finish(cli, ret, hint);
	free(hint);
	free(text);
	return status;
}

const struct command cmd_set = {
	.name = "set",
	.group = GROUP_WORK,
	.run = set_run,
	.min_args = 2,
	.max_args = -1,
	.args = "NAME KEY=VALUE...",
	.complete = { COMPLETE_NAME, COMPLETE_SETTING },
	.help = "Change settings at run time, all or none",
	.details =
		"payload=copy|shared          write both legs from a private copy, or from the\n"
		"                             caller's pages (faster, see the manual)\n"
		"on_replica_error=track|stop  on a failure of the replica go on and remember\n"
		"                             what changes, or hold writers\n"
		"recovery=automatic|manual    what happens when the replica answers again\n"
		"resync_rate=auto|MIB/S       limit of copying\n"
		"replica_timeout=TIME         when a replica that does not answer has failed;\n"
		"                             0: never\n"
		"on_meta_error=continue|stop  when the log cannot be written, go on with the risk\n"
		"                             of a full copy after a crash, or hold writers\n"
		"queue_bytes=SIZE             memory for writes that the origin alone has\n"
		"                             acknowledged (modes async and adaptive)\n"
		"rpo=TIME                     the oldest of them is not to be older; 0: none\n"
		"overflow=block|track|fail    when that cannot be kept slow writers down, give\n"
		"                             the queue up for a resync, or stop the replica\n"
		"max_skew=SIZE                lag up to which mode adaptive lets the origin alone\n"
		"                             acknowledge; 0: half of queue_bytes\n"
		"copy_priority=unmanaged|low|same|high|urgent\n"
		"                             how much is copied while the application does I/O\n"
		"delta_ms=TIME                carry what changed so often, as one point in time\n"
		"                             (mode async); 0: send what is written\n"
		"protect=none|snapshot        keep a snapshot of the replica while it is resynced\n"
		"A TIME may be 500ms, 15s or 5m; a number alone counts milliseconds.",
};
