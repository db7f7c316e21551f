// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replicactl verify: starts one and, with --wait or for somebody who looks on, shows
 * what it found; shows that again; orders the repair of it.
 */
#include <errno.h>
#include <stdlib.h>

#include "human.h"
#include "memory.h"
#include "operate.h"
#include "progress.h"
#include "report.h"
#include "show.h"

/* Ranges that are shown to people; JSON has all. */
#define TEXT_ROWS	50

#define TEXT_LEN	64

struct verify_options {
	bool wait;
	bool no_wait;
	uint32_t timeout_ms;
	bool show;
	bool repair;
};

static const struct option verify_table[] = {
	OPTION_FLAG(struct verify_options, wait, "wait",
		    "Return with the result, as on a terminal"),
	OPTION(struct verify_options, timeout_ms, "timeout", "TIME", read_seconds, COMPLETE_NOTHING,
	       "Longest wait of --wait; seconds without a unit"),
	OPTION_FLAG(struct verify_options, no_wait, "no-wait",
		    "Return at once, on a terminal too"),
	OPTION_FLAG(struct verify_options, show, "show",
		    "Start nothing, show what the last verify found"),
	OPTION_FLAG(struct verify_options, repair, "repair",
		    "Start nothing, copy what the last verify found"),
};

/* ---- What was found ---- */

static void show_range(struct out *out, const struct replica_diff *diff)
{
	char at[TEXT_LEN];

	human_bytes(at, sizeof(at), diff->offset);
	out_row(out);
	out_number(out, KEY("Offset", NULL, "FROM BYTE"), diff->offset);
	out_string(out, KEY(NULL, NULL, "AT"), at);
	out_bytes(out, KEY("Length", NULL, "LENGTH"), diff->length);
	out_end(out);
}

/* The number of them. */
static unsigned int show_ranges(struct out *out, struct out_key key,
				const struct replica_diff *list, unsigned int max)
{
	const struct replica_diff *diff;
	unsigned int count = 0;

	out_list(out, key);
	for (diff = list; diff; diff = diff->next)
		if (count++ < max)
			show_range(out, diff);
	out_end(out);
	return count;
}

static void show_found(struct out *out, const struct replica_differences *d)
{
	unsigned int count;

	out_bytes(out, KEY_JSON("Differs"), d->differs);
	out_bool(out, KEY_JSON("Truncated"), d->truncated);
	count = show_ranges(out, KEY_JSON("Ranges"), d->ranges, UINT32_MAX);
	if (count)
		show_ranges(out, KEY_TEXT("Ranges that differ"), d->ranges, TEXT_ROWS);
	if (count > TEXT_ROWS)
		out_note(out, "These are %u of %u ranges; --json has all.", TEXT_ROWS, count);
	if (d->truncated)
		out_note(out, "There is more behind the last range than is remembered.");
}

static void show_verify_job(struct out *out, const struct replica_differences *d)
{
	if (d->job_id)
		out_number(out, KEY_JSON("JobID"), d->job_id);
	else
		out_none(out, KEY_JSON("JobID"));
	if (!d->job) {
		out_none(out, KEY_JSON("Job"));
		return;
	}
	out_object(out, KEY_JSON("Job"));
	show_job(out, d->job, rate_update(NULL, d->job));
	out_end(out);
}

static unsigned int count_ranges(const struct replica_diff *list)
{
	unsigned int count = 0;

	for (; list; list = list->next)
		count++;
	return count;
}

/* What the job says about how much of an answer this is; to be freed. */
static char *describe_job(const struct replica_differences *d)
{
	uint32_t state = d->job ? d->job->state : DM_REPLICA_JOB_COMPLETED;

	if (state == DM_REPLICA_JOB_COMPLETED)
		return mem_text("");
	if (state < DM_REPLICA_JOB_COMPLETED)
		return mem_format("Job %u has not ended. So far:\n", d->job_id);
	return mem_format("Job %u ended early, as %s. Until then:\n", d->job_id,
			  replica_enum_name(REPLICA_ENUM_JOB_STATE, state));
}

static void say_found(struct out *out, const char *name, const struct replica_differences *d)
{
	unsigned int count = count_ranges(d->ranges);
	char *job = describe_job(d), *repair = NULL, bytes[TEXT_LEN];

	human_bytes(bytes, sizeof(bytes), d->differs);
	if (d->differs && !*job)
		repair = mem_format("\n'replicactl verify %s --repair' copies just these.", name);
	if (d->differs)
		out_message(out, "%sThe devices of '%s' differ in %u range%s%s, %s in all.%s", job,
			    name, count, count == 1 ? "" : "s", d->truncated ? " and more" : "",
			    bytes, repair ? repair : "");
	else
		out_message(out, "%sNo difference between the devices of '%s' was found.", job,
			    name);
	free(repair);
	free(job);
}

/* The verify did what it should, whatever it found; the exit status tells that. */
static int finish_found(struct cli *cli, struct out *out, const struct replica_differences *d)
{
	bool runs = d->job && d->job->state < DM_REPLICA_JOB_COMPLETED;
	int status;

	show_verify_job(out, d);
	show_found(out, d);
	say_found(out, cli->args[0], d);
	status = report_finish(cli, out, runs ? REPLICA_JOB_STARTED : REPLICA_SUCCESS);
	return !status && d->differs ? EXIT_DIFFERS : status;
}

static int show_last(struct cli *cli)
{
	struct replica_differences *found = NULL;
	const char *name = cli->args[0];
	int ret = replica_differences(cli->ctx, name, &found), status;
	const struct replica_error *err = replica_last_error(cli->ctx);
	struct out *out = report_new(cli);
	char *hint = NULL;

	out_string(out, KEY_JSON("ElementName"), name);
	if (!ret) {
		status = finish_found(cli, out, found);
		replica_differences_free(found);
		return status;
	}
	if (ret == REPLICA_NOT_FOUND && err && replica_error_sm_code(err) == ENOENT)
		hint = mem_format("'replicactl verify %s' makes one", name);
	status = report_failure(cli, out, ret, name, hint);
	free(hint);
	return status;
}

/* ---- A new one ---- */

static int say_started(struct cli *cli, uint32_t job)
{
	struct out *out = report_new(cli);
	const char *name = cli->args[0];

	out_string(out, KEY_JSON("ElementName"), name);
	out_number(out, KEY_JSON("JobID"), job);
	out_message(out, "Job %u compares the devices of '%s'.\n"
		    "'replicactl verify %s --show' shows what it found.", job, name, name);
	return report_finish(cli, out, REPLICA_JOB_STARTED);
}

/* It did not end as it should, or not in time. */
static int say_unfinished(struct cli *cli, int ret, uint32_t id, const struct replica_job *job)
{
	struct out *out = report_new(cli);
	const char *name = cli->args[0];
	char *hint = NULL;
	int status;

	out_string(out, KEY_JSON("ElementName"), name);
	out_number(out, KEY_JSON("JobID"), id);
	if (job) {
		out_object(out, KEY_JSON("Job"));
		show_job(out, job, rate_update(NULL, job));
		out_end(out);
	}
	if (progress_interrupted(cli))
		return report_interrupted(cli, out, "stopped waiting; the verify goes on");
	if (ret == REPLICA_TIMEOUT)
		hint = mem_format("the verify goes on; 'replicactl verify %s --show' follows it",
				  name);
	status = report_failure(cli, out, ret, name, hint);
	free(hint);
	return status;
}

static int wait_for_it(struct cli *cli, uint32_t id)
{
	const struct verify_options *opts = cli->options;
	struct replica_job *job = NULL;
	struct progress progress;
	int ret, status;

	progress_begin(&progress, cli);
	ret = replica_wait_job(cli->ctx, cli->args[0], id, opts->timeout_ms, progress_step,
			       &progress, &job);
	progress_end(&progress);
	status = ret ? say_unfinished(cli, ret, id, job) : show_last(cli);
	replica_job_free(job);
	return status;
}

static int start(struct cli *cli)
{
	const struct verify_options *opts = cli->options;
	bool watched = cli->style.width && !cli->style.json;
	uint32_t id = 0;
	struct out *out;
	int ret = replica_verify(cli->ctx, cli->args[0], &id);

	if (ret != REPLICA_JOB_STARTED) {
		out = report_new(cli);
		out_string(out, KEY_JSON("ElementName"), cli->args[0]);
		return report_failure(cli, out, ret, cli->args[0], NULL);
	}
	if (opts->wait || (watched && !opts->no_wait))
		return wait_for_it(cli, id);
	return say_started(cli, id);
}

static int repair(struct cli *cli)
{
	struct operated done = {
		.operation = DM_REPLICA_OP_RESYNC,
		.does = "copies what the last verify found different",
	};
	char *hint = mem_format("'replicactl verify %s' looks for differences", cli->args[0]);
	int status;

	done.ret = replica_repair(cli->ctx, cli->args[0], &done.job, &done.state);
	if (done.ret == REPLICA_FAILED && done.state == DM_REPLICA_STATE_SYNCHRONIZED)
		done.hint = hint;
	status = operate_report(cli, &done);
	free(hint);
	return status;
}

/* 0, or the exit status after a complaint. */
static int check_usage(struct cli *cli, const struct verify_options *opts)
{
	const char *instead = opts->show ? "show" : opts->repair ? "repair" : NULL;

	if (opts->show && opts->repair)
		return report_usage(cli, "repair", "'--show' and '--repair' exclude each other");
	if (opts->wait && opts->no_wait)
		return report_usage(cli, "no-wait", "'--wait' and '--no-wait' exclude each other");
	if (opts->timeout_ms && !opts->wait)
		return report_usage(cli, "timeout",
				    "'--timeout' limits the wait of '--wait', which is not given");
	if (instead && (opts->wait || opts->no_wait))
		return report_usage(cli, instead,
				    "'--%s' starts no verify that could be waited for", instead);
	return 0;
}

static int verify_run(struct cli *cli)
{
	const struct verify_options *opts = cli->options;
	int status = check_usage(cli, opts);

	if (status)
		return status;
	if (opts->show)
		return show_last(cli);
	return opts->repair ? repair(cli) : start(cli);
}

const struct command cmd_verify = {
	.name = "verify",
	.group = GROUP_WORK,
	.run = verify_run,
	.min_args = 1,
	.max_args = 1,
	.args = "NAME",
	.complete = { COMPLETE_NAME },
	.help = "Compare origin and replica while they are in use",
	.details =
		"Reads all of both devices, as a job that gives way to the writers, and makes a\n"
		"replica Skewed that is not equal to the origin. Nothing is changed until\n"
		"--repair or 'resync' copies what was found. On a terminal it waits for the\n"
		"result; Ctrl-C ends the wait, not the verify. Exit status: 0 if nothing\n"
		"differs, or the verify goes on, 65 if something differs.",
	.options = verify_table,
	.nr_options = ARRAY_SIZE(verify_table),
	.options_size = sizeof(struct verify_options),
};
