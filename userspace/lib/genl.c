// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connection to the kernel.  Answers are read with nl_recv() instead of
 * libnl's callbacks, because those do not show extended acknowledgments.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/family.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "genl.h"
#include "msg.h"
#include "registry.h"

/* Room for events while the listener is busy. */
#define EVENT_BUFFER	(1024 * 1024)

struct replica_genl {
	struct nl_sock *sock;
	int family;
};

/* State of one request that is being answered. */
struct exchange {
	uint32_t seq;
	int family;
	bool dump;
	bool answered;
	bool interrupted;		/* dump is not consistent */
	replica_genl_fn fn;
	void *data;
	struct replica_ack ack;
};

/* libnl has its own error numbers, 32 of them; these are those we can meet. */
static int nl_to_errno(int err)
{
	static const struct {
		int nl;
		int err;
	} map[] = {
		{ NLE_INTR, EINTR }, { NLE_AGAIN, EAGAIN },
		{ NLE_NOMEM, ENOMEM }, { NLE_PERM, EPERM },
		{ NLE_NOACCESS, EACCES }, { NLE_OBJ_NOTFOUND, ENOENT },
		{ NLE_INVAL, EINVAL }, { NLE_AF_NOSUPPORT, EAFNOSUPPORT },
		{ NLE_PROTO_MISMATCH, EPROTONOSUPPORT },
		{ NLE_MSG_TRUNC, EMSGSIZE }, { NLE_BUSY, EBUSY },
	};

	if (err < 0)
		err = -err;
	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (map[i].nl == err)
			return map[i].err;
	return EIO;
}

static void set_options(struct replica_genl *g)
{
	int fd = nl_socket_get_fd(g->sock), on = 1;

	/* Without these there is no text; an old kernel lacks nothing else. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
}

/*
 * The number of the family, or a negative number of libnl.  All families are
 * listed: asking for one by its name would make the kernel load the module, and
 * nobody ordered that.
 */
static int find_family(struct nl_sock *sock)
{
	struct genl_family *family;
	struct nl_cache *cache;
	int r;

	r = genl_ctrl_alloc_cache(sock, &cache);
	if (r < 0)
		return r;
	family = genl_ctrl_search_by_name(cache, DM_REPLICA_GENL_NAME);
	r = family ? (int)genl_family_get_id(family) : -NLE_OBJ_NOTFOUND;
	if (family && genl_family_get_version(family) < DM_REPLICA_GENL_VERSION)
		r = -NLE_PROTO_MISMATCH;
	if (family)
		genl_family_put(family);
	nl_cache_free(cache);
	return r;
}

/* 0 or -errno; *g is complete or NULL. */
static int genl_connect_family(struct replica_genl **out)
{
	struct replica_genl *g = calloc(1, sizeof(*g));
	int r;

	*out = NULL;
	if (!g)
		return -ENOMEM;
	g->sock = nl_socket_alloc();
	if (!g->sock) {
		free(g);
		return -ENOMEM;
	}
	errno = 0;
	r = genl_connect(g->sock);
	if (r == -NLE_FAILURE && errno) {	/* libnl has no number for it */
		r = -errno;
		replica_genl_close(g);
		return r;
	}
	if (!r) {
		g->family = find_family(g->sock);
		r = g->family < 0 ? g->family : 0;
	}
	if (r) {
		replica_genl_close(g);
		return -nl_to_errno(r);
	}
	set_options(g);
	*out = g;
	return 0;
}

/* err: what genl_connect_family() returned. */
static int fail_connect(struct replica_ctx *ctx, int err)
{
	if (err == -ENOENT)
		return replica_fail_module(ctx);
	if (err == -EPROTONOSUPPORT)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EPROTONOSUPPORT, NULL,
				    "the kernel module dm-replica that is loaded is too old: it does not speak version %d of the netlink protocol",
				    DM_REPLICA_GENL_VERSION);
	return replica_fail_errno(ctx, err, NULL, "cannot speak to the kernel by netlink");
}

int replica_genl_open(struct replica_ctx *ctx, struct replica_genl **g)
{
	int r = genl_connect_family(g);

	return r ? fail_connect(ctx, r) : REPLICA_SUCCESS;
}

void replica_genl_close(struct replica_genl *g)
{
	if (!g)
		return;
	nl_socket_free(g->sock);
	free(g);
}

int replica_genl_get(struct replica_ctx *ctx, struct replica_genl **g)
{
	int ret = REPLICA_SUCCESS;

	if (ctx->genl_stale) {
		replica_genl_close(ctx->genl);
		ctx->genl = NULL;
		ctx->genl_stale = false;
	}
	if (!ctx->genl)
		ret = replica_genl_open(ctx, &ctx->genl);
	*g = ctx->genl;
	return ret;
}

int replica_genl_present(struct replica_ctx *ctx)
{
	struct replica_genl *g, *old = ctx->genl;
	int r = genl_connect_family(&g);

	if (g && old && g->family == old->family) {
		replica_genl_close(g);
		return 1;
	}
	replica_genl_close(old);
	ctx->genl = g;
	ctx->genl_stale = false;
	if (r == -ENOENT)
		return 0;
	return r ? r : 1;
}

int replica_genl_family(const struct replica_genl *g)
{
	return g->family;
}

int replica_genl_fd(const struct replica_genl *g)
{
	return nl_socket_get_fd(g->sock);
}

/* ------------------------------------------------------------------------ */
/* Answers */

/* 0 or -errno, for one message that answers the exchange. */
static int take_answer(struct exchange *x, const struct nlmsghdr *nlh)
{
	int code = 0;

	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		x->interrupted = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
		return 0;
	case NLMSG_ERROR:
		x->answered = true;
		return replica_msg_parse_ack(nlh, &x->ack);
	case NLMSG_DONE:
		x->answered = true;
		if (nlh->nlmsg_len >= NLMSG_HDRLEN + sizeof(code))
			memcpy(&code, nlmsg_data(nlh), sizeof(code));
		x->ack.err = code < 0 ? -code : 0;
		return 0;
	case NLMSG_OVERRUN:
		return -ENOBUFS;
	default:
		if (nlh->nlmsg_type != x->family || !x->fn)
			return 0;
		return x->fn(nlh, x->data);
	}
}

/* Length of the datagram in *buf, or -errno.  Only the kernel is listened to. */
static int receive(struct replica_genl *g, unsigned char **buf)
{
	struct sockaddr_nl from = { 0 };
	int len;

	*buf = NULL;
	errno = 0;
	len = nl_recv(g->sock, &from, buf, NULL);
	if (len < 0)
		return errno == ENOBUFS ? -ENOBUFS : -nl_to_errno(len);
	if (len == 0)
		return -EAGAIN;
	return from.nl_pid ? 0 : len;
}

/* 1 if it is worth to look, 0 after a signal, -ETIMEDOUT or another -errno. */
static int wait_readable(struct replica_genl *g, uint64_t deadline)
{
	struct pollfd p = { .fd = replica_genl_fd(g), .events = POLLIN };
	uint64_t now = replica_now_ms();
	uint64_t left = deadline > now ? deadline - now : 0;
	int r;

	r = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	return r || left > INT32_MAX ? 1 : -ETIMEDOUT;
}

/* 0, also after a signal, which *interrupted tells; or -errno. */
static int receive_answers(struct replica_genl *g, struct exchange *x,
			   uint64_t deadline, bool *interrupted)
{
	struct nlmsghdr *nlh;
	unsigned char *buf;
	int len, r;

	r = wait_readable(g, deadline);
	*interrupted = r == 0;
	if (r <= 0)
		return r;
	len = receive(g, &buf);
	if (len < 0)
		return len == -EAGAIN || len == -EINTR ? 0 : len;
	r = 0;
	for (nlh = (struct nlmsghdr *)buf; !r && nlmsg_ok(nlh, len);
	     nlh = nlmsg_next(nlh, &len))
		if (nlh->nlmsg_seq == x->seq)
			r = take_answer(x, nlh);
	free(buf);
	return r;
}

/*
 * The kernel says ENOENT without a word when the family is not there any more:
 * a loaded module always adds a sentence.
 */
static int fail_family(struct replica_ctx *ctx, int family)
{
	struct replica_genl *g;
	int r = genl_connect_family(&g);
	bool same = g && g->family == family;

	replica_genl_close(g);
	if (r)
		return fail_connect(ctx, r);
	if (same)
		return REPLICA_SUCCESS;
	/* The caller may still hold it: it is closed when it is asked for the next time. */
	ctx->genl_stale = true;
	return replica_fail(ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, NULL,
			    "kernel module dm-replica was loaded anew meanwhile");
}

static int fail_answer(struct replica_ctx *ctx, const struct exchange *x,
		       struct nl_msg *msg)
{
	const struct replica_ack *ack = &x->ack;
	const char *parameter = replica_msg_attr_at(nlmsg_hdr(msg), ack->offset);
	const char *name;
	int ret;

	if (ack->err == ENOENT && !ack->message[0]) {
		ret = fail_family(ctx, x->family);
		if (ret)
			return ret;
	}
	if (ack->message[0])
		ret = replica_fail(ctx, replica_return_from_errno(ack->err),
				   replica_sm_code(ack->err), parameter, "%s",
				   ack->message);
	else
		ret = replica_fail_errno(ctx, ack->err, parameter,
					 "the kernel refused the request");
	replica_error_kernel(ctx, ack->message[0] ? ack->message :
			     strerror(ack->err));
	/* A job or a range that is not there is ENOENT. */
	name = ack->err == ENODEV ? replica_msg_name(nlmsg_hdr(msg)) : NULL;
	return name ? replica_record_explain(ctx, name, ret) : ret;
}

static int send_request(struct replica_genl *g, struct nl_msg *msg,
			struct exchange *x)
{
	int r = nl_send_auto(g->sock, msg);
	const struct nlmsghdr *nlh = nlmsg_hdr(msg);

	if (r < 0)
		return -nl_to_errno(r);
	x->seq = nlh->nlmsg_seq;
	x->family = g->family;
	x->dump = (nlh->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	return 0;
}

int replica_genl_request_until(struct replica_ctx *ctx, struct replica_genl *g,
			       struct nl_msg *msg, replica_genl_fn fn, void *data,
			       const bool *done, uint64_t timeout_ms)
{
	struct exchange x = { .fn = fn, .data = data };
	uint64_t deadline = replica_now_ms() + REPLICA_ANSWER_MS;
	int r, ret = REPLICA_SUCCESS;
	bool interrupted = false;

	r = send_request(g, msg, &x);
	while (!r && !x.answered)
		r = receive_answers(g, &x, deadline, &interrupted);
	deadline = replica_now_ms() + timeout_ms;
	while (!r && !x.ack.err && done && !*done) {
		r = receive_answers(g, &x, deadline, &interrupted);
		if (!r && interrupted && !*done)
			r = -EINTR;
	}
	if (!r && x.ack.err)
		ret = fail_answer(ctx, &x, msg);
	else if (r == -ESTALE || (!r && x.interrupted))
		ret = replica_fail(ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, NULL,
				   "replicas came or went while they were listed");
	else if (r)
		ret = replica_fail_errno(ctx, r, NULL,
					 "no usable answer from the kernel");
	nlmsg_free(msg);
	return ret;
}

int replica_genl_request(struct replica_ctx *ctx, struct replica_genl *g,
			 struct nl_msg *msg, replica_genl_fn fn, void *data)
{
	if (!(nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP))
		nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	return replica_genl_request_until(ctx, g, msg, fn, data, NULL, 0);
}

/* ------------------------------------------------------------------------ */
/* Events */

int replica_genl_subscribe(struct replica_ctx *ctx, struct replica_genl *g)
{
	int group = genl_ctrl_resolve_grp(g->sock, DM_REPLICA_GENL_NAME,
					  DM_REPLICA_MCGRP_EVENTS);
	int r = group < 0 ? group : 0;

	if (!r)
		r = nl_socket_set_buffer_size(g->sock, EVENT_BUFFER, 0);
	if (!r)
		r = nl_socket_add_memberships(g->sock, group, 0);
	if (!r)
		r = nl_socket_set_nonblocking(g->sock);
	if (r)
		return replica_fail_errno(ctx, nl_to_errno(r), NULL,
					  "cannot listen to events");
	return REPLICA_SUCCESS;
}

int replica_genl_receive(struct replica_genl *g, replica_genl_fn fn, void *data)
{
	struct nlmsghdr *nlh;
	unsigned char *buf;
	int len, r = 0;

	len = receive(g, &buf);
	if (len < 0)
		return len;
	for (nlh = (struct nlmsghdr *)buf; !r && nlmsg_ok(nlh, len);
	     nlh = nlmsg_next(nlh, &len))
		if (nlh->nlmsg_type == g->family)
			r = fn(nlh, data);
	free(buf);
	return r;
}
