// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl token: the end of tokens */
#include <string.h>

#include "memory.h"
#include "report.h"

static int token_release(struct cli *cli, const char *what)
{
	int ret = replica_token_release(cli->ctx, what);
	struct out *out = report_new(cli);

	out_string(out, KEY_JSON("ElementName"), what);
	out_none(out, KEY_JSON("Expired"));
	if (ret)
		return report_failure(cli, out, ret, NULL, NULL);
	out_message(out, "Released '%s'; its source is as before, and its store is free.", what);
	return report_finish(cli, out, ret);
}

static int token_expire(struct cli *cli)
{
	uint32_t count = 0;
	int ret = replica_token_expire(cli->ctx, &count);
	struct out *out = report_new(cli);

	out_none(out, KEY_JSON("ElementName"));
	out_number(out, KEY_JSON("Expired"), count);
	if (ret)
		return report_failure(cli, out, ret, NULL, NULL);
	if (count)
		out_message(out, "%u token%s had expired and went.", count, count == 1 ? "" : "s");
	else
		out_message(out, "No token has expired.");
	return report_finish(cli, out, ret);
}

static int token_run(struct cli *cli)
{
	const char *work = cli->args[0], *what = cli->nr_args > 1 ? cli->args[1] : NULL;

	mem_lock();
	if (!strcmp(work, "release"))
		return what ? token_release(cli, what) :
		       report_usage(cli, "release", "'token release' needs FILE or NAME");
	if (strcmp(work, "expire"))
		return report_usage(cli, work,
				    "'token' is followed by 'release' or 'expire', not '%s'", work);
	return what ? report_usage(cli, what, "'token expire' takes no '%s'", what) :
	       token_expire(cli);
}

const struct command cmd_token = {
	.name = "token",
	.group = GROUP_WORK,
	.run = token_run,
	.min_args = 1,
	.max_args = 2,
	.args = "release|expire [FILE|NAME]",
	.complete = { COMPLETE_TOKEN_WORK, COMPLETE_TOKEN_NAME },
	.help = "Release a token, or end those that have expired",
	.details =
		"'release' ends the token whose file or name is given: its source gets its own\n"
		"table back, and its store is free. 'expire' ends all that were not redeemed for\n"
		"their inactivity timeout, and redeems that have been complete for 15 minutes; a\n"
		"capture and a redeem do it too, so that it is for a timer.",
};
