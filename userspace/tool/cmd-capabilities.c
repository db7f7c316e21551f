// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl capabilities */
#include "report.h"
#include "show.h"

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

static int capabilities_run(struct cli *cli)
{
	const char *name = cli->nr_args ? cli->args[0] : NULL;
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

const struct command cmd_capabilities = {
	.name = "capabilities",
	.group = GROUP_LOOK,
	.run = capabilities_run,
	.max_args = 1,
	.args = "[NAME]",
	.complete = { COMPLETE_NAME },
	.help = "Show what the module supports, or a replica allows",
};
