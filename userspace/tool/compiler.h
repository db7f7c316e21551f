/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLICACTL_COMPILER_H
#define REPLICACTL_COMPILER_H

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define __printf(f, v)	__attribute__((__format__(__printf__, f, v)))

#endif /* REPLICACTL_COMPILER_H */
