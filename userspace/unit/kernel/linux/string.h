/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For pure code of the module that is tested here. */
#include <string.h>
