// SPDX-License-Identifier: LGPL-2.1-or-later
/* Damaged messages: whatever comes, nothing is read beyond its end. */
#include <errno.h>
#include <stdlib.h>

#include "ktap.h"
#include "messages.h"
#include "random.h"

/* Every parser on one message; how many of them took it. */
static unsigned int parse_all(const struct nlmsghdr *nlh)
{
	struct replica_operate_reply operate;
	struct replica_confirm_reply confirm;
	struct replica_capabilities *caps;
	struct replica_event *event;
	struct replica_info *info;
	struct replica_job *job;
	struct replica_ack ack;
	struct replica_diff_reply diff;
	unsigned int taken = 0;
	uint32_t id;

	if (!replica_msg_parse_info(nlh, &info)) {
		CHECK(info->name && info->origin && info->replica);
		replica_info_free(info);
		taken++;
	}
	if (!replica_msg_parse_job(nlh, &job)) {
		CHECK(job->name);
		replica_job_free(job);
		taken++;
	}
	if (!replica_msg_parse_event(nlh, &event)) {
		CHECK(event->name);
		replica_event_free(event);
		taken++;
	}
	if (!replica_msg_parse_caps(nlh, &caps)) {
		CHECK(caps->nr_operations <= REPLICA_CAPS_MAX);
		replica_capabilities_free(caps);
		taken++;
	}
	taken += !replica_msg_parse_operate(nlh, &operate);
	taken += !replica_msg_parse_confirm(nlh, &confirm);
	taken += !replica_msg_parse_verify(nlh, &id);
	if (!replica_msg_parse_diff(nlh, &diff)) {
		CHECK(diff.sectors && diff.sector + diff.sectors <= UINT64_MAX >> 9);
		taken++;
	}
	if (!replica_msg_parse_ack(nlh, &ack)) {
		CHECK(memchr(ack.message, 0, sizeof(ack.message)));
		CHECK(ack.err >= 0 && ack.err < 4096);
	}
	replica_msg_attr_at(nlh, random_below(600));
	replica_msg_cmd(nlh);
	return taken;
}

/*
 * The copy is exactly as long as its header says, so that the sanitizer sees
 * any byte that is read behind it.
 */
static unsigned int damage_and_parse(const struct nl_msg *msg)
{
	uint32_t len = nlmsg_hdr((struct nl_msg *)msg)->nlmsg_len;
	unsigned int taken;
	unsigned char *copy;

	if (random_below(4) == 0)
		len = NLMSG_HDRLEN + random_below(len - NLMSG_HDRLEN + 1);
	copy = malloc(len);
	if (!copy)
		abort();
	memcpy(copy, nlmsg_hdr((struct nl_msg *)msg), len);
	for (unsigned int n = random_below(5); n && len > NLMSG_HDRLEN; n--) {
		uint32_t at = NLMSG_HDRLEN + random_below(len - NLMSG_HDRLEN);

		if (random_below(2))
			at &= ~3u;	/* lengths and types of attributes */
		copy[at] = random_below(3) ? random_below(16) : random_u32();
	}
	((struct nlmsghdr *)copy)->nlmsg_len = len;
	((struct nlmsghdr *)copy)->nlmsg_flags = random_u32();
	taken = parse_all((struct nlmsghdr *)copy);
	free(copy);
	return taken;
}

static void damaged_messages(void)
{
	struct nl_msg *msgs[] = {
		info_msg(), job_msg(), event_msg(), caps_msg(), operate_msg(),
		confirm_msg(), diff_msg(3, 8, 16), ack_msg(-EINVAL, true),
		ack_msg(-EINVAL, false),
	};
	unsigned long taken = 0;

	for (int i = 0; i < 300000; i++)
		taken += damage_and_parse(msgs[random_below(ARRAY_SIZE(msgs))]);
	CHECK(taken > 10000);		/* it is not only the header that fails */
	for (size_t i = 0; i < ARRAY_SIZE(msgs); i++)
		nlmsg_free(msgs[i]);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(damaged_messages),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
