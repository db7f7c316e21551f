/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ctrl-C during a wait: ends the wait, not the program. */
#ifndef REPLICACTL_INTERRUPT_H
#define REPLICACTL_INTERRUPT_H

#include <stdbool.h>

void interrupt_catch(void);
bool interrupt_pending(void);

#endif /* REPLICACTL_INTERRUPT_H */
