// SPDX-License-Identifier: LGPL-2.1-or-later
/* libblkid takes a file for a device, so images are enough. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "ktap.h"
#include "signature.h"

#define IMAGE_SIZE	(4 << 20)

static unsigned char image[IMAGE_SIZE];

/* Writes the image to a file, probes that, and removes it. */
static int probe(struct replica_signature *sig)
{
	char path[] = "/tmp/replica-unit-XXXXXX";
	int fd = mkstemp(path), r;

	if (fd < 0 || write(fd, image, sizeof(image)) != sizeof(image))
		abort();
	close(fd);
	r = replica_signature_probe(path, sig);
	unlink(path);
	return r;
}

static void put32(size_t at, uint32_t value)
{
	image[at] = value;
	image[at + 1] = value >> 8;
	image[at + 2] = value >> 16;
	image[at + 3] = value >> 24;
}

static void make_swap(const char *label)
{
	put32(1024, 1);				/* version */
	put32(1028, IMAGE_SIZE / 4096 - 1);	/* last page */
	memset(image + 1036, 0x11, 16);		/* uuid */
	memcpy(image + 1052, label, strlen(label));
	memcpy(image + 4086, "SWAPSPACE2", 10);
}

static void make_dos_table(void)
{
	image[446 + 4] = 0x83;
	put32(446 + 8, 2048);
	put32(446 + 12, 2048);
	image[510] = 0x55;
	image[511] = 0xaa;
}

static void make_luks(void)
{
	memcpy(image, "LUKS\xba\xbe\0\1", 8);
	memcpy(image + 168, "01234567-89ab-cdef-0123-456789abcdef", 36);
}

static void nothing(void)
{
	struct replica_signature sig;

	memset(image, 0, sizeof(image));
	CHECK_INT(probe(&sig), 0);
	CHECK_INT(sig.count, 0);
	CHECK_STR(sig.text, "");
}

static void swap_space(void)
{
	struct replica_signature sig;

	memset(image, 0, sizeof(image));
	make_swap("night\033[1m");
	CHECK_INT(probe(&sig), 0);
	CHECK_INT(sig.count, 1);
	CHECK_STR(sig.text, "swap \"night?[1m\"");
	CHECK_HAS(sig.id, "swap:11111111-");
}

static void luks(void)
{
	struct replica_signature sig;

	memset(image, 0, sizeof(image));
	make_luks();
	CHECK_INT(probe(&sig), 0);
	CHECK_INT(sig.count, 1);
	CHECK_STR(sig.text, "crypto_LUKS encrypted volume");
}

static void partition_table(void)
{
	struct replica_signature sig;

	memset(image, 0, sizeof(image));
	make_dos_table();
	CHECK_INT(probe(&sig), 0);
	CHECK_INT(sig.count, 1);
	CHECK_STR(sig.text, "dos partition table");
}

static void one_does_not_hide_the_other(void)
{
	struct replica_signature sig;

	memset(image, 0, sizeof(image));
	make_dos_table();
	make_swap("both");
	CHECK_INT(probe(&sig), 0);
	CHECK_INT(sig.count, 2);
	CHECK_HAS(sig.text, "swap \"both\"");
	CHECK_HAS(sig.text, "dos partition table");
}

static void different_copies_differ(void)
{
	struct replica_signature a, b;

	memset(image, 0, sizeof(image));
	make_swap("x");
	CHECK_INT(probe(&a), 0);
	image[1036] = 0x22;
	CHECK_INT(probe(&b), 0);
	CHECK(strcmp(a.id, b.id) != 0);
}

static void no_such_file(void)
{
	struct replica_signature sig;

	CHECK_INT(replica_signature_probe("/nonexistent/device", &sig), -ENOENT);
	CHECK_INT(sig.count, 0);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(nothing), T(swap_space), T(luks), T(partition_table),
		T(one_does_not_hide_the_other), T(different_copies_differ),
		T(no_such_file),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
