// SPDX-License-Identifier: LGPL-2.1-or-later
/* Tokens: every byte of one counts, the key is root's, and what contradicts itself is refused. */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake.h"
#include "ktap.h"
#include "token.h"

#define ID	"12345678-9abc-4def-8123-456789abcdef"
#define BOOT	"00000000-1111-4222-8333-444444444444"

static uint8_t key[REPLICA_TOKEN_KEY_BYTES], bytes[REPLICA_TOKEN_BYTES];
static struct replica_token_data data;
static char text[256];

static void seal(void)
{
	const struct replica_token_data sealed = {
		.timeout_ms = 900000, .size = 0x123456789a00, .captured = 1700000000123,
		.id = ID, .boot = BOOT, .name = "home-token",
	};

	memset(key, 0x5a, sizeof(key));
	replica_token_seal(&sealed, key, bytes);
}

static void round_trip(void)
{
	seal();
	CHECK_INT(replica_token_open(bytes, key, &data, text, sizeof(text)), 0);
	CHECK_INT(data.timeout_ms, 900000);
	CHECK(data.size == 0x123456789a00);
	CHECK(data.captured == 1700000000123);
	CHECK_STR(data.id, ID);
	CHECK_STR(data.boot, BOOT);
	CHECK_STR(data.name, "home-token");
}

/* The bytes are those of the manual; the hash is that of another implementation. */
static void layout(void)
{
	static const uint8_t start[] = {
		0xff, 0xff, 0xff, 0xf0, 0, 0, 0x01, 0xf8, 'D', 'M', 'R', 'E', 'P', 'T', 'O', 'K',
		0, 1, 0, 1, 0x00, 0x0d, 0xbb, 0xa0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0x00,
		0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x7b,
	};
	static const uint8_t hash[] = {
		0x9c, 0x38, 0x66, 0xef, 0x1f, 0xf6, 0x07, 0xce, 0x2f, 0xc7, 0x51, 0xea,
		0xdf, 0xc0, 0x67, 0x1e, 0x6b, 0x95, 0x50, 0x57, 0x06, 0x2c, 0xcd, 0x42,
		0xc8, 0xe0, 0x18, 0xfb, 0x03, 0x26, 0x24, 0x5d,
	};

	seal();
	CHECK(!memcmp(bytes, start, sizeof(start)));
	CHECK(!memcmp(bytes + 40, ID, sizeof(ID)));
	CHECK(!memcmp(bytes + 80, BOOT, sizeof(BOOT)));
	CHECK(!memcmp(bytes + 120, "home-token", 11));
	CHECK(!memcmp(bytes + 480, hash, sizeof(hash)));
}

static void every_bit(void)
{
	int refused = 0;

	for (int bit = 0; bit < REPLICA_TOKEN_BYTES * 8; bit++) {
		seal();
		bytes[bit / 8] ^= 1 << bit % 8;
		text[0] = '\0';
		if (replica_token_open(bytes, key, &data, text, sizeof(text)) == -EINVAL &&
		    strlen(text) > 20)
			refused++;
	}
	CHECK_INT(refused, REPLICA_TOKEN_BYTES * 8);
}

static void found(void)
{
	seal();
	bytes[0] = 0x12;
	CHECK_INT(replica_token_open(bytes, key, &data, text, sizeof(text)), -EINVAL);
	CHECK_HAS(text, "its type is 12fffff0h");
	seal();
	bytes[8] = '\n';
	CHECK_INT(replica_token_open(bytes, key, &data, text, sizeof(text)), -EINVAL);
	CHECK_HAS(text, "MREPTOK\" is where");
	seal();
	bytes[17] = 7;
	CHECK_INT(replica_token_open(bytes, key, &data, text, sizeof(text)), -EINVAL);
	CHECK_HAS(text, "its version is 7");
	seal();
	key[31] ^= 1;
	CHECK_INT(replica_token_open(bytes, key, &data, text, sizeof(text)), -EINVAL);
	CHECK_HAS(text, "of another machine");
}

static void zero(void)
{
	static const uint8_t start[] = { 0xff, 0xff, 0, 1, 0, 0, 0x01, 0xf8 };
	int taken = 0;

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, start, sizeof(start));
	CHECK(replica_token_is_zero(bytes));
	for (int i = 0; i < REPLICA_TOKEN_BYTES; i++) {
		bytes[i] ^= 0x10;
		taken += replica_token_is_zero(bytes);
		bytes[i] ^= 0x10;
	}
	CHECK_INT(taken, 0);
}

static void left(void)
{
	const struct replica_token_state state = { .timeout_ms = 1000, .used_ms = 5000 };

	CHECK(replica_token_left(&state, 5000) == 1000);
	CHECK(replica_token_left(&state, 5999) == 1);
	CHECK(replica_token_left(&state, 6000) == 0);
	CHECK(replica_token_left(&state, 99999) == 0);
}

/* ------------------------------------------------------------------------ */
/* Files, below the root of a machine made of files */

static struct replica_ctx *ctx;
static char path[PATH_MAX];

static const char *below(const char *name)
{
	snprintf(path, sizeof(path), "%s%s", ctx->root, name);
	return path;
}

static void expect(int ret, int want, const char *sentence)
{
	CHECK_INT(ret, want);
	CHECK_HAS(replica_error_description(&ctx->err), sentence);
}

static void keys(void)
{
	uint8_t first[REPLICA_TOKEN_KEY_BYTES], second[REPLICA_TOKEN_KEY_BYTES];
	char other[PATH_MAX + 8];
	struct stat st;

	ctx = fake_ctx();
	fake_file("/var/lib/x", "");
	expect(replica_token_key(ctx, false, first), REPLICA_INVALID_PARAMETER,
	       "there is no key");
	CHECK_INT(replica_token_key(ctx, true, first), 0);
	CHECK_INT(replica_token_key(ctx, true, second), 0);
	CHECK(!memcmp(first, second, sizeof(first)));
	CHECK_INT(replica_token_key(ctx, false, second), 0);
	CHECK(!memcmp(first, second, sizeof(first)));
	if (CHECK(!stat(below("/var/lib/dm-replica/token.key"), &st)))
		CHECK_INT(st.st_mode & 07777, 0600);
	chmod(path, 0640);
	expect(replica_token_key(ctx, true, second), REPLICA_ACCESS_DENIED, "mode 0640");
	chmod(path, 0600);
	CHECK(!truncate(path, 31));
	expect(replica_token_key(ctx, true, second), REPLICA_FAILED, "has 31 bytes");
	/* A link to what would be a key. */
	snprintf(other, sizeof(other), "%s.moved", path);
	CHECK(!truncate(path, 32));
	CHECK(!rename(path, other));
	CHECK(!symlink(other, path));
	CHECK(replica_token_key(ctx, true, second) != 0);
	CHECK_HAS(replica_error_description(&ctx->err), "cannot be opened");
	unlink(path);
	CHECK_INT(replica_token_key(ctx, true, second), 0);
	CHECK(memcmp(first, second, sizeof(first)));
	fake_free(ctx);
}

static void files(void)
{
	uint8_t again[REPLICA_TOKEN_BYTES];
	struct stat st;
	int fd = -1;

	ctx = fake_ctx();
	fake_file("/tmp/x", "");
	seal();
	below("/tmp/token");
	CHECK_INT(replica_token_file_create(ctx, path, &fd), 0);
	expect(replica_token_file_read(ctx, path, again), REPLICA_INVALID_PARAMETER, "has 0 bytes");
	CHECK_INT(replica_token_file_write(ctx, path, fd, bytes), 0);
	CHECK(!stat(path, &st));
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_INT(replica_token_file_read(ctx, path, again), 0);
	CHECK(!memcmp(again, bytes, sizeof(bytes)));
	expect(replica_token_file_create(ctx, path, &fd), REPLICA_INVALID_PARAMETER,
	       "never overwritten");
	CHECK(!truncate(path, 513));
	expect(replica_token_file_read(ctx, path, again), REPLICA_INVALID_PARAMETER,
	       "has 513 bytes");
	expect(replica_token_file_read(ctx, "/dev/null", again), REPLICA_INVALID_PARAMETER,
	       "not a plain file");
	unlink(path);
	expect(replica_token_file_read(ctx, path, again), REPLICA_NOT_FOUND, "cannot be opened");
	CHECK_INT(replica_token_file_create(ctx, path, &fd), 0);
	replica_token_file_drop(path, fd);
	CHECK(access(path, F_OK));
	fake_free(ctx);
}

static void states(void)
{
	struct replica_token_state state = {
		.timeout_ms = 5000, .used_ms = 123, .captured = 456, .ended = REPLICA_TOKEN_LIVES,
	}, read;

	ctx = fake_ctx();
	fake_file("/run/x", "");
	CHECK_INT(replica_token_state_read(ctx, ID, &read), -ENOENT);
	CHECK_INT(replica_token_state_read(ctx, "../x", &read), -EINVAL);
	CHECK_INT(replica_token_state_write(ctx, ID, &state), 0);
	CHECK_INT(replica_token_state_read(ctx, ID, &read), 0);
	CHECK_INT(read.timeout_ms, 5000);
	CHECK_INT(read.used_ms, 123);
	CHECK_INT(read.captured, 456);
	replica_token_ended(ctx, ID, REPLICA_TOKEN_EXPIRED);
	CHECK_INT(replica_token_state_read(ctx, ID, &read), 0);
	CHECK_INT(read.ended, REPLICA_TOKEN_EXPIRED);
	CHECK_INT(read.timeout_ms, 5000);
	fake_file("/run/dm-replica-tokens/" BOOT, "nonsense");
	CHECK_INT(replica_token_state_read(ctx, BOOT, &read), -EBADMSG);
	replica_token_touch(ctx, BOOT);
	CHECK_INT(replica_token_state_read(ctx, BOOT, &read), 0);
	CHECK_INT(read.timeout_ms, REPLICA_TOKEN_TIMEOUT_MS);
	CHECK(read.used_ms <= replica_boot_ms() && read.used_ms + 60000 > replica_boot_ms());
	fake_free(ctx);
}

/* ------------------------------------------------------------------------ */
/* Parameters */

static struct replica_create_args args;

static void refused(int want, const char *parameter)
{
	struct replica_create_result *result = NULL;

	CHECK_INT(replica_create_replica(ctx, &args, &result), want);
	CHECK_STR(replica_error_parameter_info(&ctx->err), parameter);
	replica_create_result_free(result);
}

static void redeem_of(const char *token)
{
	args = (struct replica_create_args){
		.size = sizeof(args), .sync_type = REPLICA_SYNC_TYPE_TOKENIZED_CLONE,
		.token = token, .target_storage_volume = "/dev/sdb",
	};
}

static void redeems(void)
{
	struct replica_settings payload = { .present = REPLICA_SETTING_PAYLOAD };

	ctx = fake_ctx();
	redeem_of(NULL);
	refused(REPLICA_INVALID_PARAMETER, "Token");
	redeem_of("zero");
	args.sync_type = REPLICA_SYNC_TYPE_CLONE;
	refused(REPLICA_INVALID_PARAMETER, "SyncType");
	redeem_of("zero");
	args.meta = "/dev/sdy";
	refused(REPLICA_INVALID_PARAMETER, "MetaDevice");
	redeem_of("zero");
	args.store = "/dev/sdy";
	refused(REPLICA_INVALID_PARAMETER, "Source");
	redeem_of("zero");
	args.token_timeout_ms = 1;
	refused(REPLICA_INVALID_PARAMETER, "Source");
	redeem_of("zero");
	args.target_storage_volume = NULL;
	refused(REPLICA_INVALID_PARAMETER, "TargetStorageVolume");
	redeem_of("zero");
	args.element_name = "name";
	refused(REPLICA_INVALID_PARAMETER, "ElementName");
	redeem_of("zero");
	args.replication_settings = &payload;
	refused(REPLICA_INVALID_PARAMETER, "ReplicationSettings");
	redeem_of("zero");
	args.mode = DM_REPLICA_MODE_ASYNC;
	refused(REPLICA_NOT_SUPPORTED, "Mode");
	redeem_of("zero");
	args.mode = DM_REPLICA_MODE_ADAPTIVE;
	refused(REPLICA_NOT_SUPPORTED, "Mode");
	redeem_of("/nonexistent/token");
	refused(REPLICA_NOT_FOUND, "Token");
	fake_free(ctx);
}

static void captures(void)
{
	ctx = fake_ctx();
#define CAPTURE(member, value, ret, parameter) do { \
		redeem_of("token"); \
		args.source = "/dev/sda"; \
		args.target_storage_volume = NULL; \
		args.store = "/dev/sdy"; \
		args.dry_run = true; \
		args.member = value; \
		refused(ret, parameter); \
	} while (0)
	CAPTURE(target_storage_volume, "/dev/sdb", REPLICA_INVALID_PARAMETER,
		"TargetStorageVolume");
	CAPTURE(store, NULL, REPLICA_INVALID_PARAMETER, "Store");
	CAPTURE(token, "zero", REPLICA_INVALID_PARAMETER, "Token");
	CAPTURE(token, "/dev/null", REPLICA_INVALID_PARAMETER, "Token");
	CAPTURE(mode, DM_REPLICA_MODE_ASYNC, REPLICA_NOT_SUPPORTED, "Mode");
	CAPTURE(mode, DM_REPLICA_MODE_ADAPTIVE, REPLICA_NOT_SUPPORTED, "Mode");
	CAPTURE(rpo_ms, 100, REPLICA_INVALID_PARAMETER, "RecoveryPointObjective");
	CAPTURE(meta, "/dev/sdz", REPLICA_INVALID_PARAMETER, "MetaDevice");
	CAPTURE(skip_initial_copy, true, REPLICA_INVALID_PARAMETER, "SkipInitialCopy");
#undef CAPTURE
	fake_free(ctx);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(round_trip), T(layout), T(every_bit), T(found), T(zero), T(left), T(keys),
		T(files), T(states), T(redeems), T(captures),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
