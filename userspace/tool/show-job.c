// SPDX-License-Identifier: GPL-2.0-or-later
/* Jobs as parts of a document, with the properties of MSFT_SMJob. */
#include "human.h"
#include "memory.h"
#include "show.h"

#define TEXT_LEN 64

uint64_t rate_update(struct rate *rate, const struct replica_job *job)
{
	uint64_t average = job->elapsed_ms ? job->bytes_done * 1000 / job->elapsed_ms : 0;
	uint64_t now;

	if (!rate)
		return average;
	if (rate->job != job->id || job->elapsed_ms < rate->elapsed_ms ||
	    job->bytes_done < rate->done) {
		*rate = (struct rate){ job->id, job->bytes_done, job->elapsed_ms, average };
	} else if (job->elapsed_ms - rate->elapsed_ms >= 400) {
		now = (job->bytes_done - rate->done) * 1000 / (job->elapsed_ms - rate->elapsed_ms);
		rate->value = rate->value ? (rate->value * 2 + now) / 3 : now;
		rate->done = job->bytes_done;
		rate->elapsed_ms = job->elapsed_ms;
	}
	return rate->value;
}

static bool job_runs(const struct replica_job *job)
{
	return job->state < DM_REPLICA_JOB_COMPLETED;
}

char *show_job_text(const struct replica_job *job, uint64_t rate)
{
	char done[TEXT_LEN], total[TEXT_LEN], speed[TEXT_LEN], left[TEXT_LEN];

	if (!job->bytes_total)
		return mem_text(job->type == DM_REPLICA_JOB_VERIFY ? "nothing to compare" :
				"nothing to copy");
	human_bytes(done, sizeof(done), job->bytes_done);
	human_bytes(total, sizeof(total), job->bytes_total);
	human_bytes(speed, sizeof(speed), rate);
	if (!job->has_eta)
		return mem_format("%s of %s, %s/s", done, total, speed);
	human_duration(left, sizeof(left), job->eta_ms);
	return mem_format("%s of %s, %s/s, %s left", done, total, speed, left);
}

static enum out_tone job_tone(const struct replica_job *job)
{
	if (job_runs(job))
		return OUT_BUSY;
	return job->state == DM_REPLICA_JOB_COMPLETED ? OUT_GOOD : OUT_BAD;
}

/* CIM_ConcreteJob.OperationalStatus: how it is, and of one that is over how it ended. */
static void show_operational_status(struct out *out, const struct replica_job *job)
{
	static const struct {
		unsigned int value;
		const char *name;
	} all[] = {
		{ 2, "OK" }, { 6, "Error" }, { 10, "Stopped" }, { 14, "Aborted" },
		{ 15, "Dormant" }, { 17, "Completed" },
	};
	static const uint32_t of_state[][2] = {
		[DM_REPLICA_JOB_NEW] = { 15 }, [DM_REPLICA_JOB_STARTING] = { 2 },
		[DM_REPLICA_JOB_RUNNING] = { 2 }, [DM_REPLICA_JOB_SUSPENDED] = { 10 },
		[DM_REPLICA_JOB_SHUTTING_DOWN] = { 2 },
		[DM_REPLICA_JOB_COMPLETED] = { 17, 2 },
		[DM_REPLICA_JOB_TERMINATED] = { 10, 14 },
		[DM_REPLICA_JOB_KILLED] = { 10, 14 },
		[DM_REPLICA_JOB_EXCEPTION] = { 17, 6 },
	};
	size_t i, j;

	out_plain_list(out, KEY_JSON("OperationalStatus"));
	for (i = 0; job->state < ARRAY_SIZE(of_state) && i < 2; i++)
		for (j = 0; j < ARRAY_SIZE(all); j++) {
			if (all[j].value != of_state[job->state][i])
				continue;
			out_row(out);
			out_enum(out, KEY_JSON("Value"), all[j].value, all[j].name);
			out_end(out);
		}
	out_end(out);
}

/* Those of MSFT_SMJob that a person does not need.  When one that runs changed is not known. */
static void show_job_properties(struct out *out, const struct replica_job *job)
{
	out_string(out, KEY_JSON("JobStatus"), job->error_text ? job->error_text :
		   replica_enum_name(REPLICA_ENUM_JOB_STATE, job->state));
	show_operational_status(out, job);
	out_number(out, KEY_JSON("LocalOrUtcTime"), 2);		/* UTC */
	out_time(out, KEY_JSON("TimeSubmitted"), job->start_time);
	out_time(out, KEY_JSON("TimeOfLastStateChange"),
		 job_runs(job) ? 0 : job->start_time + job->elapsed_ms);
	/* The last 16 stay, however old, as long as their replica does. */
	out_bool(out, KEY_JSON("DeleteOnCompletion"), job->replica_ended);
	if (job->replica_ended)
		out_duration(out, KEY_JSON("TimeBeforeRemoval"), job->kept_ms);
	else
		out_none(out, KEY_JSON("TimeBeforeRemoval"));
}

void show_job(struct out *out, const struct replica_job *job, uint64_t rate)
{
	bool verify = job->type == DM_REPLICA_JOB_VERIFY;

	if (job->name)
		out_string(out, KEY("ElementName", "Name", "NAME"), job->name);
	out_number(out, KEY("JobID", NULL, "JOB"), job->id);
	show_enum(out, KEY("JobType", "Type", "TYPE"), REPLICA_ENUM_JOB_TYPE, job->type);
	show_enum(out, KEY("JobState", "State", "STATE"), REPLICA_ENUM_JOB_STATE, job->state);
	out_tone(out, job_tone(job));
	out_percent(out, KEY("PercentComplete", NULL, "DONE"), job->percent);
	out_bytes(out, KEY("BytesDone", verify ? "Compared" : "Copied", "COPIED"),
		  job->bytes_done);
	out_bytes(out, KEY("BytesTotal", verify ? "To compare" : "To copy", NULL),
		  job->bytes_total);
	if (verify)
		out_bytes(out, KEY("Differs", "Different", NULL), job->differs);
	if (job->type == DM_REPLICA_JOB_CLONE)
		out_bytes(out, KEY("BytesOffloaded", job->offloaded ? "By the devices" : NULL,
				   NULL), job->offloaded);
	out_rate(out, KEY("BytesPerSecond", "Rate", "RATE"), rate);
	out_time(out, KEY("StartTime", "Started", NULL), job->start_time);
	out_duration(out, KEY("ElapsedTime", "Running for", "ELAPSED"), job->elapsed_ms);
	if (job->has_eta)
		out_duration(out, KEY("RemainingTime", "Time left", "LEFT"), job->eta_ms);
	else
		out_none(out, KEY("RemainingTime", NULL, "LEFT"));
	out_number(out, KEY("ErrorCode", NULL, NULL), job->error_code);
	if (job->replica_ended)
		out_time(out, KEY("ReplicaEnded", "Replica ended", "REPLICA ENDED"),
			 job->replica_ended);
	else
		out_none(out, KEY("ReplicaEnded", NULL, "REPLICA ENDED"));
	out_string(out, KEY("ErrorDescription", job->error_text ? "Error" : NULL, "ERROR"),
		   job->error_text);
	show_job_properties(out, job);
}
