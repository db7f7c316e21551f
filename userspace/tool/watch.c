// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl status --watch: driven by the kernel's events and a tick. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "human.h"
#include "interrupt.h"
#include "memory.h"
#include "report.h"
#include "watch.h"

#define TICK_MS 1000
/* Events taken together before the screen is drawn. */
#define EVENTS_PER_ROUND 100

/* What was last shown of a replica, for those who are told of changes only. */
struct seen {
	struct seen *next;
	char *name;
	uint32_t copy_state, progress, percent, job, mode, ack;
	bool consistent, suspended;
	bool present;		/* in the list that is being looked through */
};

struct watch {
	struct cli *cli;
	const char *name;
	struct show_style style;
	struct rate rate;
	struct seen *seen;
};

/* ---- A line for each change ---- */

static struct seen *seen_find(struct watch *watch, const char *name)
{
	struct seen *seen;

	for (seen = watch->seen; seen; seen = seen->next)
		if (!strcmp(seen->name, name))
			return seen;
	seen = mem_zero(1, sizeof(*seen));
	seen->name = mem_text(name);
	seen->next = watch->seen;
	watch->seen = seen;
	return seen;
}

/* Remembers the state; true when it differs from what was remembered. */
static bool seen_update(struct watch *watch, const struct replica_info *info)
{
	struct seen *seen = seen_find(watch, info->name);
	uint32_t job = info->job ? info->job->id : 0;
	bool same = seen->copy_state == info->copy_state &&
		    seen->progress == info->progress_status &&
		    seen->percent == info->percent_synced && seen->job == job &&
		    seen->consistent == info->consistent_now &&
		    seen->suspended == info->dm_suspended &&
		    seen->mode == info->mode && seen->ack == info->queue.ack_mode;

	seen->copy_state = info->copy_state;
	seen->progress = info->progress_status;
	seen->percent = info->percent_synced;
	seen->job = job;
	seen->consistent = info->consistent_now;
	seen->suspended = info->dm_suspended;
	seen->mode = info->mode;
	seen->ack = info->queue.ack_mode;
	seen->present = true;
	return !same;
}

static void time_now(char *text, size_t len)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	human_time(text, len, (uint64_t)now.tv_sec * 1000);
}

/* ", mode async, the origin alone acknowledges writes"; nothing of mode sync. */
static char *mode_text(const struct replica_info *info)
{
	if (info->mode == DM_REPLICA_MODE_SYNC)
		return mem_text("");
	return mem_format(", mode %s, %s", replica_enum_name(REPLICA_ENUM_MODE, info->mode),
			  show_ack(info->queue.ack_mode));
}

static int show_change(struct watch *watch, const struct replica_info *info)
{
	const char *state = replica_enum_name(REPLICA_ENUM_COPY_STATE, info->copy_state);
	struct out *out = report_new(watch->cli);
	char *job = NULL, *mode = mode_text(info);
	char time[64];

	time_now(time, sizeof(time));
	if (info->job)
		job = show_job_text(info->job, rate_update(NULL, info->job));
	out_message(out, "%s  %s: %s, %u %%, %s%s%s%s", time, info->name, state,
		    info->percent_synced,
		    replica_enum_name(REPLICA_ENUM_PROGRESS, info->progress_status),
		    mode, job ? ", " : "", job ? job : "");
	free(mode);
	free(job);
	show_replica_member(out, info);
	return report_finish(watch->cli, out, REPLICA_SUCCESS);
}

static int show_gone(struct watch *watch, const char *name)
{
	struct out *out = report_new(watch->cli);
	char time[64];

	time_now(time, sizeof(time));
	out_message(out, "%s  %s: removed", time, name);
	out_string(out, KEY_JSON("ElementName"), name);
	out_none(out, KEY_JSON("Replica"));
	return report_finish(watch->cli, out, REPLICA_SUCCESS);
}

/* Forgets those that were not in the list, and says so. */
static int drop_absent(struct watch *watch)
{
	struct seen **link = &watch->seen, *seen;
	int status = 0;

	while ((seen = *link)) {
		if (seen->present) {
			seen->present = false;
			link = &seen->next;
			continue;
		}
		status = show_gone(watch, seen->name);
		*link = seen->next;
		free(seen->name);
		free(seen);
	}
	return status;
}

static int show_changes(struct watch *watch)
{
	struct replica_info *list = NULL, *info;
	int ret, status = 0;

	ret = watch->name ? replica_get(watch->cli->ctx, watch->name, &list) :
			    replica_list(watch->cli->ctx, &list);
	if (ret)
		return report_failure(watch->cli, report_new(watch->cli), ret, watch->name, NULL);
	for (info = list; info && !status; info = info->next)
		if (seen_update(watch, info))
			status = show_change(watch, info);
	replica_info_free(list);
	return status ? status : drop_absent(watch);
}

/* ---- The loop ---- */

static int show_round(struct watch *watch)
{
	if (!watch->cli->style.redraw)
		return show_changes(watch);
	if (watch->name)
		return status_show_one(watch->cli, watch->name, &watch->style);
	return status_show_list(watch->cli);
}

/* Waits for something to happen, and takes what happened at the same time. */
static int await_events(struct replica_monitor *monitor)
{
	struct replica_event *event;
	int ret, timeout = TICK_MS, i;

	for (i = 0; i < EVENTS_PER_ROUND && !interrupt_pending(); i++) {
		event = NULL;
		ret = replica_monitor_next(monitor, timeout, &event);
		replica_event_free(event);
		if (ret == REPLICA_TIMEOUT || interrupt_pending())
			return 0;
		if (ret)
			return ret;
		timeout = 0;
	}
	return 0;
}

static int loop(struct watch *watch, struct replica_monitor *monitor)
{
	int ret, status;

	for (;;) {
		status = show_round(watch);
		if (status || interrupt_pending())
			return status;
		ret = await_events(monitor);
		if (ret)
			return report_failure(watch->cli, report_new(watch->cli), ret, watch->name,
					      NULL);
		if (interrupt_pending())
			return 0;
	}
}

int watch_run(struct cli *cli, const char *name, bool counters)
{
	struct watch watch = { .cli = cli, .name = name };
	struct replica_monitor *monitor = NULL;
	struct seen *seen;
	int ret, status;

	watch.style = (struct show_style){
		.counters = counters,
		.brief = true,
		.rate = &watch.rate,
	};
	interrupt_catch();
	ret = replica_monitor_new(cli->ctx, name, &monitor);
	if (ret)
		return report_failure(cli, report_new(cli), ret, name, NULL);
	cli->style.stream = true;
	cli->style.redraw = cli->style.width && !cli->style.json;
	out_screen_begin(&cli->style);
	status = loop(&watch, monitor);
	out_screen_end(&cli->style);
	replica_monitor_free(monitor);
	while ((seen = watch.seen)) {
		watch.seen = seen->next;
		free(seen->name);
		free(seen);
	}
	return status;
}
