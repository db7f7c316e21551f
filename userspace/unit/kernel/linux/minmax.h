/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For pure code of the module that is tested here. */
#ifndef _UNIT_LINUX_MINMAX_H
#define _UNIT_LINUX_MINMAX_H

#define min_t(type, a, b) ({		\
	type _a = (a), _b = (b);	\
	_a < _b ? _a : _b;		\
})
#define max_t(type, a, b) ({		\
	type _c = (a), _d = (b);	\
	_c > _d ? _c : _d;		\
})

#define clamp(value, low, high) ({				\
	typeof(value) _v = (value), _low = (low), _high = (high);	\
	_v < _low ? _low : _v > _high ? _high : _v;		\
})

#endif /* _UNIT_LINUX_MINMAX_H */
