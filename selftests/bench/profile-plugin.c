// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU plugin that counts how often each instruction of the guest is executed,
 * and writes "ADDRESS COUNT" lines at the end. For profile, which see.
 *
 *	-plugin profile-plugin.so,out=FILE
 *
 * QEMU's qemu-plugin.h is not packaged, so what is used of it is declared here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						enum qemu_plugin_op op, void *counter,
						uint64_t add);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*translated)(uint64_t, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(uint64_t id, void (*done)(uint64_t, void *), void *data);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

/* A hash table that is never resized: QEMU keeps the addresses of its counters. */
#define SLOTS (1U << 23)

struct slot {
	uint64_t address;
	uint64_t count;
};

static struct slot *slots;
static const char *out;

static struct slot *slot_of(uint64_t address)
{
	uint32_t i = (address * 0x9e3779b97f4a7c15) >> 41;

	while (slots[i].address && slots[i].address != address)
		i = (i + 1) % SLOTS;
	slots[i].address = address;
	return &slots[i];
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct slot *slot = slot_of(qemu_plugin_insn_vaddr(insn));

		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							   &slot->count, 1);
	}
}

static void done(uint64_t id, void *data)
{
	FILE *file = fopen(out, "w");
	uint32_t i;

	(void)id;
	(void)data;
	if (!file) {
		perror(out);
		return;
	}
	for (i = 0; i < SLOTS; i++)
		if (slots[i].count)
			fprintf(file, "%" PRIx64 " %" PRIu64 "\n", slots[i].address,
				slots[i].count);
	fclose(file);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "profile-plugin: out=FILE is missing\n");
		return -1;
	}
	out = strdup(argv[0] + 4);
	slots = calloc(SLOTS, sizeof(*slots));
	if (!out || !slots)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, done, NULL);
	return 0;
}
