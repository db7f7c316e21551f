// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The order of queued writes, kmod/dm-replica-order.h: what it allows is closed under
 * "acknowledged before submitted", nothing waits for ever, and what the application had
 * under way at once may be under way at once.
 */
#include "dm-replica-order.h"

#include "ktap.h"
#include "random.h"

#define WRITES	64

/* One write, as an application and a replica see it; times count events, 0: not yet. */
struct write {
	struct replica_ordered ordered;
	unsigned int submitted;
	unsigned int acked;		/* by the origin alone */
	unsigned int issued;
	unsigned int over;
};

static struct write writes[WRITES];
static struct replica_order order;
static unsigned int now, submitted;

static struct write *write_of(struct replica_ordered *ordered)
{
	return ordered ? list_entry(ordered, struct write, ordered) : NULL;
}

static void begin(void)
{
	memset(writes, 0, sizeof(writes));
	replica_order_init(&order);
	now = 0;
	submitted = 0;
}

static struct write *submit(void)
{
	struct write *w = &writes[submitted++];

	w->submitted = ++now;
	replica_order_add(&order, &w->ordered);
	return w;
}

/* What is over when it is acknowledged binds nobody, and is not told to the order. */
static void acknowledge(struct write *w)
{
	w->acked = ++now;
	if (!w->over)
		replica_order_ack(&order, &w->ordered);
}

static struct write *issue(void)
{
	bool ready = replica_order_ready(&order);
	struct write *w = write_of(replica_order_next(&order));

	CHECK_INT(!!w, ready);
	if (w)
		w->issued = ++now;
	return w;
}

static void complete(struct write *w)
{
	w->over = ++now;
	replica_order_over(&order, &w->ordered);
}

/* The example of Documentation/design/order.rst. */
static void example(void)
{
	struct write *a, *b, *c, *x;

	begin();
	a = submit();
	x = submit();
	CHECK(issue() == a);
	CHECK(issue() == x);
	acknowledge(a);
	b = submit();
	acknowledge(x);
	acknowledge(b);
	c = submit();
	CHECK_INT(a->ordered.dep, 0);
	CHECK_INT(x->ordered.dep, 0);
	CHECK_INT(b->ordered.dep, 1);
	CHECK_INT(c->ordered.dep, 3);
	CHECK(!issue());
	complete(a);
	CHECK(issue() == b);
	CHECK(!issue());
	complete(b);
	CHECK(!issue());
	complete(x);
	CHECK(issue() == c);
	complete(c);
	CHECK(replica_order_empty(&order));
}

static void independent(void)
{
	begin();
	while (submitted < WRITES)
		submit();
	for (unsigned int i = 0; i < WRITES; i++)
		CHECK(issue() == &writes[i]);
	for (unsigned int i = WRITES; i--;)
		complete(&writes[i]);
	/* All of them were on the replica: what follows waits for none. */
	CHECK(replica_order_passed(&order, WRITES));
}

static void sync_binds_nobody(void)
{
	struct write *a, *b;

	begin();
	a = submit();
	b = submit();
	issue();
	complete(a);
	acknowledge(a);
	CHECK_INT(submit()->ordered.dep, 0);
	CHECK(issue() == b);
	CHECK(issue() == &writes[2]);
}

static void waves(void)
{
	struct write *a, *b, *c, *d;

	begin();
	a = submit();
	b = submit();
	CHECK_INT(replica_order_waves(&order, &b->ordered), 1);
	acknowledge(a);
	c = submit();
	CHECK_INT(replica_order_waves(&order, &c->ordered), 2);
	acknowledge(c);
	d = submit();
	CHECK_INT(replica_order_waves(&order, &d->ordered), 3);
	issue();
	complete(a);
	issue();
	complete(b);
	CHECK_INT(replica_order_waves(&order, &d->ordered), 2);
}

/* Did everything that was acknowledged before this one came get there before it went? */
static void check_closed(const struct write *w)
{
	for (unsigned int i = 0; i < submitted; i++)
		if (writes[i].acked && writes[i].acked < w->submitted)
			CHECK(writes[i].over && writes[i].over < w->issued);
}

static void some_ack(void)
{
	struct write *w = &writes[random_below(submitted)];

	if (!w->acked)
		acknowledge(w);
}

static void some_completion(void)
{
	struct write *w = &writes[random_below(submitted)];

	if (w->issued && !w->over)
		complete(w);
}

static void step(void)
{
	struct write *w;

	switch (random_below(4)) {
	case 0:
		if (submitted < WRITES)
			submit();
		break;
	case 1:
		some_ack();
		break;
	case 2:
		w = issue();
		if (w)
			check_closed(w);
		break;
	default:
		some_completion();
	}
}

/* Nothing is submitted or acknowledged any more: all of it gets there. */
static void drain(void)
{
	struct write *w;

	while (!replica_order_empty(&order)) {
		while ((w = issue()))
			check_closed(w);
		/* The oldest waits for none. */
		w = write_of(replica_order_first(&order));
		if (!CHECK(w->issued))
			return;
		complete(w);
	}
}

static void any_history(void)
{
	for (unsigned int round = 0; round < 2000 && !ktap_failed; round++) {
		begin();
		submit();
		for (unsigned int i = 0; i < 6 * WRITES; i++)
			step();
		drain();
	}
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(example), T(independent), T(sync_binds_nobody), T(waves), T(any_history),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
