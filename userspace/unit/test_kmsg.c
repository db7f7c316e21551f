// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include "dm.h"
#include "ktap.h"

static void sentences(void)
{
	static const struct {
		const char *record;
		const char *sentence;	/* NULL: none */
	} cases[] = {
		{ "3,812,993,-;device-mapper: table: 253:0: replica: bad mode (-EINVAL)\n",
		  "bad mode" },
		{ "3,812,993,-;device-mapper: table: 253:0: replica: bad mode\n",
		  "bad mode" },
		{ "3,812,993,-;device-mapper: table: 253:0: replica: a (b) c (-ENODEV)\n KEY=x\n",
		  "a (b) c" },
		{ "3,812,993,-;device-mapper: table: 253:0: replica: a (b)", "a (b)" },
		{ "3,1,1,-;device-mapper: table: 253:0: len=1 not aligned to 4096",
		  "len=1 not aligned to 4096" },
		{ "3,1,1,-;device-mapper: table: 253:1: replica: no (-EINVAL)", NULL },
		{ "3,1,1,-;device-mapper: table: 253:01: replica: no (-EINVAL)", NULL },
		{ "3,1,1,-;device-mapper: ioctl: 253:0: replica: no (-EINVAL)", NULL },
		{ "3,1,1,-;device-mapper: replica: no (-EINVAL)", NULL },
		{ "3,1,1,-;device-mapper: replica: vol: lost its label (-116)\n",
		  "lost its label" },
		{ "27,1,1,-;device-mapper: replica: 253:0: a leg was taken", "a leg was taken" },
		{ "4,1,1,-;device-mapper: replica: vol: the replica is an old one", NULL },
		{ "3,1,1,-;device-mapper: table: 253:0: replica: preresume failed, error = -116",
		  NULL },
		{ "3,1,1,-;device-mapper: replica: volume: lost its label (-116)", NULL },
		{ "3,1,1,-;text ;device-mapper: table: 253:0: replica: no", NULL },
		{ "3,1,1,-", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *record = strdup(cases[i].record);
		char *sentence = replica_kmsg_sentence(record, "253:0", "vol");

		ktap_case = cases[i].record;
		if (cases[i].sentence)
			CHECK_STR(sentence, cases[i].sentence);
		else
			CHECK(!sentence);
		free(record);
	}
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(sentences),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
