/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libreplica share and nobody else sees. */
#ifndef _REPLICA_PRIVATE_H
#define _REPLICA_PRIVATE_H

#include <stdint.h>
#include <sys/types.h>

#include <replica/libreplica.h>

#define ARRAY_SIZE(x)	(sizeof(x) / sizeof((x)[0]))
#define __printf(f, v)	__attribute__((	\
	__format__(__printf__, f, v)))

/* Symbols named in libreplica.map; everything else stays hidden. */
#define EXPORT		__attribute__((visibility("default")))

#define SECTOR_SHIFT	9

struct replica_genl;
struct replica_lines;
struct replica_signature;

/*
 * Fixed buffers: an error can be told when memory is gone, and a hostile name
 * cannot make it grow.
 */
struct replica_error {
	int status_code;
	int sm_source;
	int sm_code;
	char description[1024];
	char operation[64];
	char parameter[64];
	char message[512];
	char details[512];
};

/* The questions to the system that unit tests answer themselves. */
struct replica_host_ops {
	/* device number of a node: 0, -ENOTBLK, or what stat() says */
	int (*devno)(struct replica_ctx *ctx, const char *path, dev_t *devno);
	/* 0 if nobody has the device open exclusively, -EBUSY, or another */
	int (*open_excl)(struct replica_ctx *ctx, const char *path);
	/* 0 with what was found, or -errno */
	int (*signature)(struct replica_ctx *ctx, const char *path,
			 struct replica_signature *sig);
	/* 1 if a mapped device has the name, 0, or -errno */
	int (*dm_exists)(struct replica_ctx *ctx, const char *name);
	/* the live table of a mapped device: as replica_lines_read() */
	int (*lines)(struct replica_ctx *ctx, const char *name, struct replica_lines *lines);
	/* a descriptor for open(2)'s flags, or -errno */
	int (*open)(struct replica_ctx *ctx, const char *path, int flags);
};

struct replica_ctx {
	struct replica_error err;	/* valid if status_code is not 0 */
	const struct replica_host_ops *host;
	const char *root;		/* put before /sys and /proc; "" but in unit tests */
	struct replica_genl *genl;	/* NULL until first used */
	bool genl_stale;		/* it is of a module that is gone */
	char *lvm_key;			/* snapshot-lvm.c: what the other depends on; NULL: none */
	char *lvm_report;
};

/* error.c */

/* To be called first by every function of the API that takes a context. */
void replica_error_begin(struct replica_ctx *ctx, const char *operation);

/* A function of the API called by another one: the error is that of the other one. */
void replica_error_rename(struct replica_ctx *ctx, const char *operation);

/* The call goes on: what went wrong is no failure of it. */
void replica_error_clear(struct replica_ctx *ctx);

/*
 * Fill in the error and return the return value.  parameter may be NULL.
 * replica_fail_errno() takes return value and SMErrorCode from an errno (either
 * sign) and adds its text to the sentence.
 */
int replica_fail(struct replica_ctx *ctx, int ret, int sm_code,
		 const char *parameter, const char *fmt, ...) __printf(5, 6);
int replica_fail_errno(struct replica_ctx *ctx, int err, const char *parameter,
		       const char *fmt, ...) __printf(4, 5);
int replica_fail_memory(struct replica_ctx *ctx);
int replica_fail_module(struct replica_ctx *ctx);

/* Add to the error that was filled in last. */
void replica_error_kernel(struct replica_ctx *ctx, const char *message);
/* What another program said. */
void replica_error_message(struct replica_ctx *ctx, const char *message);
void replica_error_details(struct replica_ctx *ctx, const char *fmt, ...)
	__printf(2, 3);

#define REPLICA_NO_MODULE \
	"kernel module dm-replica is not loaded; load it with modprobe dm-replica"

/* SMErrorCode of an errno: 6 for EBUSY, ENODEV for ENXIO, itself for all others. */
int replica_sm_code(int err);

/* names.c: value of a name without tolerance, for table lines; is there a value? */
int replica_enum_exact(enum replica_enum which, const char *name,
		       unsigned int *value);
bool replica_enum_has(enum replica_enum which, unsigned int value);

/*
 * words.c.  same_words: but for the case of letters, "-", "_" and blanks.  number_of: of a
 * decimal number and nothing else; UINT_MAX for any other text.
 */
bool replica_same_words(const char *a, const char *b);
unsigned int replica_number_of(const char *text);

/* The bits of enum replica_setting that a log may have, and the last of them. */
#define REPLICA_SETTINGS_OF_LOG	(((REPLICA_SETTING_COPY_PRIORITY << 1) - 1) | \
				 REPLICA_SETTING_READ_ONLY | REPLICA_SETTING_DELTA_MS | \
				 REPLICA_SETTING_PROTECT)
#define REPLICA_SETTING_LAST	REPLICA_SETTING_PROTECT

/* settings.c: 0, or -EINVAL with the reason and the member at fault. */
int replica_settings_validate(const struct replica_settings *settings,
			      const char **key, const char **why);

/* What from sets, over what is there. */
void replica_settings_merge(struct replica_settings *to,
			    const struct replica_settings *from);

/* room.c: is there the memory for them?  settings may be NULL; a return value. */
int replica_room_check(struct replica_ctx *ctx, const struct replica_settings *settings);

/* wait.c: present time in milliseconds, of a clock that nobody sets. */
uint64_t replica_now_ms(void);

/*
 * name.c.  resolve: the dm name for a name or a path (see libreplica.h), a return
 * value.  fault: why a name cannot be used, NULL if it can.  generate: a free
 * name made from stem, 0 or -errno; free: "stem-kind", kind being short.
 */
int replica_name_resolve(struct replica_ctx *ctx, const char *name,
			 char out[DM_REPLICA_NAME_LEN]);
const char *replica_name_fault(const char *name);
int replica_name_free(struct replica_ctx *ctx, const char *stem, const char *kind,
		      char out[DM_REPLICA_NAME_LEN]);
int replica_name_generate(struct replica_ctx *ctx, const char *stem,
			  char out[DM_REPLICA_NAME_LEN]);

#endif /* _REPLICA_PRIVATE_H */
