// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl jobs, cancel */
#include <inttypes.h>

#include "report.h"
#include "show.h"

/* ---- jobs ---- */

static void show_jobs(struct out *out, const struct replica_job *list)
{
	const struct replica_job *job;

	out_list(out, KEY("Jobs", "", NULL));
	for (job = list; job; job = job->next) {
		out_row(out);
		show_job(out, job, rate_update(NULL, job));
		out_end(out);
	}
	out_end(out);
}

static int jobs_run(struct cli *cli)
{
	const char *name = cli->nr_args ? cli->args[0] : NULL;
	struct replica_job *list = NULL;
	int ret = replica_jobs(cli->ctx, name, &list);
	struct out *out = report_new(cli);
	int status;

	if (ret)
		return report_failure(cli, out, ret, name, NULL);
	show_jobs(out, list);
	if (!list && !cli->style.json)
		out_message(out, "There are no jobs.");
	status = report_finish(cli, out, ret);
	replica_job_free(list);
	return status;
}

const struct command cmd_jobs = {
	.name = "jobs",
	.group = GROUP_LOOK,
	.run = jobs_run,
	.max_args = 1,
	.args = "[NAME]",
	.complete = { COMPLETE_NAME },
	.help = "List jobs, running and finished",
	.details =
		"The kernel remembers the last 16 finished jobs of a replica as long as that is\n"
		"there. Jobs of a replica that was ended stay for 15 minutes, and those that made\n"
		"a copy for a day, with the time of that end.",
};

/* ---- cancel ---- */

/* The job that runs, when none was given. */
static int running_job(struct cli *cli, const char *name, uint32_t *id)
{
	struct replica_info *info = NULL;
	int ret = replica_get(cli->ctx, name, &info);

	*id = !ret && info->job ? info->job->id : 0;
	replica_info_free(info);
	return ret;
}

static int cancel_run(struct cli *cli)
{
	const char *name = cli->args[0];
	struct out *out;
	uint32_t id = 0;
	int ret = 0;

	if (cli->nr_args > 1) {
		const char *expected = read_count(cli->args[1], &id);

		if (expected)
			return report_usage(cli, "JOB", "the job is '%s', expected %s",
					    cli->args[1], expected);
	} else {
		ret = running_job(cli, name, &id);
	}
	out = report_new(cli);
	out_string(out, KEY_JSON("ElementName"), name);
	if (!ret && !id) {
		out_none(out, KEY_JSON("JobID"));
		out_message(out, "No job of '%s' runs; nothing to cancel.", name);
		return report_finish(cli, out, REPLICA_SUCCESS);
	}
	if (!ret)
		ret = replica_job_cancel(cli->ctx, name, id);
	if (ret)
		return report_failure(cli, out, ret, name,
				      id && ret != REPLICA_NOT_SUPPORTED ?
				      "'replicactl jobs' lists the jobs" : NULL);
	out_number(out, KEY_JSON("JobID"), id);
	out_message(out, "Cancelled job %u of '%s'; 'replicactl resync %s' starts anew.", id,
		    name, name);
	return report_finish(cli, out, ret);
}

const struct command cmd_cancel = {
	.name = "cancel",
	.group = GROUP_WORK,
	.run = cancel_run,
	.min_args = 1,
	.max_args = 2,
	.args = "NAME [JOB]",
	.complete = { COMPLETE_NAME, COMPLETE_JOB },
	.help = "Cancel the job that runs, or the one of a number",
	.details = "The replica becomes Aborted; 'resync' copies what is missing.",
};
