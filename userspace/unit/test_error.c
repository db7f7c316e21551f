// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <limits.h>

#include "ktap.h"
#include "replica-private.h"

static void errno_to_return(void)
{
	static const struct {
		int err;
		int ret;
	} cases[] = {
		{ 0, 0 }, { EOPNOTSUPP, 1 }, { ENOSYS, 1 }, { ETIMEDOUT, 3 },
		{ EIO, 4 }, { EBUSY, 4 }, { EROFS, 4 }, { EINVAL, 5 },
		{ ERANGE, 5 }, { ENOTBLK, 5 }, { EEXIST, 5 }, { ENOENT, 8 },
		{ ENODEV, 8 }, { ENXIO, 8 }, { EPERM, 40001 }, { EACCES, 40001 },
		{ ENOMEM, 40002 }, { ENOSPC, 40002 }, { ENOBUFS, 40002 },
		{ ESTALE, 40003 }, { EXDEV, 2 }, { 4095, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_INT(replica_return_from_errno(cases[i].err), cases[i].ret);
		CHECK_INT(replica_return_from_errno(-cases[i].err), cases[i].ret);
	}
	CHECK_INT(replica_return_from_errno(INT_MIN), 2);
}

static void exit_statuses(void)
{
	static const int rets[][2] = {
		{ 0, 0 }, { 4096, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 },
		{ 5, 5 }, { 8, 8 }, { 40001, 11 }, { 40002, 12 }, { 40003, 13 },
		{ 6, 2 }, { -1, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rets); i++)
		CHECK_INT(replica_return_exit_status(rets[i][0]), rets[i][1]);
}

static void return_names(void)
{
	CHECK_STR(replica_return_name(0), "Success");
	CHECK_STR(replica_return_name(8), "Object Not Found");
	CHECK_STR(replica_return_name(4096),
		  "Method Parameters Checked - Job Started");
	CHECK_STR(replica_return_name(40003), "Cache out of date");
	CHECK_STR(replica_return_name(6), "Unknown");
}

static void no_error_at_first(void)
{
	struct replica_ctx *ctx = replica_ctx_new();

	CHECK(!replica_last_error(ctx));
	replica_error_begin(ctx, "Test");
	CHECK(!replica_last_error(ctx));
	replica_ctx_free(ctx);
	replica_ctx_free(NULL);
}

static void all_properties(void)
{
	struct replica_ctx *ctx = replica_ctx_new();
	const struct replica_error *err;

	replica_error_begin(ctx, "CreateReplica");
	CHECK_INT(replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Source",
			       "%s is in use", "/dev/x"), REPLICA_FAILED);
	err = replica_last_error(ctx);
	CHECK_STR(replica_error_description(err), "/dev/x is in use");
	CHECK_STR(replica_error_operation(err), "CreateReplica");
	CHECK_STR(replica_error_parameter_info(err), "Source");
	CHECK_STR(replica_error_provider_name(err), "dm-replica");
	CHECK_INT(replica_error_status_code(err), 4);
	CHECK_INT(replica_error_sm_source(err), REPLICA_SOURCE_LIBRARY);
	CHECK_INT(replica_error_sm_code(err), 6);
	CHECK(!replica_error_sm_message(err));
	CHECK(!replica_error_sm_details(err));
	replica_error_kernel(ctx, "text");
	replica_error_details(ctx, "%d", 5);
	CHECK_INT(replica_error_sm_source(err), REPLICA_SOURCE_KERNEL);
	CHECK_STR(replica_error_sm_message(err), "text");
	CHECK_STR(replica_error_sm_details(err), "5");
	/* nothing of one error is left in the next */
	replica_fail(ctx, REPLICA_TIMEOUT, 0, NULL, "late");
	CHECK(!replica_error_parameter_info(err));
	CHECK(!replica_error_sm_message(err));
	CHECK(!replica_error_sm_details(err));
	CHECK_INT(replica_error_sm_source(err), REPLICA_SOURCE_LIBRARY);
	replica_error_clear(ctx);
	CHECK(!replica_last_error(ctx));
	replica_ctx_free(ctx);
}

static void from_errno(void)
{
	struct replica_ctx *ctx = replica_ctx_new();
	const struct replica_error *err;

	CHECK_INT(replica_fail_errno(ctx, -EBUSY, "Name", "no %d", 1),
		  REPLICA_FAILED);
	err = replica_last_error(ctx);
	CHECK_INT(replica_error_sm_code(err), REPLICA_SM_IN_USE);
	CHECK_STR(replica_error_description(err), "no 1: Device or resource busy");
	CHECK_INT(replica_fail_errno(ctx, EACCES, NULL, "no"),
		  REPLICA_ACCESS_DENIED);
	CHECK_INT(replica_error_sm_code(err), EACCES);
	CHECK_INT(replica_fail_errno(ctx, ENXIO, NULL, "no"), REPLICA_NOT_FOUND);
	CHECK_INT(replica_error_sm_code(err), ENODEV);
	CHECK_INT(replica_fail_module(ctx), REPLICA_NOT_SUPPORTED);
	CHECK_STR(replica_error_description(err),
		  "kernel module dm-replica is not loaded; load it with modprobe dm-replica");
	replica_ctx_free(ctx);
}

static void long_texts_are_cut(void)
{
	struct replica_ctx *ctx = replica_ctx_new();
	const struct replica_error *err;
	char text[4000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	replica_error_begin(ctx, text);
	replica_fail_errno(ctx, EIO, text, "%s", text);
	replica_error_kernel(ctx, text);
	replica_error_details(ctx, "%s", text);
	err = replica_last_error(ctx);
	CHECK_INT(strlen(replica_error_description(err)), 1023);
	CHECK_INT(strlen(replica_error_operation(err)), 63);
	CHECK_INT(strlen(replica_error_parameter_info(err)), 63);
	CHECK_INT(strlen(replica_error_sm_message(err)), 511);
	CHECK_INT(strlen(replica_error_sm_details(err)), 511);
	replica_ctx_free(ctx);
}

static void cim_error(void)
{
	static const struct {
		int ret;
		int code;
		unsigned int type;
		unsigned int severity;
		unsigned int cause;
	} cases[] = {
		{ REPLICA_NOT_SUPPORTED, EOPNOTSUPP, 10, 4, 0 },
		{ REPLICA_NOT_SUPPORTED, EPROTONOSUPPORT, 10, 4, 58 },
		{ REPLICA_UNSPECIFIED_ERROR, EXDEV, 0, 4, 0 },
		{ REPLICA_TIMEOUT, ETIMEDOUT, 3, 3, 45 },
		{ REPLICA_FAILED, REPLICA_SM_IN_USE, 9, 4, 57 },
		{ REPLICA_FAILED, EIO, 5, 5, 24 },
		{ REPLICA_FAILED, 0, 4, 4, 0 },
		{ REPLICA_INVALID_PARAMETER, EINVAL, 4, 4, 8 },
		{ REPLICA_NOT_FOUND, ENOENT, 9, 4, 57 },
		{ REPLICA_ACCESS_DENIED, EPERM, 7, 4, 0 },
		{ REPLICA_NO_RESOURCES, ENOSPC, 8, 4, 50 },
		{ REPLICA_NO_RESOURCES, EMFILE, 8, 4, 44 },
		{ REPLICA_CACHE_OUT_OF_DATE, ESTALE, 4, 3, 0 },
		{ -1, -1, 0, 4, 0 },
	};
	struct replica_cim_error cim;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		replica_error_cim(cases[i].ret, cases[i].code, &cim);
		CHECK_INT(cim.type, cases[i].type);
		CHECK_INT(cim.severity, cases[i].severity);
		CHECK_INT(cim.cause, cases[i].cause);
		CHECK(cim.type_name && cim.severity_name && cim.cause_name);
	}
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(errno_to_return), T(exit_statuses), T(return_names),
		T(no_error_at_first), T(all_properties), T(from_errno),
		T(long_texts_are_cut), T(cim_error),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
