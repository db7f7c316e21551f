// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl events */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "human.h"
#include "interrupt.h"
#include "memory.h"
#include "report.h"
#include "show.h"

struct events_options {
	uint32_t count;
	uint32_t timeout_ms;
	bool no_snapshot;
};

static const struct option events_table[] = {
	OPTION(struct events_options, count, "count", "N", read_count, COMPLETE_NOTHING,
	       "End after N events"),
	OPTION(struct events_options, timeout_ms, "timeout", "TIME", read_seconds, COMPLETE_NOTHING,
	       "End after that time; seconds without a unit"),
	OPTION_FLAG(struct events_options, no_snapshot, "no-snapshot",
		    "Leave out the state that the replicas are in at first"),
};

static const char *state_name(unsigned int state)
{
	return replica_enum_name(REPLICA_ENUM_COPY_STATE, state);
}

static char *job_text(const struct replica_job *job)
{
	char *progress = show_job_text(job, rate_update(NULL, job)), *text;

	text = mem_format("job %u (%s) is %s, %s%s%s", job->id,
			  replica_enum_name(REPLICA_ENUM_JOB_TYPE, job->type),
			  replica_enum_name(REPLICA_ENUM_JOB_STATE, job->state), progress,
			  job->error_text ? ": " : "", job->error_text ? job->error_text : "");
	free(progress);
	return text;
}

/* What happened, without the name of the replica. */
static char *event_text(const struct replica_event *event)
{
	const char *type = replica_enum_name(REPLICA_ENUM_EVENT_TYPE, event->type);
	const char *reason = event->reason ? event->reason : "no reason given";

	switch (event->type) {
	case DM_REPLICA_EVENT_STATE:
		return mem_format("%s -> %s (%s)", state_name(event->old_copy_state),
				  state_name(event->copy_state), reason);
	case DM_REPLICA_EVENT_JOB:
		return event->job ? job_text(event->job) : mem_text(type);
	case DM_REPLICA_EVENT_REPLICA_ERROR:
	case DM_REPLICA_EVENT_ORIGIN_ERROR:
	case DM_REPLICA_EVENT_READ_FAILOVER:
		return mem_format("%s at sector %" PRIu64 ": %s (%s)", type, event->sector,
				  strerror(event->error), reason);
	case DM_REPLICA_EVENT_MODE:
		return mem_format("mode %s, %s: %s",
				  replica_enum_name(REPLICA_ENUM_MODE, event->mode),
				  show_ack(event->ack_mode), reason);
	case DM_REPLICA_EVENT_ROLES:
		return mem_format("origin and replica changed places: %s", reason);
	case DM_REPLICA_EVENT_RPO:
		return mem_format("RPO %s", reason);
	case REPLICA_EVENT_STORE:
		return mem_text(reason);
	case REPLICA_EVENT_LOST:
		return mem_text("events were lost; what follows is read anew");
	case REPLICA_EVENT_SNAPSHOT:
		return mem_format("is %s, %u %%", state_name(event->copy_state),
				  event->info ? event->info->percent_synced : 0);
	default:
		return mem_text(type);
	}
}

static void show_members(struct out *out, const struct replica_event *event)
{
	static const struct show_style plain;

	out_enum(out, KEY_JSON("EventType"), event->type,
		 replica_enum_name(REPLICA_ENUM_EVENT_TYPE, event->type));
	out_number(out, KEY_JSON("EventSequence"), event->seq);
	out_time(out, KEY_JSON("EventTime"), event->time);
	out_string(out, KEY_JSON("ElementName"), event->name);
	if (event->copy_state)
		out_enum(out, KEY_JSON("CopyState"), event->copy_state,
			 state_name(event->copy_state));
	if (event->type == DM_REPLICA_EVENT_STATE)
		out_enum(out, KEY_JSON("OldCopyState"), event->old_copy_state,
			 state_name(event->old_copy_state));
	if (event->reason)
		out_string(out, KEY_JSON("Reason"), event->reason);
	if (event->error) {
		out_number(out, KEY_JSON("Sector"), event->sector);
		out_number(out, KEY_JSON("Errno"), event->error);
	}
	if (event->mode) {
		out_enum(out, KEY_JSON("Mode"), event->mode,
			 replica_enum_name(REPLICA_ENUM_MODE, event->mode));
		out_enum(out, KEY_JSON("AckMode"), event->ack_mode,
			 replica_enum_name(REPLICA_ENUM_MODE, event->ack_mode));
	}
	if (event->job) {
		out_object(out, KEY_JSON("Job"));
		show_job(out, event->job, rate_update(NULL, event->job));
		out_end(out);
	}
	if (event->info) {
		out_object(out, KEY_JSON("Replica"));
		show_replica(out, event->info, &plain);
		out_end(out);
	}
}

static int show_event(struct cli *cli, const struct replica_event *event)
{
	struct out *out = report_new(cli);
	char *text = event_text(event);
	char time[64] = "";

	if (event->time)
		human_time(time, sizeof(time), event->time);
	show_members(out, event);
	out_message(out, "%s%s%s: %s", time, event->time ? "  " : "",
		    event->name ? event->name : "replicactl", text);
	free(text);
	return report_finish(cli, out, REPLICA_SUCCESS);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds that are left, -1: no limit. */
static int time_left(const struct events_options *opts, uint64_t end)
{
	uint64_t now = now_ms();

	if (!opts->timeout_ms)
		return -1;
	return now < end ? (int)(end - now > 3600000 ? 3600000 : end - now) : 0;
}

static int follow(struct cli *cli, struct replica_monitor *monitor)
{
	const struct events_options *opts = cli->options;
	uint64_t end = now_ms() + opts->timeout_ms;
	struct replica_event *event = NULL;
	uint32_t count = 0;
	int ret, status = 0;

	while (!status && !interrupt_pending() && (!opts->count || count < opts->count)) {
		ret = replica_monitor_next(monitor, time_left(opts, end), &event);
		if (ret == REPLICA_TIMEOUT && !time_left(opts, end))
			break;
		if (ret == REPLICA_TIMEOUT || interrupt_pending())
			continue;
		if (ret)
			return report_failure(cli, report_new(cli), ret, NULL, NULL);
		if (!opts->no_snapshot || event->type != REPLICA_EVENT_SNAPSHOT) {
			status = show_event(cli, event);
			count++;
		}
		replica_event_free(event);
	}
	return status;
}

static int events_run(struct cli *cli)
{
	const char *name = cli->nr_args ? cli->args[0] : NULL;
	struct replica_monitor *monitor = NULL;
	int ret, status;

	cli->style.stream = true;
	interrupt_catch();
	ret = replica_monitor_new(cli->ctx, name, &monitor);
	if (ret)
		return report_failure(cli, report_new(cli), ret, name, NULL);
	status = follow(cli, monitor);
	replica_monitor_free(monitor);
	return status;
}

const struct command cmd_events = {
	.name = "events",
	.group = GROUP_LOOK,
	.run = events_run,
	.max_args = 1,
	.args = "[NAME]",
	.complete = { COMPLETE_NAME },
	.help = "Show events as they happen, until Ctrl-C",
	.details =
		"Begins with the state of each replica. No event is lost unnoticed: if the kernel\n"
		"had to drop some, a line says so and the states are shown again.",
	.options = events_table,
	.nr_options = ARRAY_SIZE(events_table),
	.options_size = sizeof(struct events_options),
};
