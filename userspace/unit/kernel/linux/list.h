/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For pure code of the module that is tested here: circular lists with the names that the
 * kernel's have, as far as that code uses them.
 */
#ifndef _UNIT_LINUX_LIST_H
#define _UNIT_LINUX_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->prev = head;
	head->next = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	entry->next = head;
	entry->prev = head->prev;
	entry->prev->next = entry;
	head->prev = entry;
}

static inline void list_del_init(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	INIT_LIST_HEAD(entry);
}

#define list_entry(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define list_first_entry_or_null(head, type, member) ({		\
	struct list_head *_head = (head);				\
	list_empty(_head) ? NULL : list_entry(_head->next, type, member);	\
})

#endif /* _UNIT_LINUX_LIST_H */
