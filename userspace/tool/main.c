// SPDX-License-Identifier: GPL-2.0-or-later
/* replicactl: block replicas on the command line. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "report.h"

static int no_command(struct cli *cli)
{
	return report_usage(cli, "COMMAND", "a command is needed, such as 'status' or 'create'");
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct global_options global = { 0 };
	int status = options_parse(cli, &global, argc, argv);

	if (status)
		return status;
	if (global.help)
		return help_show(cli, cli->command);
	if (global.version)
		cli->command = &cmd_version;
	if (!cli->command)
		return no_command(cli);
	return cli->command->run(cli);
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	int status;

	setlocale(LC_CTYPE, "");
	out_style_detect(&cli.style);
	cli.ctx = replica_ctx_new();
	if (!cli.ctx)
		return replica_return_exit_status(replica_return_from_errno(errno));
	status = run(&cli, argc, argv);
	replica_ctx_free(cli.ctx);
	free(cli.options);
	free(cli.args);
	return status;
}
