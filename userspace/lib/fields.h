/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attributes of a message into the members of a structure, by tables: length,
 * presence and meaning are checked in one place.  Pure.
 */
#ifndef _REPLICA_FIELDS_H
#define _REPLICA_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

enum replica_kind {
	KIND_STRING,			/* to char * */
	KIND_BOOL,			/* u8 to bool */
	KIND_U8,			/* u8 to uint32_t */
	KIND_U16,			/* u16 to uint32_t */
	KIND_U32,			/* u32 to uint32_t */
	KIND_U32_WIDE,			/* u32 to uint64_t */
	KIND_U64,			/* u64 to uint64_t */
};

/* Rows end with one of attribute 0. */
struct replica_field {
	uint16_t attr;
	uint8_t kind;
	bool required;
	uint16_t offset;		/* of the member */
	uint16_t has;			/* offset of a bool set when present; 0: none */
	uint32_t bit;			/* set in the uint32_t at offset 0; 0: none */
};

#define REQ(type, a, k, m)	{ a, k, true, offsetof(type, m), 0, 0 }
#define OPT(type, a, k, m)	{ a, k, false, offsetof(type, m), 0, 0 }
#define HAS(type, a, k, m, h)	{ a, k, false, offsetof(type, m), \
				  offsetof(type, h), 0 }

/* All of the rows; 0, -EPROTO or -ENOMEM. */
int replica_fields_get(struct nlattr **tb, const struct replica_field *field, void *base);

/*
 * Attributes of one level, the first of each kind; others are not ours.  tb has
 * room for max and 0.  0 or -EPROTO.
 */
int replica_fields_nest(struct nlattr **tb, int max, const struct nlattr *nest);
int replica_fields_message(struct nlattr **tb, const struct nlmsghdr *nlh);

/* The value of an attribute whose length is right. */
uint64_t replica_fields_number(const struct nlattr *attr, enum replica_kind kind);

#endif /* _REPLICA_FIELDS_H */
