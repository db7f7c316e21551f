// SPDX-License-Identifier: LGPL-2.1-or-later
/* Attributes to members of structures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/dm-replica.h>
#include <linux/genetlink.h>
#include <netlink/msg.h>

#include "fields.h"

/* Payload length; 0 for those that vary. */
static const uint8_t kind_len[] = {
	[KIND_STRING] = 0, [KIND_BOOL] = 1, [KIND_U8] = 1, [KIND_U16] = 2,
	[KIND_U32] = 4, [KIND_U32_WIDE] = 4, [KIND_U64] = 8,
};

uint64_t replica_fields_number(const struct nlattr *attr, enum replica_kind kind)
{
	uint8_t v8;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (kind_len[kind]) {
	case 1:
		memcpy(&v8, nla_data(attr), sizeof(v8));
		return v8;
	case 2:
		memcpy(&v16, nla_data(attr), sizeof(v16));
		return v16;
	case 4:
		memcpy(&v32, nla_data(attr), sizeof(v32));
		return v32;
	default:
		memcpy(&v64, nla_data(attr), sizeof(v64));
		return v64;
	}
}

/* A string ends with a zero inside its attribute. */
static int get_string(const struct nlattr *attr, char **to)
{
	if (nla_len(attr) < 1 || !memchr(nla_data(attr), 0, nla_len(attr)))
		return -EPROTO;
	*to = strdup(nla_data(attr));
	return *to ? 0 : -ENOMEM;
}

static int get_field(const struct nlattr *attr, const struct replica_field *f, char *base)
{
	void *to = base + f->offset;

	if (f->kind == KIND_STRING)
		return get_string(attr, to);
	if (nla_len(attr) != kind_len[f->kind])
		return -EPROTO;
	if (f->kind == KIND_BOOL)
		*(bool *)to = replica_fields_number(attr, f->kind) != 0;
	else if (f->kind == KIND_U64 || f->kind == KIND_U32_WIDE)
		*(uint64_t *)to = replica_fields_number(attr, f->kind);
	else
		*(uint32_t *)to = replica_fields_number(attr, f->kind);
	if (f->has)
		*(bool *)(base + f->has) = true;
	if (f->bit)
		*(uint32_t *)base |= f->bit;
	return 0;
}

int replica_fields_get(struct nlattr **tb, const struct replica_field *f, void *base)
{
	int r;

	for (; f->attr; f++) {
		if (!tb[f->attr] && f->required)
			return -EPROTO;
		if (!tb[f->attr])
			continue;
		r = get_field(tb[f->attr], f, base);
		if (r)
			return r;
	}
	return 0;
}

/* All attributes of one level, the first of each kind; others are not ours. */
static int get_attrs(struct nlattr **tb, int max, const void *head, int len)
{
	struct nlattr *attr = (struct nlattr *)head;

	memset(tb, 0, (max + 1) * sizeof(*tb));
	for (; nla_ok(attr, len); attr = nla_next(attr, &len))
		if (nla_type(attr) <= max && !tb[nla_type(attr)])
			tb[nla_type(attr)] = attr;
	return len >= NLA_HDRLEN ? -EPROTO : 0;
}

int replica_fields_nest(struct nlattr **tb, int max, const struct nlattr *nest)
{
	return get_attrs(tb, max, nla_data(nest), nla_len(nest));
}

int replica_fields_message(struct nlattr **tb, const struct nlmsghdr *nlh)
{
	char *data = nlmsg_data(nlh);

	if (nlh->nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN)
		return -EPROTO;
	return get_attrs(tb, DM_REPLICA_A_MAX, data + GENL_HDRLEN,
			 nlh->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN);
}
