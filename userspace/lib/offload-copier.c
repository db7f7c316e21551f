// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Two disks that copy by themselves.  The commands are sent by calls that return when the
 * device is done with them, or the kernel has aborted them, and not before, whatever signal
 * comes: who is killed meanwhile lives until then, with all that he has open.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/nvme_ioctl.h>
#include <scsi/sg.h>

#include "offload.h"
#include "offload-nvme.h"
#include "offload-scsi.h"
#include "sysfs.h"

#define COPY_MS		60000
#define ASK_MS		10000
/* Commands are of a multiple of that, in bytes, where a disk takes so much. */
#define PIECE		65536
/* Times that a unit may say that it was reset, and the like, before it does what it is told. */
#define ATTENTIONS	4

struct method {
	const char *name;
	int (*open)(struct replica_copier *c, char *why);
	int (*copy)(struct replica_copier *c, uint64_t from, uint64_t to, uint32_t blocks,
		    char *why);
};

struct replica_copier {
	const struct method *method;
	struct replica_ctx *ctx;
	dev_t from;
	dev_t to;
	int from_fd;
	int to_fd;
	uint32_t block_bytes;
	uint32_t most;			/* blocks of a command */
	uint32_t unit;			/* a command is a multiple of that */
	struct scsi_designator from_name;
	struct scsi_designator to_name;
	bool no_list_id;
	struct nvme_copy_limits limits;
	uint32_t nsid;
	struct replica_proof proof;
};

static int fail(char *why, int err, dev_t dev, const char *sentence)
{
	snprintf(why, REPLICA_OFFLOAD_WHY, "disk %u:%u %s", major(dev), minor(dev), sentence);
	return err;
}

/* ------------------------------------------------------------------------ */
/* SCSI */

/* 0, -errno, or -EREMOTEIO with what the device says; -EAGAIN: it has something to say first. */
static int send_once(int fd, const uint8_t *cdb, int direction, void *data, size_t bytes,
		     unsigned int ms, char *text, size_t size)
{
	uint8_t sense[SCSI_SENSE_BYTES] = { 0 };
	struct sg_io_hdr io = {
		.interface_id = 'S',
		.cmdp = (uint8_t *)cdb,
		.cmd_len = SCSI_CDB_BYTES,
		.dxfer_direction = direction,
		.dxferp = data,
		.dxfer_len = bytes,
		.sbp = sense,
		.mx_sb_len = sizeof(sense),
		.timeout = ms,
	};

	/* INQUIRY has 6 bytes, the others 16. */
	if (cdb[0] == 0x12)
		io.cmd_len = 6;
	if (ioctl(fd, SG_IO, &io)) {
		snprintf(text, size, "%s", strerror(errno));
		return -errno;
	}
	if (!(io.info & SG_INFO_CHECK))
		return 0;
	if (io.host_status) {
		snprintf(text, size, "no answer (host status %u)", io.host_status);
		return -EIO;
	}
	scsi_sense_text(sense, io.sb_len_wr, text, size);
	return scsi_unit_attention(sense, io.sb_len_wr) ? -EAGAIN : -EREMOTEIO;
}

static int scsi_send(int fd, const uint8_t *cdb, int direction, void *data, size_t bytes,
		     unsigned int ms, char *text, size_t size)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < ATTENTIONS; i++)
		r = send_once(fd, cdb, direction, data, bytes, ms, text, size);
	return r;
}

static int scsi_ask(int fd, const uint8_t *cdb, uint8_t *answer, size_t bytes, dev_t dev,
		    const char *what, char *why)
{
	char text[80];
	int r;

	memset(answer, 0, bytes);
	r = scsi_send(fd, cdb, SG_DXFER_FROM_DEV, answer, bytes, ASK_MS, text, sizeof(text));
	if (r)
		snprintf(why, REPLICA_OFFLOAD_WHY, "disk %u:%u %s: %s", major(dev), minor(dev),
			 what, text);
	return r;
}

static int scsi_look(int fd, dev_t dev, struct scsi_designator *name, char *why)
{
	uint8_t cdb[SCSI_CDB_BYTES], answer[252];
	int r;

	scsi_inquiry(cdb, false, 0, 96);
	r = scsi_ask(fd, cdb, answer, 96, dev, "takes no SCSI commands", why);
	if (r)
		return r;
	if (!scsi_third_party(answer, 96))
		return fail(why, -EOPNOTSUPP, dev, "does no third-party copies (3PC)");
	scsi_inquiry(cdb, true, 0x83, sizeof(answer));
	r = scsi_ask(fd, cdb, answer, sizeof(answer), dev, "does not tell its names", why);
	if (r)
		return r;
	scsi_find_designator(answer, sizeof(answer), name);
	return name->length ? 0 : fail(why, -EOPNOTSUPP, dev, "has no name of type NAA");
}

/* The target's disk is asked to copy. */
static int scsi_read_limits(struct replica_copier *c, char *why)
{
	uint8_t cdb[SCSI_CDB_BYTES], answer[256];
	struct scsi_copy_limits limits;
	int r;

	scsi_operating_parameters(cdb, sizeof(answer));
	r = scsi_ask(c->to_fd, cdb, answer, sizeof(answer), c->to,
		     "does not tell how it copies", why);
	if (r)
		return r;
	if (scsi_parse_limits(answer, sizeof(answer), &limits))
		return fail(why, -EPROTO, c->to, "does not tell how it copies");
	if (scsi_limits_fault(&limits))
		return fail(why, -EOPNOTSUPP, c->to, scsi_limits_fault(&limits));
	c->most = scsi_most_blocks(&limits, c->block_bytes);
	c->unit = scsi_unit_blocks(&limits, c->block_bytes);
	c->no_list_id = limits.no_list_id;
	return c->most ? 0 : fail(why, -EOPNOTSUPP, c->to, "has no size of what it copies at once");
}

static int scsi_open(struct replica_copier *c, char *why)
{
	int from = 0, to = 0, r;

	if (ioctl(c->from_fd, BLKSSZGET, &from) || ioctl(c->to_fd, BLKSSZGET, &to) || from != to)
		return fail(why, -EOPNOTSUPP, c->to, "has other logical blocks than the source's");
	c->block_bytes = to;
	r = scsi_look(c->from_fd, c->from, &c->from_name, why);
	if (!r)
		r = scsi_look(c->to_fd, c->to, &c->to_name, why);
	/* Two paths to one disk, or a disk that is named after another: which one is read? */
	if (!r && c->from != c->to && scsi_same_designator(&c->from_name, &c->to_name))
		r = fail(why, -EOPNOTSUPP, c->to, "has the name that the source's disk has, too");
	return r ? r : scsi_read_limits(c, why);
}

static int scsi_copy(struct replica_copier *c, uint64_t from, uint64_t to, uint32_t blocks,
		     char *why)
{
	uint8_t cdb[SCSI_CDB_BYTES], list[SCSI_COPY_BYTES];
	const struct scsi_copy copy = {
		.from = &c->from_name, .to = &c->to_name, .block_bytes = c->block_bytes,
		.from_block = from, .to_block = to, .blocks = blocks,
		.no_list_id = c->no_list_id,
	};
	char text[80];
	int r;

	scsi_copy_list(&copy, list);
	scsi_extended_copy(cdb, sizeof(list));
	r = scsi_send(c->to_fd, cdb, SG_DXFER_TO_DEV, list, sizeof(list), COPY_MS, text,
		      sizeof(text));
	if (r)
		snprintf(why, REPLICA_OFFLOAD_WHY, "EXTENDED COPY refused: %s", text);
	return r;
}

/* ------------------------------------------------------------------------ */
/* NVMe */

static int nvme_identify(int fd, uint32_t nsid, uint32_t what, uint8_t *answer)
{
	struct nvme_admin_cmd cmd = {
		.opcode = 0x06,
		.nsid = nsid,
		.addr = (uintptr_t)answer,
		.data_len = NVME_IDENTIFY_BYTES,
		.cdw10 = what,
		.timeout_ms = ASK_MS,
	};
	int r = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd);

	return r < 0 ? -errno : r ? -EREMOTEIO : 0;
}

/*
 * When a path breaks, its commands end for the kernel, and the controller behind it may go on
 * with them.  Paths may come at any time.
 */
static int nvme_paths(struct replica_copier *c, char *why)
{
	if (replica_sysfs_nvme_paths(c->ctx, c->to) <= 1)
		return 0;
	return fail(why, -EOPNOTSUPP, c->to,
		    "has several paths, and a command may outlive one that breaks");
}

static int nvme_look(struct replica_copier *c, uint8_t *answer, char *why)
{
	int nsid = ioctl(c->to_fd, NVME_IOCTL_ID), size;

	if (nsid <= 0 || nvme_identify(c->to_fd, 0, 1, answer))
		return fail(why, -EOPNOTSUPP, c->to, "does not tell what it is");
	c->nsid = nsid;
	if (!nvme_has_copy(answer))
		return fail(why, -EOPNOTSUPP, c->to, "has no Copy command");
	if (nvme_identify(c->to_fd, c->nsid, 0, answer))
		return fail(why, -EOPNOTSUPP, c->to, "does not tell how it copies");
	nvme_parse_limits(answer, &c->limits);
	if (nvme_limits_fault(&c->limits))
		return fail(why, -EOPNOTSUPP, c->to, nvme_limits_fault(&c->limits));
	/* A namespace that was formatted anew behind the kernel's back. */
	if (ioctl(c->to_fd, BLKSSZGET, &size) || (uint32_t)size != c->limits.block_bytes)
		return fail(why, -EOPNOTSUPP, c->to,
			    "has other logical blocks than the kernel takes it to have");
	c->block_bytes = c->limits.block_bytes;
	c->most = nvme_most_blocks(&c->limits);
	return 0;
}

static int nvme_open(struct replica_copier *c, char *why)
{
	uint8_t *answer;
	int r;

	if (c->from != c->to)
		return fail(why, -EOPNOTSUPP, c->to,
			    "copies within itself only, and the source is on another");
	if (posix_memalign((void **)&answer, 4096, NVME_IDENTIFY_BYTES))
		return fail(why, -ENOMEM, c->to, "cannot be looked at: out of memory");
	memset(answer, 0, NVME_IDENTIFY_BYTES);
	r = nvme_look(c, answer, why);
	free(answer);
	return r ? r : nvme_paths(c, why);
}

static int nvme_copy(struct replica_copier *c, uint64_t from, uint64_t to, uint32_t blocks,
		     char *why)
{
	uint8_t ranges[NVME_RANGES_MAX * NVME_RANGE_BYTES];
	uint32_t count = nvme_ranges(&c->limits, from, blocks, ranges);
	struct nvme_passthru_cmd cmd = {
		.opcode = 0x19,
		.nsid = c->nsid,
		.addr = (uintptr_t)ranges,
		.data_len = count * NVME_RANGE_BYTES,
		.cdw10 = to,
		.cdw11 = to >> 32,
		.cdw12 = count - 1,
		.timeout_ms = COPY_MS,
	};
	char text[80];
	int r = nvme_paths(c, why);

	if (r)
		return r;
	r = ioctl(c->to_fd, NVME_IOCTL_IO_CMD, &cmd);
	if (!r)
		return 0;
	if (r < 0)
		snprintf(text, sizeof(text), "%s", strerror(errno));
	else
		nvme_status_text(r, text, sizeof(text));
	snprintf(why, REPLICA_OFFLOAD_WHY, "NVMe Copy refused: %s", text);
	return r < 0 ? -EIO : -EREMOTEIO;
}

/* ------------------------------------------------------------------------ */

static const struct method scsi_method = { "SCSI EXTENDED COPY", scsi_open, scsi_copy };
static const struct method nvme_method = { "NVMe Copy", nvme_open, nvme_copy };

/* By the kernel's name of the disk. */
static const struct method *method_of(const char *path)
{
	if (!strncmp(path, "/dev/sd", 7))
		return &scsi_method;
	return strncmp(path, "/dev/nvme", 9) ? NULL : &nvme_method;
}

/*
 * The node may be another device's by now.  For reading, which is enough for root: closing a
 * writer would make udev look at the disk.
 */
static int open_disk(struct replica_copier *c, dev_t dev, const struct method **method, int *fd,
		     char *why)
{
	char path[PATH_MAX];
	dev_t found;

	replica_sysfs_path(c->ctx, dev, path, sizeof(path));
	*method = method_of(path);
	if (!*method)
		return fail(why, -EOPNOTSUPP, dev, "is neither SCSI nor NVMe");
	if (c->ctx->host->devno(c->ctx, path, &found) || found != dev)
		return fail(why, -ENODEV, dev, "has no node in /dev");
	*fd = c->ctx->host->open(c->ctx, path, O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK);
	return *fd < 0 ? fail(why, *fd, dev, "cannot be opened") : 0;
}

static int open_both(struct replica_copier *c, char *why)
{
	const struct method *from;
	int r = open_disk(c, c->from, &from, &c->from_fd, why);

	if (!r)
		r = open_disk(c, c->to, &c->method, &c->to_fd, why);
	if (!r && from != c->method)
		r = fail(why, -EOPNOTSUPP, c->to, "is of another kind than the source's");
	return r ? r : c->method->open(c, why);
}

/* So that the pieces of what is aligned are aligned too. */
static void round_most(struct replica_copier *c)
{
	uint32_t piece = PIECE / c->block_bytes;

	/* Both are powers of two. */
	if (piece > c->unit && c->most > piece)
		c->most -= c->most % piece;
}

struct replica_copier *replica_copier_open(struct replica_ctx *ctx, dev_t from, dev_t to,
					   char *why)
{
	struct replica_copier *c = calloc(1, sizeof(*c));

	if (!c) {
		fail(why, -ENOMEM, to, "cannot be looked at: out of memory");
		return NULL;
	}
	*c = (struct replica_copier){
		.ctx = ctx, .from = from, .to = to, .from_fd = -1, .to_fd = -1, .unit = 1,
	};
	if (!open_both(c, why)) {
		round_most(c);
		return c;
	}
	replica_copier_close(c);
	return NULL;
}

void replica_copier_close(struct replica_copier *c)
{
	if (!c)
		return;
	if (c->from_fd >= 0)
		close(c->from_fd);
	if (c->to_fd >= 0)
		close(c->to_fd);
	replica_proof_free(&c->proof);
	free(c);
}

const char *replica_copier_name(const struct replica_copier *copier)
{
	return copier->method->name;
}

bool replica_copier_lies(const struct replica_copier *copier)
{
	return copier->proof.lies;
}

/* In blocks. */
static int copy_blocks(struct replica_copier *c, uint64_t from, uint64_t to, uint64_t count,
		       char *why)
{
	int r = 0;

	while (!r && count) {
		uint32_t blocks = count < c->most ? count : c->most;

		r = c->method->copy(c, from, to, blocks, why);
		from += blocks;
		to += blocks;
		count -= blocks;
	}
	return r;
}

int replica_copier_copy(struct replica_copier *c, uint64_t from, uint64_t to, uint64_t sectors,
			char *why)
{
	uint32_t per_block = c->block_bytes >> SECTOR_SHIFT;
	uint64_t bytes = sectors << SECTOR_SHIFT;
	int r;

	if (!per_block || (from | to | sectors) % per_block)
		return fail(why, -EINVAL, c->to,
			    "has larger blocks than the parts that are to be copied");
	if (sectors / per_block % c->unit)
		return fail(why, -EINVAL, c->to,
			    "copies larger units than the parts that are to be copied");
	if (replica_proof_take(&c->proof, c->to_fd, to << SECTOR_SHIFT, bytes, c->block_bytes))
		return fail(why, -EIO, c->to, "cannot be read to see whether it copies");
	r = copy_blocks(c, from / per_block, to / per_block, sectors / per_block, why);
	if (!r && replica_proof_see(&c->proof, c->from_fd, from << SECTOR_SHIFT, c->to_fd,
				    to << SECTOR_SHIFT, bytes))
		r = fail(why, -EIO, c->to, "cannot be read to see whether it copied");
	return r;
}
