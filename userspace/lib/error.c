// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Errors: the one table from errno to return value, the one table from return
 * value to exit status, and the extended status of a context.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "replica-private.h"

static const struct {
	int ret;
	int exit_status;
	const char *name;
} returns[] = {
	{ REPLICA_SUCCESS, 0, "Success" },
	{ REPLICA_NOT_SUPPORTED, 1, "Not Supported" },
	{ REPLICA_UNSPECIFIED_ERROR, 2, "Unspecified Error" },
	{ REPLICA_TIMEOUT, 3, "Timeout" },
	{ REPLICA_FAILED, 4, "Failed" },
	{ REPLICA_INVALID_PARAMETER, 5, "Invalid Parameter" },
	{ REPLICA_NOT_FOUND, 8, "Object Not Found" },
	{ REPLICA_JOB_STARTED, 0, "Method Parameters Checked - Job Started" },
	{ REPLICA_ACCESS_DENIED, 11, "Access denied" },
	{ REPLICA_NO_RESOURCES, 12,
	  "There are not enough resources to complete the operation." },
	{ REPLICA_CACHE_OUT_OF_DATE, 13, "Cache out of date" },
};

/* Whatever is not here is Unspecified Error. */
static const struct {
	int err;
	int ret;
} errnos[] = {
	{ 0, REPLICA_SUCCESS },
	{ EOPNOTSUPP, REPLICA_NOT_SUPPORTED },
	{ ENOSYS, REPLICA_NOT_SUPPORTED },
	{ ENOTTY, REPLICA_NOT_SUPPORTED },
	{ EAFNOSUPPORT, REPLICA_NOT_SUPPORTED },
	{ EPROTONOSUPPORT, REPLICA_NOT_SUPPORTED },
	{ ETIMEDOUT, REPLICA_TIMEOUT },
	{ ETIME, REPLICA_TIMEOUT },
	{ EAGAIN, REPLICA_TIMEOUT },
	{ EBUSY, REPLICA_FAILED },
	{ ETXTBSY, REPLICA_FAILED },
	{ EIO, REPLICA_FAILED },
	{ EREMOTEIO, REPLICA_FAILED },
	{ EILSEQ, REPLICA_FAILED },
	{ ENODATA, REPLICA_FAILED },
	{ EROFS, REPLICA_FAILED },
	{ ECANCELED, REPLICA_FAILED },
	{ EINTR, REPLICA_FAILED },
	{ EPROTO, REPLICA_FAILED },
	{ EBADMSG, REPLICA_FAILED },
	{ EINVAL, REPLICA_INVALID_PARAMETER },
	{ ERANGE, REPLICA_INVALID_PARAMETER },
	{ EOVERFLOW, REPLICA_INVALID_PARAMETER },
	{ ENAMETOOLONG, REPLICA_INVALID_PARAMETER },
	{ EMSGSIZE, REPLICA_INVALID_PARAMETER },
	{ ENOTBLK, REPLICA_INVALID_PARAMETER },
	{ ENOTDIR, REPLICA_INVALID_PARAMETER },
	{ ELOOP, REPLICA_INVALID_PARAMETER },
	{ EEXIST, REPLICA_INVALID_PARAMETER },
	{ ENOENT, REPLICA_NOT_FOUND },
	{ ENODEV, REPLICA_NOT_FOUND },
	{ ENXIO, REPLICA_NOT_FOUND },
	{ EPERM, REPLICA_ACCESS_DENIED },
	{ EACCES, REPLICA_ACCESS_DENIED },
	{ ENOMEM, REPLICA_NO_RESOURCES },
	{ ENOSPC, REPLICA_NO_RESOURCES },
	{ EDQUOT, REPLICA_NO_RESOURCES },
	{ ENOBUFS, REPLICA_NO_RESOURCES },
	{ EMFILE, REPLICA_NO_RESOURCES },
	{ ENFILE, REPLICA_NO_RESOURCES },
	{ ESTALE, REPLICA_CACHE_OUT_OF_DATE },
};

EXPORT const char *replica_return_name(int ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(returns); i++)
		if (returns[i].ret == ret)
			return returns[i].name;
	return "Unknown";
}

EXPORT int replica_return_exit_status(int ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(returns); i++)
		if (returns[i].ret == ret)
			return returns[i].exit_status;
	return REPLICA_UNSPECIFIED_ERROR;
}

EXPORT int replica_return_from_errno(int err)
{
	if (err < 0 && err != INT32_MIN)
		err = -err;
	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i].err == err)
			return errnos[i].ret;
	return REPLICA_UNSPECIFIED_ERROR;
}

int replica_sm_code(int err)
{
	if (err < 0)
		err = -err;
	if (err == ENXIO)
		return ENODEV;		/* ENXIO has the number of In Use */
	return err == EBUSY ? REPLICA_SM_IN_USE : err;
}

void replica_error_begin(struct replica_ctx *ctx, const char *operation)
{
	memset(&ctx->err, 0, sizeof(ctx->err));
	snprintf(ctx->err.operation, sizeof(ctx->err.operation), "%s", operation);
}

void replica_error_rename(struct replica_ctx *ctx, const char *operation)
{
	snprintf(ctx->err.operation, sizeof(ctx->err.operation), "%s", operation);
}

void replica_error_clear(struct replica_ctx *ctx)
{
	ctx->err.status_code = REPLICA_SUCCESS;
}

static void error_set(struct replica_ctx *ctx, int ret, int sm_code,
		      const char *parameter)
{
	struct replica_error *err = &ctx->err;

	err->status_code = ret;
	err->sm_code = sm_code;
	err->sm_source = REPLICA_SOURCE_LIBRARY;
	err->message[0] = '\0';
	err->details[0] = '\0';
	snprintf(err->parameter, sizeof(err->parameter), "%s",
		 parameter ? parameter : "");
}

int replica_fail(struct replica_ctx *ctx, int ret, int sm_code,
		 const char *parameter, const char *fmt, ...)
{
	va_list ap;

	error_set(ctx, ret, sm_code, parameter);
	va_start(ap, fmt);
	vsnprintf(ctx->err.description, sizeof(ctx->err.description), fmt, ap);
	va_end(ap);
	return ret;
}

int replica_fail_errno(struct replica_ctx *ctx, int err, const char *parameter,
		       const char *fmt, ...)
{
	char *text = ctx->err.description;
	size_t room = sizeof(ctx->err.description);
	va_list ap;
	size_t len;

	if (err < 0)
		err = -err;
	error_set(ctx, replica_return_from_errno(err), replica_sm_code(err),
		  parameter);
	va_start(ap, fmt);
	vsnprintf(text, room, fmt, ap);
	va_end(ap);
	len = strlen(text);
	/* "Block device required" tells nobody what is wrong. */
	snprintf(text + len, room - len, ": %s",
		 err == ENOTBLK ? "it is not a block device" : strerror(err));
	return ctx->err.status_code;
}

int replica_fail_memory(struct replica_ctx *ctx)
{
	return replica_fail(ctx, REPLICA_NO_RESOURCES, ENOMEM, NULL,
			    "there is not enough memory");
}

int replica_fail_module(struct replica_ctx *ctx)
{
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, ENOENT, NULL,
			    REPLICA_NO_MODULE);
}

void replica_error_message(struct replica_ctx *ctx, const char *message)
{
	snprintf(ctx->err.message, sizeof(ctx->err.message), "%s",
		 message ? message : "");
}

void replica_error_kernel(struct replica_ctx *ctx, const char *message)
{
	ctx->err.sm_source = REPLICA_SOURCE_KERNEL;
	replica_error_message(ctx, message);
}

void replica_error_details(struct replica_ctx *ctx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ctx->err.details, sizeof(ctx->err.details), fmt, ap);
	va_end(ap);
}

EXPORT const struct replica_error *replica_last_error(const struct replica_ctx *ctx)
{
	return ctx->err.status_code ? &ctx->err : NULL;
}

static const char *text_or_null(const char *text)
{
	return text[0] ? text : NULL;
}

EXPORT const char *replica_error_description(const struct replica_error *err)
{
	return err->description;
}

EXPORT const char *replica_error_operation(const struct replica_error *err)
{
	return err->operation;
}

EXPORT const char *replica_error_parameter_info(const struct replica_error *err)
{
	return text_or_null(err->parameter);
}

EXPORT const char *replica_error_provider_name(const struct replica_error *err)
{
	(void)err;
	return "dm-replica";
}

EXPORT int replica_error_status_code(const struct replica_error *err)
{
	return err->status_code;
}

EXPORT int replica_error_sm_source(const struct replica_error *err)
{
	return err->sm_source;
}

EXPORT int replica_error_sm_code(const struct replica_error *err)
{
	return err->sm_code;
}

EXPORT const char *replica_error_sm_message(const struct replica_error *err)
{
	return text_or_null(err->message);
}

EXPORT const char *replica_error_sm_details(const struct replica_error *err)
{
	return text_or_null(err->details);
}
