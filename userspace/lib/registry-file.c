// SPDX-License-Identifier: LGPL-2.1-or-later
/* The files of the registry: small JSON objects, each of which is whole or not there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry.h"
#include "token.h"

/* No name of a mapped device is one of these, or has a slash; nor does a job's file. */
static int file_path(struct replica_ctx *ctx, const char *directory, const char *file,
		     char path[PATH_MAX])
{
	if (!*file || strchr(file, '/') || !strcmp(file, ".") || !strcmp(file, ".."))
		return -EINVAL;
	if (snprintf(path, PATH_MAX, "%s%s/%s/%s", ctx->root, REPLICA_REGISTRY, directory, file) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

/* Where /run outlives a boot, what stands there is of replicas that did not. */
static bool is_of_this_boot(struct replica_ctx *ctx, struct json_object *object)
{
	char now[REPLICA_UUID_TEXT], then[REPLICA_UUID_TEXT];

	replica_boot_id(ctx, now);
	replica_registry_text(object, "boot", then, sizeof(then));
	return !strcmp(now, then);
}

struct json_object *replica_registry_read(struct replica_ctx *ctx, const char *directory,
					  const char *file)
{
	struct json_object *object;
	char path[PATH_MAX];

	if (file_path(ctx, directory, file, path))
		return NULL;
	object = json_object_from_file(path);
	if (json_object_is_type(object, json_type_object) &&
	    replica_registry_number(object, "version") == REPLICA_REGISTRY_VERSION &&
	    is_of_this_boot(ctx, object))
		return object;
	json_object_put(object);
	return NULL;
}

/* Of these modes whatever the umask is: everybody may read what is there. */
static int make_directory(const char *path)
{
	if (mkdir(path, 0755))
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, 0755) ? -errno : 0;
}

static int make_directories(struct replica_ctx *ctx, const char *directory)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s%s", ctx->root, REPLICA_REGISTRY);
	r = make_directory(path);
	if (r)
		return r;
	snprintf(path, sizeof(path), "%s%s/%s", ctx->root, REPLICA_REGISTRY, directory);
	return make_directory(path);
}

/* A file of its own, that nobody else has open or has made a link of. */
static FILE *open_new(const char *path)
{
	FILE *f;
	int fd;

	if (unlink(path) && errno != ENOENT)
		return NULL;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return NULL;
	f = fdopen(fd, "w");
	if (!f)
		close(fd);
	return f;
}

static int write_text(const char *path, const char *text)
{
	FILE *f = open_new(path);
	int r = 0;

	if (!f)
		return -errno;
	errno = 0;
	if (fprintf(f, "%s\n", text) < 0 || fflush(f) || fchmod(fileno(f), 0644))
		r = errno ? -errno : -EIO;
	if (fclose(f) && !r)
		r = -errno;
	return r;
}

/* Each thread has one name for what is not whole yet: one that is killed leaves little. */
static int write_whole(struct replica_ctx *ctx, const char *path, const char *text)
{
	char other[PATH_MAX];
	int r;

	snprintf(other, sizeof(other), "%s%s/new-%d", ctx->root, REPLICA_REGISTRY, gettid());
	r = write_text(other, text);
	if (!r && rename(other, path))
		r = -errno;
	if (r)
		unlink(other);
	return r;
}

int replica_registry_write(struct replica_ctx *ctx, const char *directory, const char *file,
			   struct json_object *object)
{
	const char *text;
	char path[PATH_MAX], boot[REPLICA_UUID_TEXT];
	int r = file_path(ctx, directory, file, path);

	if (!object)
		return -ENOMEM;
	replica_boot_id(ctx, boot);
	replica_registry_put_number(object, "version", REPLICA_REGISTRY_VERSION);
	replica_registry_put_text(object, "boot", boot);
	if (!r)
		r = make_directories(ctx, directory);
	text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!r)
		r = text ? write_whole(ctx, path, text) : -ENOMEM;
	json_object_put(object);
	return r;
}

int replica_registry_remove(struct replica_ctx *ctx, const char *directory, const char *file)
{
	char path[PATH_MAX];
	int r = file_path(ctx, directory, file, path);

	if (!r && unlink(path) && errno != ENOENT && errno != ENOTDIR)
		r = -errno;
	return r;
}

int replica_registry_each(struct replica_ctx *ctx, const char *directory,
			  int (*call)(const char *file, void *data), void *data)
{
	struct dirent *entry;
	char path[PATH_MAX];
	int r = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s%s/%s", ctx->root, REPLICA_REGISTRY, directory);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (!r && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			r = call(entry->d_name, data);
	closedir(d);
	return r;
}

bool replica_registry_text(struct json_object *object, const char *key, char *text, size_t size)
{
	struct json_object *member;
	const char *value;

	text[0] = '\0';
	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, json_type_string))
		return false;
	value = json_object_get_string(member);
	if (strlen(value) >= size)
		return false;
	strcpy(text, value);
	return true;
}

uint64_t replica_registry_number(struct json_object *object, const char *key)
{
	struct json_object *member;

	return json_object_object_get_ex(object, key, &member) ? json_object_get_uint64(member) : 0;
}

bool replica_registry_bool(struct json_object *object, const char *key)
{
	struct json_object *member;

	return json_object_object_get_ex(object, key, &member) && json_object_get_boolean(member);
}

void replica_registry_put_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

void replica_registry_put_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, json_object_new_uint64(number));
}
