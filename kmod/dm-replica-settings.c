// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings that change at run time: checked as a whole, then applied as a whole.
 */
#include "dm-replica-delta.h"
#include "dm-replica-event.h"
#include "dm-replica-intent.h"
#include "dm-replica-io.h"
#include "dm-replica-protect.h"
#include "dm-replica-queue.h"

static bool payload_good(const struct replica_settings *settings)
{
	return settings->payload == DM_REPLICA_PAYLOAD_COPY ||
	       settings->payload == DM_REPLICA_PAYLOAD_SHARED;
}

static bool on_replica_error_good(const struct replica_settings *settings)
{
	return settings->on_replica_error == DM_REPLICA_ON_ERROR_TRACK ||
	       settings->on_replica_error == DM_REPLICA_ON_ERROR_STOP;
}

static bool recovery_good(const struct replica_settings *settings)
{
	return settings->recovery == DM_REPLICA_RECOVERY_AUTOMATIC ||
	       settings->recovery == DM_REPLICA_RECOVERY_MANUAL;
}

static bool resync_rate_good(const struct replica_settings *settings)
{
	return settings->resync_rate <= DM_REPLICA_RATE_MAX;
}

static bool replica_timeout_good(const struct replica_settings *settings)
{
	return !settings->replica_timeout ||
	       (settings->replica_timeout >= DM_REPLICA_TIMEOUT_MIN_MS &&
		settings->replica_timeout <= DM_REPLICA_TIMEOUT_MAX_MS);
}

static bool on_meta_error_good(const struct replica_settings *settings)
{
	return settings->on_meta_error == DM_REPLICA_ON_META_CONTINUE ||
	       settings->on_meta_error == DM_REPLICA_ON_META_STOP;
}

static bool queue_bytes_good(const struct replica_settings *settings)
{
	return settings->queue_bytes >= DM_REPLICA_QUEUE_MIN &&
	       settings->queue_bytes <= DM_REPLICA_QUEUE_MAX;
}

static bool rpo_good(const struct replica_settings *settings)
{
	return !settings->rpo || (settings->rpo >= DM_REPLICA_RPO_MIN_MS &&
				  settings->rpo <= DM_REPLICA_RPO_MAX_MS);
}

static bool overflow_good(const struct replica_settings *settings)
{
	return settings->overflow >= DM_REPLICA_OVERFLOW_BLOCK &&
	       settings->overflow <= DM_REPLICA_OVERFLOW_FAIL;
}

static bool max_skew_good(const struct replica_settings *settings)
{
	return settings->max_skew <= DM_REPLICA_QUEUE_MAX;
}

static bool copy_priority_good(const struct replica_settings *settings)
{
	return settings->copy_priority <= DM_REPLICA_PRIORITY_URGENT;
}

static bool delta_good(const struct replica_settings *settings)
{
	return !settings->delta_ms || (settings->delta_ms >= DM_REPLICA_DELTA_MIN_MS &&
				       settings->delta_ms <= DM_REPLICA_DELTA_MAX_MS);
}

static bool protect_good(const struct replica_settings *settings)
{
	return settings->protect == DM_REPLICA_PROTECT_NONE ||
	       settings->protect == DM_REPLICA_PROTECT_SNAPSHOT;
}

static const struct {
	unsigned int attr;
	bool (*good)(const struct replica_settings *settings);
	const char *error;
} checks[] = {
	{ DM_REPLICA_S_PAYLOAD, payload_good, "payload must be 1 (copy) or 2 (shared)" },
	{ DM_REPLICA_S_ON_REPLICA_ERROR, on_replica_error_good,
	  "on_replica_error must be 1 (track) or 2 (stop)" },
	{ DM_REPLICA_S_RECOVERY, recovery_good,
	  "recovery must be 2 (automatic) or 3 (manual)" },
	{ DM_REPLICA_S_RESYNC_RATE, resync_rate_good,
	  "resync_rate must be 0 (auto) or 1 to 1000000 MiB/s" },
	{ DM_REPLICA_S_REPLICA_TIMEOUT, replica_timeout_good,
	  "replica_timeout must be 0 (for ever) or 100 to 3600000 ms" },
	{ DM_REPLICA_S_ON_META_ERROR, on_meta_error_good,
	  "on_meta_error must be 1 (continue) or 2 (stop)" },
	{ DM_REPLICA_S_QUEUE_BYTES, queue_bytes_good,
	  "queue_bytes must be 4194304 to 2147483648 bytes" },
	{ DM_REPLICA_S_RPO, rpo_good, "rpo must be 0 (none) or 100 to 86400000 ms" },
	{ DM_REPLICA_S_OVERFLOW, overflow_good,
	  "overflow must be 1 (block), 2 (track) or 3 (fail)" },
	{ DM_REPLICA_S_MAX_SKEW, max_skew_good,
	  "max_skew must be 0 (half of queue_bytes) or up to 2147483648 bytes" },
	{ DM_REPLICA_S_COPY_PRIORITY, copy_priority_good,
	  "copy_priority must be 0 (unmanaged), 1 (low), 2 (same), 3 (high) or 4 (urgent)" },
	{ DM_REPLICA_S_DELTA_MS, delta_good, "delta_ms must be 0 (none) or 1000 to 86400000 ms" },
	{ DM_REPLICA_S_PROTECT, protect_good, "protect must be 1 (none) or 2 (snapshot)" },
};

int replica_settings_check(const struct replica_settings *settings, u32 mask,
			   unsigned int *attr, const char **error)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(checks); i++)
		if (mask & BIT(checks[i].attr) && !checks[i].good(settings)) {
			*attr = checks[i].attr;
			*error = checks[i].error;
			return -EINVAL;
		}
	return 0;
}

static void merge(struct replica_settings *to, const struct replica_settings *from, u32 mask)
{
	if (mask & REPLICA_SET_PAYLOAD)
		WRITE_ONCE(to->payload, from->payload);
	if (mask & REPLICA_SET_ON_REPLICA_ERROR)
		WRITE_ONCE(to->on_replica_error, from->on_replica_error);
	if (mask & REPLICA_SET_RECOVERY)
		WRITE_ONCE(to->recovery, from->recovery);
	if (mask & REPLICA_SET_RESYNC_RATE)
		WRITE_ONCE(to->resync_rate, from->resync_rate);
	if (mask & REPLICA_SET_REPLICA_TIMEOUT)
		WRITE_ONCE(to->replica_timeout, from->replica_timeout);
	if (mask & REPLICA_SET_ON_META_ERROR)
		WRITE_ONCE(to->on_meta_error, from->on_meta_error);
	if (mask & REPLICA_SET_QUEUE_BYTES)
		WRITE_ONCE(to->queue_bytes, from->queue_bytes);
	if (mask & REPLICA_SET_RPO)
		WRITE_ONCE(to->rpo, from->rpo);
	if (mask & REPLICA_SET_OVERFLOW)
		WRITE_ONCE(to->overflow, from->overflow);
	if (mask & REPLICA_SET_MAX_SKEW)
		WRITE_ONCE(to->max_skew, from->max_skew);
	if (mask & REPLICA_SET_COPY_PRIORITY)
		WRITE_ONCE(to->copy_priority, from->copy_priority);
	if (mask & REPLICA_SET_DELTA)
		WRITE_ONCE(to->delta_ms, from->delta_ms);
	if (mask & REPLICA_SET_PROTECT)
		WRITE_ONCE(to->protect, from->protect);
}

/*
 * Whoever makes the snapshot may have to write to the very device whose writers are held until
 * there is one; and of a replica that gets an update every so often each would wait for one.
 */
static const char *protect_contradiction(struct replica *replica,
					 const struct replica_settings *all, unsigned int *attr)
{
	*attr = DM_REPLICA_S_PROTECT;
	if (all->protect != DM_REPLICA_PROTECT_SNAPSHOT)
		return NULL;
	if (replica->clone)
		return "a clone is no copy before it is complete: protect must be none";
	if (!replica->meta_dev)
		return "protect snapshot is for a replica with a meta device";
	if (all->delta_ms)
		return "protect snapshot and delta_ms exclude each other";
	return all->on_replica_error == DM_REPLICA_ON_ERROR_STOP ?
	       "protect snapshot and on_replica_error stop exclude each other" : NULL;
}

/* The one at fault is one of those that were given, if it is not the one that is named. */
static unsigned int given(u32 mask, unsigned int attr)
{
	static const u8 rpo[] = { DM_REPLICA_S_DELTA_MS, DM_REPLICA_S_OVERFLOW };
	static const u8 protect[] = { DM_REPLICA_S_DELTA_MS, DM_REPLICA_S_ON_REPLICA_ERROR };
	const u8 *others = attr == DM_REPLICA_S_RPO ? rpo : protect;
	unsigned int i;

	if (mask & BIT(attr) || (attr != DM_REPLICA_S_RPO && attr != DM_REPLICA_S_PROTECT))
		return attr;
	for (i = 0; i < ARRAY_SIZE(rpo); i++)
		if (mask & BIT(others[i]))
			return others[i];
	return attr;
}

/* Do they go with each other, and with what is not a setting? */
static int check_together(struct replica *replica, const struct replica_settings *settings,
			  u32 mask, unsigned int *attr, const char **error)
{
	struct replica_settings all = replica->settings;

	lockdep_assert_held(&replica->op_mutex);
	merge(&all, settings, mask);
	*attr = DM_REPLICA_S_RPO;
	*error = replica->clone && all.rpo ?
		 "a clone has no recovery point objective: rpo must be 0" :
		 replica_delta_contradiction(&all, replica->mode, replica->clone, attr);
	if (!*error)
		*error = protect_contradiction(replica, &all, attr);
	if (!*error)
		return 0;
	*attr = given(mask, *attr);
	return -EINVAL;
}

static void apply(struct replica *replica, const struct replica_settings *settings, u32 mask)
{
	merge(&replica->settings, settings, mask);
	replica_queue_refresh(replica);
	replica_state_refresh(replica);
	if (mask & REPLICA_SET_DELTA)
		replica_delta_apply(replica);
}

/* Who watches over the replica is started, or has no more to do. */
static void tell_protect(struct replica *replica, u8 before)
{
	if (replica->settings.protect != before && replica->md)
		replica_news_send(replica_news_of_mapped(replica));
}

int replica_settings_apply(struct replica *replica, const struct replica_settings *settings,
			   u32 mask, unsigned int *attr, const char **error)
{
	struct replica_event event = { .type = DM_REPLICA_EVENT_SETTINGS };
	u8 protect;
	int r;

	r = replica_settings_check(settings, mask, attr, error);
	if (r)
		return r;

	mutex_lock(&replica->op_mutex);
	r = check_together(replica, settings, mask, attr, error);
	if (r) {
		mutex_unlock(&replica->op_mutex);
		return r;
	}
	protect = replica->settings.protect;
	apply(replica, settings, mask);
	if (replica->ticking)
		mod_delayed_work(replica->wq, &replica->timeout_work, 0);
	event.state = READ_ONCE(replica->state);
	replica_event_raise(replica, &event);
	replica_intents_note(replica);
	replica_intents_sync(replica);
	replica_protect_refresh(replica);
	tell_protect(replica, protect);
	mutex_unlock(&replica->op_mutex);
	return 0;
}
