// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl capabilities: of the module, of a replica, of a kind of copy, of a source */
#include <errno.h>
#include <stdlib.h>

#include "report.h"
#include "show.h"

#define NOT_GIVEN	UINT32_MAX	/* CIM's numbers have 16 bits */

struct capabilities_options {
	uint32_t sync_type;
	uint32_t mode;
	const char *source;
	const char *target;
};

static void show_numbers(struct out *out, struct out_key key, enum replica_enum which,
			 const uint16_t *values, size_t count)
{
	size_t i;

	out_plain_list(out, key);
	for (i = 0; i < count; i++) {
		out_row(out);
		out_enum(out, KEY("Value", NULL, "NAME"), values[i],
			 replica_enum_name(which, values[i]));
		out_end(out);
	}
	out_end(out);
}

/* People are told what force adds, programs all that is possible with it. */
static void show_forced(struct out *out, const struct replica_capabilities *caps)
{
	uint16_t added[REPLICA_CAPS_MAX];
	size_t count = 0, i;

	for (i = 0; i < caps->nr_operations_force; i++)
		if (!show_contains(caps->operations, caps->nr_operations,
				   caps->operations_force[i]))
			added[count++] = caps->operations_force[i];
	show_numbers(out, KEY_JSON("OperationsWithForce"), REPLICA_ENUM_OPERATION,
		     caps->operations_force, caps->nr_operations_force);
	show_numbers(out, KEY_TEXT("Possible with --force"), REPLICA_ENUM_OPERATION, added, count);
}

static int show_all(struct cli *cli, const char *name)
{
	struct replica_capabilities *caps = NULL;
	int ret = replica_capabilities(cli->ctx, name, &caps);
	struct out *out = report_new(cli);
	int status;

	if (ret)
		return report_failure(cli, out, ret, name, NULL);
	if (caps->name) {
		out_string(out, KEY("ElementName", "Name", NULL), caps->name);
		out_enum(out, KEY("CopyState", "State", NULL), caps->copy_state,
			 replica_enum_name(REPLICA_ENUM_COPY_STATE, caps->copy_state));
		out_tone(out, show_state_tone(caps->copy_state));
	}
	out_string(out, KEY("ModuleVersion", "Kernel module", NULL), caps->module_version);
	out_string(out, KEY("LibraryVersion", "Library", NULL), replica_version());
	show_numbers(out, KEY("SupportedReplicationTypes", "Supported kinds of replica", NULL),
		     REPLICA_ENUM_REPLICATION_TYPE, caps->replication_types,
		     caps->nr_replication_types);
	if (caps->name) {
		show_numbers(out, KEY("SupportedOperations", "Possible in this state", NULL),
			     REPLICA_ENUM_OPERATION, caps->operations, caps->nr_operations);
		show_forced(out, caps);
	}
	status = report_finish(cli, out, ret);
	replica_capabilities_free(caps);
	return status;
}

static int refuse_kind(struct cli *cli, const struct capabilities_options *opts, uint16_t type)
{
	const char *sync = replica_enum_name(REPLICA_ENUM_SYNC_TYPE, opts->sync_type);
	const char *mode = replica_enum_name(REPLICA_ENUM_MODE, opts->mode);

	if (type)
		return report_refusal(cli, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "ReplicationType",
				      "%s (%u) is not supported: a %s has mode sync",
				      replica_enum_name(REPLICA_ENUM_REPLICATION_TYPE, type), type,
				      sync);
	return report_refusal(cli, REPLICA_INVALID_PARAMETER, EINVAL, "SyncType",
			      "sync type %s (%u) with mode %s (%u) is no kind of copy: there are sync types 6 to 9, and modes 2 to 4",
			      sync, opts->sync_type, opts->mode ? mode : "sync",
			      opts->mode ? opts->mode : DM_REPLICA_MODE_SYNC);
}

static int show_kind(struct cli *cli, const struct capabilities_options *opts)
{
	struct replica_copy_kind kind;
	uint16_t type = 0;
	struct out *out;

	if (replica_kind_type(opts->sync_type, opts->mode, &type) ||
	    replica_kind_get(cli->ctx, type, &kind))
		return refuse_kind(cli, opts, type);
	out = report_new(cli);
	out_enum(out, KEY("ReplicationType", "Kind", NULL), type,
		 replica_enum_name(REPLICA_ENUM_REPLICATION_TYPE, type));
	show_numbers(out, KEY("SupportedOperations", "Operations", NULL),
		     REPLICA_ENUM_OPERATION, kind.operations, kind.nr_operations);
	show_numbers(out, KEY("SupportedCopyStates", "States", NULL),
		     REPLICA_ENUM_COPY_STATE, kind.copy_states, kind.nr_copy_states);
	show_numbers(out, KEY("SupportedWaitForCopyStates", "States to wait for", NULL),
		     REPLICA_ENUM_COPY_STATE, kind.wait_states, kind.nr_wait_states);
	show_numbers(out, KEY("SupportedFeatures", "Features", NULL),
		     REPLICA_ENUM_FEATURE, kind.features, kind.nr_features);
	return report_finish(cli, out, REPLICA_SUCCESS);
}

/* Those that can be made, or those that cannot, each with what there is to say of it. */
static void show_source_kinds(struct out *out, struct out_key key,
			      const struct replica_source_kind *kind, bool possible)
{
	out_plain_list(out, key);
	for (; kind; kind = kind->next) {
		if (!kind->ret != possible)
			continue;
		out_row(out);
		out_enum(out, KEY("Value", NULL, "NAME"), kind->replication_type,
			 replica_enum_name(REPLICA_ENUM_REPLICATION_TYPE,
					   kind->replication_type));
		if (!possible)
			out_number(out, KEY_JSON("StatusCode"), kind->ret);
		out_string(out, KEY("Sentence", NULL, "SENTENCE"), kind->sentence);
		out_end(out);
	}
	out_end(out);
}

static int show_offload_of(struct cli *cli, const struct capabilities_options *opts)
{
	char *how;
	bool can;
	int ret = replica_offload_possible(cli->ctx, opts->source, opts->target, &can, &how);
	struct out *out = report_new(cli);
	int status;

	out_string(out, KEY("Source", "Source", NULL), opts->source);
	out_string(out, KEY("Target", "Target", NULL), opts->target);
	if (ret)
		return report_failure(cli, out, ret, NULL, NULL);
	out_bool(out, KEY("DevicesCopy", "The devices can copy by themselves", NULL), can);
	out_string(out, KEY("DevicesCopyDescription", can ? "By" : "Why not", NULL), how);
	status = report_finish(cli, out, ret);
	free(how);
	return status;
}

static int show_source(struct cli *cli, const char *source)
{
	struct replica_source_kind *kinds = NULL;
	int ret = replica_source_kinds(cli->ctx, source, &kinds);
	struct out *out = report_new(cli);
	int status;

	out_string(out, KEY_JSON("Source"), source);
	if (ret)
		return report_failure(cli, out, ret, NULL, NULL);
	out_string(out, KEY_TEXT("Source"), source);
	show_source_kinds(out, KEY("SupportedReplicationTypes", "Can be made of it", NULL),
			  kinds, true);
	show_source_kinds(out, KEY("RefusedReplicationTypes", "Cannot be made of it", NULL),
			  kinds, false);
	status = report_finish(cli, out, ret);
	replica_source_kind_free(kinds);
	return status;
}

static int capabilities_run(struct cli *cli)
{
	const struct capabilities_options *opts = cli->options;

	bool kind = opts->sync_type != NOT_GIVEN;

	if (!!cli->nr_args + kind + !!opts->source > 1)
		return report_usage(cli, opts->source ? "source" : "sync-type",
				    "a name, --sync-type and --source are three questions; ask one at a time");
	if (opts->mode && !kind)
		return report_usage(cli, "mode", "--mode goes with --sync-type");
	if (opts->target && !opts->source)
		return report_usage(cli, "target", "--target goes with --source");
	if (opts->target)
		return show_offload_of(cli, opts);
	if (opts->source)
		return show_source(cli, opts->source);
	return kind ? show_kind(cli, opts) :
	       show_all(cli, cli->nr_args ? cli->args[0] : NULL);
}

static const struct option capabilities_options[] = {
	OPTION(struct capabilities_options, sync_type, "sync-type", "TYPE", read_sync_type,
	       COMPLETE_SYNC_TYPE, "What mirror, snapshot, clone or tokenized-clone has to offer"),
	OPTION(struct capabilities_options, mode, "mode", "MODE", read_mode, COMPLETE_MODE,
	       "The same, of a mirror in mode async or adaptive"),
	OPTION(struct capabilities_options, source, "source", "DEVICE", read_text,
	       COMPLETE_DEVICE, "What can be made of DEVICE, and why not all"),
	OPTION(struct capabilities_options, target, "target", "DEVICE", read_text,
	       COMPLETE_DEVICE, "Can the two copy by themselves when a token is redeemed?"),
};

static const struct capabilities_options defaults = {
	.sync_type = NOT_GIVEN,
};

const struct command cmd_capabilities = {
	.name = "capabilities",
	.group = GROUP_LOOK,
	.run = capabilities_run,
	.max_args = 1,
	.args = "[NAME]",
	.complete = { COMPLETE_NAME },
	.help = "Show what the module, a replica or a source allows",
	.options = capabilities_options,
	.nr_options = ARRAY_SIZE(capabilities_options),
	.options_size = sizeof(struct capabilities_options),
	.defaults = &defaults,
};
