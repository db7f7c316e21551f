// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "interrupt.h"

/* Free of locks, so a signal handler may set it. */
static atomic_bool pending;

static void note(int signal)
{
	(void)signal;
	pending = true;
}

/* A second signal ends the program, should the wait not notice the first. */
void interrupt_catch(void)
{
	struct sigaction action = { .sa_handler = note, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool interrupt_pending(void)
{
	return pending;
}
