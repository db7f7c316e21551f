// SPDX-License-Identifier: GPL-2.0-or-later
/* From return values and errors of the library to documents and exit statuses. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hint.h"
#include "memory.h"
#include "report.h"

struct out *report_new(struct cli *cli)
{
	return out_new(&cli->style, cli->command ? cli->command->name : NULL);
}

int report_finish(struct cli *cli, struct out *out, int ret)
{
	(void)cli;
	if (!out_finish(out, ret, replica_return_name(ret)))
		return EXIT_OUTPUT;
	return replica_return_exit_status(ret);
}

static void add_error(struct out *out, const struct replica_error *err, const char *hint)
{
	struct out_error error = {
		.sentence = replica_error_description(err),
		.operation = replica_error_operation(err),
		.parameter = replica_error_parameter_info(err),
		.provider = replica_error_provider_name(err),
		.return_value = replica_error_status_code(err),
		.source = replica_error_sm_source(err),
		.from_kernel = replica_error_sm_source(err) == REPLICA_SOURCE_KERNEL,
		.code = replica_error_sm_code(err),
		.lower = replica_error_sm_message(err),
		.details = replica_error_sm_details(err),
		.hint = hint,
	};

	out_error(out, &error);
}

int report_failure(struct cli *cli, struct out *out, int ret, const char *name, const char *hint)
{
	const struct replica_error *err = replica_last_error(cli->ctx);
	char *made = NULL;

	if (err && !hint)
		made = hint_make(err, name);
	if (err)
		add_error(out, err, made ? made : hint);
	free(made);
	return report_finish(cli, out, ret);
}

int report_interrupted(struct cli *cli, struct out *out, const char *sentence)
{
	struct out_error error = {
		.sentence = sentence,
		.provider = "replicactl",
		.return_value = REPLICA_FAILED,
		.code = ECANCELED,
	};

	out_error(out, &error);
	report_finish(cli, out, REPLICA_FAILED);
	return EXIT_INTERRUPTED;
}

int report_refusal(struct cli *cli, int ret, int code, const char *parameter,
		   const char *format, ...)
{
	struct out_error error = {
		.parameter = parameter,
		.provider = "replicactl",
		.return_value = ret,
		.source = REPLICA_SOURCE_LIBRARY,
		.code = code,
	};
	struct out *out = report_new(cli);
	char *sentence;
	va_list args;

	va_start(args, format);
	sentence = mem_vformat(format, args);
	va_end(args);
	error.sentence = sentence;
	out_error(out, &error);
	free(sentence);
	return report_finish(cli, out, ret);
}

int report_usage(struct cli *cli, const char *parameter, const char *format, ...)
{
	struct out_error error = {
		.parameter = parameter,
		.provider = "replicactl",
		.return_value = REPLICA_INVALID_PARAMETER,
	};
	const struct command *about = cli->command;
	struct out *out = report_new(cli);
	char *sentence, *hint;
	va_list args;

	if (about && about->group >= GROUP_HELP)
		about = NULL;
	va_start(args, format);
	sentence = mem_vformat(format, args);
	va_end(args);
	hint = mem_format("'replicactl %s%s--help' shows what there is", about ? about->name : "",
			  about ? " " : "");
	error.sentence = sentence;
	error.hint = hint;
	out_error(out, &error);
	report_finish(cli, out, REPLICA_INVALID_PARAMETER);
	free(sentence);
	free(hint);
	return EXIT_USAGE;
}
