// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages, "dmsetup message NAME 0 ...":
 *
 *	abort | activate | deactivate | fracture | resync | resume | split |
 *	suspend | reset_to_sync | reset_to_async | reset_to_adaptive [force]
 *	set <setting> <value>
 *	confirm [<ms>]
 *	cancel <job id>
 *	protected <job id> [<why it is not>]
 *	jobs
 *	help
 *
 * The operations are those of the netlink command OPERATE, the settings are
 * written as in the table line.  device-mapper returns only an errno to the
 * sender, so the sentence that belongs to it goes to the kernel log.
 */
#include <linux/kernel.h>

#include "dm-replica-compare.h"
#include "dm-replica-protect.h"

/* How long "confirm" without a number waits, ms. */
#define REPLICA_MESSAGE_CONFIRM_MS	30000

/* Characters of a sender's words that are repeated in the log. */
#define REPLICA_MESSAGE_ECHO		32

/**
 * struct message_call - one message
 * @replica: the association, with a reference
 * @argc: words behind the name of the message
 * @argv: these words
 * @result: text for the sender
 * @maxlen: size of @result
 * @error: set to a sentence by a handler that fails
 */
struct message_call {
	struct replica *replica;
	unsigned int argc;
	char **argv;
	char *result;
	unsigned int maxlen;
	const char *error;
};

/**
 * struct message_type - one row of the table of messages
 * @name: first word of the message
 * @usage: the words behind it, for help
 * @min_args: fewest words behind the name
 * @max_args: most words behind the name
 * @handler: does it; returns 0, 1 when @result holds text, or a negative errno
 */
struct message_type {
	const char *name;
	const char *usage;
	unsigned int min_args;
	unsigned int max_args;
	int (*handler)(struct message_call *call);
};

static int message_set(struct message_call *call)
{
	struct replica_settings settings = {};
	char *parse_error = NULL;
	unsigned int bad;
	u32 mask = 0;
	int err;

	err = replica_setting_parse(&settings, &mask, call->argv[0], call->argv[1], &parse_error);
	if (err) {
		call->error = parse_error;
		return err == -ENOENT ? -EINVAL : err;
	}
	return replica_settings_apply(call->replica, &settings, mask, &bad, &call->error);
}

static int message_confirm(struct message_call *call)
{
	unsigned int timeout_ms = REPLICA_MESSAGE_CONFIRM_MS;
	int err;

	if (call->argc && (kstrtouint(call->argv[0], 10, &timeout_ms) || !timeout_ms ||
			   timeout_ms > DM_REPLICA_CONFIRM_MAX_MS)) {
		call->error = "the time to wait must be 1 to 3600000 ms";
		return -EINVAL;
	}
	err = replica_confirm_wait(call->replica, timeout_ms);
	if (err == -ETIMEDOUT)
		call->error = "the time expired before all writes were durable on the replica";
	else if (err == -EIO)
		call->error = "not all writes are durable on the replica";
	return err;
}

static int parse_job(struct message_call *call, u32 *id)
{
	if (!kstrtou32(call->argv[0], 10, id) && *id)
		return 0;
	call->error = "a job is named by its number, from 1";
	return -EINVAL;
}

static int message_cancel(struct message_call *call)
{
	u32 id;

	return parse_job(call, &id) ?: replica_job_cancel(call->replica, id, &call->error);
}

static int message_protected(struct message_call *call)
{
	const char *trouble = call->argc > 1 ? call->argv[1] : NULL;
	u32 id;

	return parse_job(call, &id) ?:
	       replica_protected(call->replica, id, trouble, &call->error);
}

static int message_jobs(struct message_call *call)
{
	unsigned int sz = 0, maxlen = call->maxlen;
	char *result = call->result;
	struct replica_job job;
	u32 after;

	for (after = 0; replica_job_next(call->replica, after, &job); after = job.id) {
		DMEMIT("%u %s %s %u %llu %llu %llu %llu %u%s%s\n", job.id,
		       replica_job_type_name(job.type), replica_job_state_name(job.state),
		       replica_job_percent(&job), job.bytes_done, job.bytes_total,
		       job.started_ms, replica_job_elapsed_ms(&job), job.error_code,
		       *job.error_text ? " " : "", job.error_text);
	}
	return 1;
}

static int message_verify(struct message_call *call)
{
	u32 job_id;

	return replica_verify(call->replica, &job_id, &call->error);
}

/* A line for each range, its first sector and the number of sectors; as many as fit. */
static int message_differences(struct message_call *call)
{
	unsigned int sz = 0, maxlen = call->maxlen, i;
	char *result = call->result;
	struct replica_diff diff;
	u32 job_id;
	int r;

	for (i = 0; !(r = replica_verify_read(call->replica, i, &job_id, &diff)); i++)
		DMEMIT("%llu %llu\n", diff.sector, diff.sectors);
	if (r == -ENOENT) {
		call->error = "no verify has ended since the replica was activated";
		return r;
	}
	return 1;
}

static int message_help(struct message_call *call);

static const struct message_type messages[] = {
	{ "set", " <setting> <value>", 2, 2, message_set },
	{ "confirm", " [<ms>]", 0, 1, message_confirm },
	{ "cancel", " <job id>", 1, 1, message_cancel },
	{ "protected", " <job id> [<why it is not>]", 1, 2, message_protected },
	{ "jobs", "", 0, 0, message_jobs },
	{ "verify", "", 0, 0, message_verify },
	{ "differences", "", 0, 0, message_differences },
	{ "help", "", 0, 0, message_help },
};

static int message_help(struct message_call *call)
{
	unsigned int sz = 0, maxlen = call->maxlen, i;
	const char *operation, *setting;
	char *result = call->result;

	for (i = 0; (operation = replica_operation_name(i)); i++)
		DMEMIT("%s [force]%s\n", operation,
		       replica_operation_compares(i) ? " [compare]" : "");
	for (i = 0; i < ARRAY_SIZE(messages); i++)
		DMEMIT("%s%s\n", messages[i].name, messages[i].usage);
	DMEMIT("settings:");
	for (i = 0; (setting = replica_setting_name(i)); i++)
		DMEMIT(" %s", setting);
	DMEMIT("\n");
	return 1;
}

static unsigned int operation_flag(const char *word)
{
	if (!strcmp(word, "force"))
		return REPLICA_OPERATE_FORCE;
	return strcmp(word, "compare") ? 0 : REPLICA_OPERATE_COMPARE;
}

static int call_operation(struct message_call *call, u16 operation)
{
	unsigned int i, flags = 0;
	u32 job_id;

	for (i = 0; i < call->argc; i++) {
		unsigned int flag = operation_flag(call->argv[i]);

		if (!flag || flags & flag) {
			call->error = "an operation takes nothing but the words force and compare";
			return -EINVAL;
		}
		flags |= flag;
	}
	return replica_operate(call->replica, operation, flags, &job_id, &call->error);
}

static int call_message(struct message_call *call, const char *name)
{
	const struct message_type *type;

	for (type = messages; type < messages + ARRAY_SIZE(messages); type++) {
		if (strcmp(name, type->name))
			continue;
		if (call->argc < type->min_args || call->argc > type->max_args) {
			call->error = "wrong number of words, see the message help";
			return -EINVAL;
		}
		return type->handler(call);
	}
	call->error = "there is no such message, see the message help";
	return -EINVAL;
}

static void log_refusal(struct message_call *call, const char *message, int error)
{
	char name[DM_REPLICA_NAME_LEN];

	replica_registry_name(call->replica, name, NULL);
	DMWARN("%s: message %.*s refused: %s (%d)", name, REPLICA_MESSAGE_ECHO, message,
	       call->error ?: "no reason given", error);
}

/**
 * replica_message - the message method of the target
 * @ti: the target
 * @argc: number of words, at least 1
 * @argv: the words
 * @result: text for the sender
 * @maxlen: size of @result
 *
 * Return: 0, 1 when @result holds text, or a negative errno.
 */
int replica_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
		    unsigned int maxlen)
{
	struct message_call call = {
		.replica = replica_target_get(ti->private),
		.argc = argc - 1,
		.argv = argv + 1,
		.result = result,
		.maxlen = maxlen,
	};
	u16 operation = replica_operation_by_name(argv[0]);
	int r;

	r = operation ? call_operation(&call, operation) : call_message(&call, argv[0]);
	if (r < 0)
		log_refusal(&call, argv[0], r);
	replica_put(call.replica);
	return r;
}
