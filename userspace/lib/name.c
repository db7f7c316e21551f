// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of replicas, which are names of mapped devices. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry.h"
#include "snapshot-lvm.h"
#include "sysfs.h"

/* Those that udev and libdevmapper take as they are, "/" never. */
static bool name_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("#+-.:=@_", c));
}

const char *replica_name_fault(const char *name)
{
	size_t len = strlen(name);

	if (!len)
		return "it is empty";
	if (len >= DM_REPLICA_NAME_LEN)
		return "it is longer than 127 characters";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strcmp(name, "control") == 0)
		return "it has a meaning in /dev/mapper";
	if (name[0] == '-')
		return "it starts with a dash";
	for (size_t i = 0; i < len; i++)
		if (!name_char(name[i]))
			return "only letters, digits and #+-.:=@_ are allowed";
	return NULL;
}

/* Of these directories the node has the name of the mapped device. */
static int fail_path(struct replica_ctx *ctx, int r, const char *path)
{
	static const char *const places[] = { "/dev/mapper/", "/dev/replica/" };
	int ret = replica_fail_errno(ctx, r, "Name", "there is no replica \"%s\"", path);

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!strncmp(path, places[i], strlen(places[i])))
			ret = replica_record_explain(ctx, path + strlen(places[i]), ret);
	return ret;
}

static int resolve_path(struct replica_ctx *ctx, const char *path,
			char out[DM_REPLICA_NAME_LEN])
{
	struct replica_blockdev dev;
	int r = replica_sysfs_open(ctx, path, &dev);

	if (r && path[0] != '/' && replica_lvsnap_alias(ctx, path, out))
		return REPLICA_SUCCESS;
	if (r)
		return fail_path(ctx, r, path);
	if (!dev.dm_name[0])
		return replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name",
				    "%s is not a mapped device", path);
	strcpy(out, dev.dm_name);
	return REPLICA_SUCCESS;
}

int replica_name_resolve(struct replica_ctx *ctx, const char *name,
			 char out[DM_REPLICA_NAME_LEN])
{
	if (!name || !*name)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Name",
				    "a name is missing");
	if (strchr(name, '/'))
		return resolve_path(ctx, name, out);
	if (strlen(name) >= DM_REPLICA_NAME_LEN)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, ENAMETOOLONG,
				    "Name", "the name is longer than 127 characters");
	/* What LVM and the user call "snap" is "vg-snap" for device-mapper. */
	if (ctx->host->dm_exists(ctx, name) || !replica_lvsnap_alias(ctx, name, out))
		strcpy(out, name);
	return REPLICA_SUCCESS;
}

int replica_name_free(struct replica_ctx *ctx, const char *stem, const char *kind,
		      char out[DM_REPLICA_NAME_LEN])
{
	char clean[DM_REPLICA_NAME_LEN - 24];
	size_t i;
	int r;

	for (i = 0; stem[i] && i < sizeof(clean) - 1; i++)
		clean[i] = name_char(stem[i]) ? stem[i] : '_';
	clean[i] = '\0';
	snprintf(out, DM_REPLICA_NAME_LEN, "%s-%s", clean, kind);
	for (int n = 2; n < 1000; n++) {
		r = ctx->host->dm_exists(ctx, out);
		if (r <= 0)
			return r;
		snprintf(out, DM_REPLICA_NAME_LEN, "%s-%s-%d", clean, kind, n);
	}
	return -EEXIST;
}

int replica_name_generate(struct replica_ctx *ctx, const char *stem,
			  char out[DM_REPLICA_NAME_LEN])
{
	return replica_name_free(ctx, stem, "replica", out);
}
