// SPDX-License-Identifier: GPL-2.0-or-later
/* What to do about an error, as one sentence. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "hint.h"
#include "memory.h"
#include "show.h"
#include "suggest.h"

/* ---- What a preflight found ---- */

struct check_hint {
	enum replica_check_code code;
	const char *text;
};

static const struct check_hint check_hints[] = {
	{ REPLICA_CHECK_NOT_FOUND, "'lsblk' lists the block devices of this system" },
	{ REPLICA_CHECK_NOT_BLOCK,
	  "give a block device; 'losetup --find --show FILE' makes one of a file" },
	{ REPLICA_CHECK_SAME_DEVICE, "choose another device" },
	{ REPLICA_CHECK_OVERLAP, "choose one that shares no blocks with the others" },
	{ REPLICA_CHECK_TOO_SMALL,
	  "choose or make a target that is at least as large as the source" },
	{ REPLICA_CHECK_READ_ONLY, "'blockdev --setrw DEVICE' lifts a read-only setting" },
	{ REPLICA_CHECK_MOUNTED,
	  "'umount DEVICE', then again, and mount the new device in its place" },
	{ REPLICA_CHECK_SWAP, "'swapoff DEVICE', then again, and 'swapon' the new device" },
	{ REPLICA_CHECK_HOLDERS,
	  "'lsblk DEVICE' shows what lies on it; take that down, then again" },
	{ REPLICA_CHECK_OPEN, "'fuser -v DEVICE' and 'dmsetup info' show who uses it" },
	{ REPLICA_CHECK_SIGNATURE,
	  "if its data may be lost, use --force; 'wipefs DEVICE' shows what is there" },
	{ REPLICA_CHECK_IN_REPLICA,
	  "'replicactl status' lists the replicas; 'replicactl detach NAME' ends one" },
	{ REPLICA_CHECK_NAME_TAKEN,
	  "choose another name with --name; 'dmsetup ls' lists those in use" },
	{ REPLICA_CHECK_NAME_BAD, "choose another name with --name" },
	{ REPLICA_CHECK_BLOCK_SIZE, "'lsblk -o NAME,LOG-SEC' shows the block sizes" },
	{ REPLICA_CHECK_PERMISSION, "run the command as root" },
	{ REPLICA_CHECK_SUSPENDED, "'dmsetup resume DEVICE' lets it go on" },
	{ REPLICA_CHECK_HAS_LOG, "'replicactl activate DEVICE' brings that replica back" },
};

/* The text, with the path in the place of the word DEVICE. */
static char *with_device(const char *text, const char *device)
{
	static const char word[] = "DEVICE";
	const char *at = strstr(text, word);

	if (!at)
		return mem_text(text);
	return mem_format("%.*s%s%s", (int)(at - text), text, device, at + sizeof(word) - 1);
}

static const char *device_of(const struct replica_finding *finding,
			     const struct hint_devices *devices)
{
	const char *parameter = finding->parameter ? finding->parameter : "";

	if (!strcmp(parameter, "Source"))
		return devices->source;
	return !strcmp(parameter, "MetaDevice") ? devices->meta : devices->target;
}

char *hint_finding(const struct replica_finding *finding, const struct hint_devices *devices)
{
	bool of_meta = finding->parameter && !strcmp(finding->parameter, "MetaDevice");
	size_t i;

	if (of_meta && finding->code == REPLICA_CHECK_TOO_SMALL)
		return mem_text("choose or make a larger one for the log");
	for (i = 0; i < ARRAY_SIZE(check_hints); i++)
		if (check_hints[i].code == finding->code)
			return with_device(check_hints[i].text, device_of(finding, devices));
	return NULL;
}

/* ---- Errors about a replica ---- */

static char *hint_not_found(struct replica_ctx *ctx, const char *name)
{
	struct replica_info *list, *info;
	struct suggestion suggestion;
	char *text;

	if (replica_list(ctx, &list))
		return NULL;
	suggest_start(&suggestion, name);
	for (info = list; info; info = info->next)
		suggest_offer(&suggestion, info->name);
	if (suggestion.best)
		text = mem_format("did you mean '%s'?", suggestion.best);
	else if (list)
		text = mem_text("'replicactl status' lists the replicas");
	else
		text = mem_text("there are no replicas; 'replicactl create' makes one");
	replica_info_free(list);
	return text;
}

/* The command that does an operation, NULL: none.  It has the name of it, or a shorter one. */
static const char *operation_command(unsigned int operation)
{
	unsigned int number;
	size_t i;

	for (i = 0; commands[i]; i++)
		if (!replica_enum_value(REPLICA_ENUM_OPERATION, commands[i]->name, &number) &&
		    number == operation)
			return commands[i]->name;
	return NULL;
}

/* "resync, activate", of the operations that the state allows. */
static char *operation_list(const struct replica_capabilities *caps)
{
	char *list = mem_text(""), *longer;
	const char *command;
	size_t i;

	for (i = 0; i < caps->nr_operations; i++) {
		command = operation_command(caps->operations[i]);
		if (!command)
			continue;
		longer = mem_format("%s%s%s", list, *list ? ", " : "", command);
		free(list);
		list = longer;
	}
	return list;
}

static char *hint_state(struct replica_ctx *ctx, const char *name)
{
	struct replica_capabilities *caps;
	char *operations, *text;

	if (replica_capabilities(ctx, name, &caps))
		return NULL;
	operations = operation_list(caps);
	text = mem_format("'%s' is %s; possible now: %s", name,
			  replica_enum_name(REPLICA_ENUM_COPY_STATE, caps->copy_state),
			  *operations ? operations : "nothing but detach and remove");
	free(operations);
	replica_capabilities_free(caps);
	return text;
}

char *hint_force(const char *name, unsigned int operation)
{
	struct replica_ctx *ctx = replica_ctx_new();
	struct replica_capabilities *caps = NULL;
	char *text = NULL;

	if (ctx && !replica_capabilities(ctx, name, &caps) &&
	    !show_contains(caps->operations, caps->nr_operations, operation) &&
	    show_contains(caps->operations_force, caps->nr_operations_force, operation))
		text = mem_format("'%s' is %s; use --force if that is meant", name,
				  replica_enum_name(REPLICA_ENUM_COPY_STATE, caps->copy_state));
	replica_capabilities_free(caps);
	replica_ctx_free(ctx);
	return text;
}

static char *hint_of_replica(const struct replica_error *err, const char *name)
{
	struct replica_ctx *ctx = replica_ctx_new();
	char *text = NULL;

	if (!ctx)
		return NULL;
	if (replica_error_status_code(err) == REPLICA_NOT_FOUND)
		text = hint_not_found(ctx, name);
	else if (replica_error_sm_code(err) == REPLICA_SM_IN_USE)
		text = hint_state(ctx, name);
	replica_ctx_free(ctx);
	return text;
}

char *hint_make(const struct replica_error *err, const char *name)
{
	if (replica_error_status_code(err) == REPLICA_ACCESS_DENIED)
		return mem_text("run the command as root (it needs CAP_SYS_ADMIN)");
	/* That of the registry says itself what to do. */
	if (replica_error_status_code(err) == REPLICA_CACHE_OUT_OF_DATE)
		return replica_error_sm_code(err) == ENODEV ? NULL :
		       mem_text("things changed meanwhile; see 'replicactl status' and try again");
	return name ? hint_of_replica(err, name) : NULL;
}
