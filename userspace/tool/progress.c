// SPDX-License-Identifier: GPL-2.0-or-later
/* A bar while the library waits; only on a terminal, never in JSON. */
#include <errno.h>
#include <stdlib.h>

#include "interrupt.h"
#include "memory.h"
#include "progress.h"
#include "report.h"

void progress_begin(struct progress *progress, struct cli *cli)
{
	*progress = (struct progress){ .cli = cli };
	progress->shows = cli->style.width && !cli->style.json;
	interrupt_catch();
	cli->style.redraw = progress->shows;
	out_screen_begin(&cli->style);
}

int progress_step(const struct replica_info *info, void *data)
{
	struct progress *progress = data;
	const char *state = replica_enum_name(REPLICA_ENUM_COPY_STATE, info->copy_state);
	struct out *out;
	char *text;

	if (progress->shows) {
		out = report_new(progress->cli);
		if (info->job) {
			text = show_job_text(info->job, rate_update(&progress->rate, info->job));
			out_bar(out, info->name, info->job->percent, text);
			free(text);
		} else {
			out_bar(out, info->name, info->percent_synced, state);
		}
		report_finish(progress->cli, out, REPLICA_SUCCESS);
	}
	return interrupt_pending();
}

void progress_end(struct progress *progress)
{
	out_screen_end(&progress->cli->style);
	progress->cli->style.redraw = false;
}

bool progress_interrupted(const struct cli *cli)
{
	const struct replica_error *err = replica_last_error(cli->ctx);

	return err && replica_error_sm_code(err) == ECANCELED && interrupt_pending();
}
