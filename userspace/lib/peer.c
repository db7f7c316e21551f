// SPDX-License-Identifier: LGPL-2.1-or-later
/* The peer of a replica: which systems are this one, and MSFT_SMReplicaPeer of a target. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "peer.h"

#define PEER_STORAGE_VOLUME	4	/* PeerObjectType */

#define ID_LEN			64

static void host_name(char name[HOST_NAME_MAX + 1])
{
	name[0] = '\0';
	gethostname(name, HOST_NAME_MAX);
	name[HOST_NAME_MAX] = '\0';
}

/* That of systemd, "" if there is none. */
static void machine_id(struct replica_ctx *ctx, char id[ID_LEN])
{
	char path[PATH_MAX];
	FILE *f;

	id[0] = '\0';
	snprintf(path, sizeof(path), "%s/etc/machine-id", ctx->root);
	f = fopen(path, "re");
	if (f && !fgets(id, ID_LEN, f))
		id[0] = '\0';
	if (f)
		fclose(f);
	id[strcspn(id, "\n")] = '\0';
}

/* "a" is the host "a.example.org", too. */
static bool same_host(const char *name, const char *host)
{
	size_t label = strcspn(host, ".");

	return strcasecmp(name, host) == 0 ||
	       (label && strlen(name) == label && strncasecmp(name, host, label) == 0);
}

bool replica_peer_is_local(struct replica_ctx *ctx, const char *system)
{
	char host[HOST_NAME_MAX + 1], id[ID_LEN];

	host_name(host);
	machine_id(ctx, id);
	return *system && (strcasecmp(system, "localhost") == 0 || same_host(system, host) ||
			   strcasecmp(system, id) == 0);
}

void replica_peer_clear(struct replica_peer *peer)
{
	free(peer->object_id);
	free(peer->identifier);
	free(peer->peer_object_id);
	free(peer->object_name);
	free(peer->unique_id);
	free(peer->system_name);
	free(peer->provider_uri);
	free(peer->element.device);
	free(peer->element.device_number);
}

static char *print(const char *a, const char *separator, const char *b)
{
	char *text;

	return asprintf(&text, "%s%s%s", a, separator, b) < 0 ? NULL : text;
}

int replica_peer_fill(struct replica_ctx *ctx, const struct replica_blockdev *target,
		      const char *uuid, struct replica_peer *peer)
{
	char host[HOST_NAME_MAX + 1], id[ID_LEN], number[32];

	host_name(host);
	machine_id(ctx, id);
	snprintf(number, sizeof(number), "%u:%u", major(target->devno), minor(target->devno));
	peer->object_type = PEER_STORAGE_VOLUME;
	peer->identifier = strdup(uuid);
	peer->object_id = print(uuid, "/", "target");
	peer->peer_object_id = print(*id ? id : host, "/", target->unique_id);
	peer->object_name = strdup(target->path);
	peer->unique_id = strdup(target->unique_id);
	peer->system_name = strdup(host);
	peer->element.device = strdup(target->path);
	peer->element.device_number = strdup(number);
	peer->element.size = target->size;
	return peer->identifier && peer->object_id && peer->peer_object_id &&
	       peer->object_name && peer->unique_id && peer->system_name &&
	       peer->element.device && peer->element.device_number ? 0 : -ENOMEM;
}
