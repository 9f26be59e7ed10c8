/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/owner_names.h"

#include <string.h>

#include "lib/util.h"

/* Before each name; the name follows without a NUL. */
struct packed {
	__u64 first, last;
	__u16 len; /* 0: the end */
	__u8 rule, kind, known, zero[3];
};

_Static_assert(sizeof(struct packed) == 24, "as it is pinned");

/* ---- as bytes ----------------------------------------------------------- */

static size_t pack_set(const struct owner_set *set, struct packed head, __u8 *to)
{
	size_t len = 0;

	for (size_t i = 0; i < set->n; i++) {
		const struct owner_item *o = &set->items[i];

		head.first = o->first;
		head.last = o->last;
		head.known = o->known;
		head.len = (__u16)strlen(o->name);
		if (to) {
			memcpy(to + len, &head, sizeof(head));
			memcpy(to + len + sizeof(head), o->name, head.len);
		}
		len += sizeof(head) + head.len;
	}
	return len;
}

size_t owner_names_pack(const struct owner_names *names, __u8 *to)
{
	const struct packed end = { 0 };
	size_t len = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++) {
			const struct packed head = { .rule = (__u8)i, .kind = (__u8)kind };

			len += pack_set(&names->of[i][kind], head, to ? to + len : NULL);
		}
	}
	if (to)
		memcpy(to + len, &end, sizeof(end));
	return len + sizeof(end);
}

static bool is_valid(const struct packed *head, size_t left)
{
	return head->len <= left && head->len <= OWNER_NAME_MAX && head->rule < TPROXY_MAX_RULES &&
	       head->kind < TPROXY_OWNER_KIND_MAX && head->first <= head->last;
}

int owner_names_unpack(const __u8 *from, size_t len, struct owner_names *names)
{
	char name[OWNER_NAME_MAX + 1];
	struct owner_item owner = { .name = name };
	struct packed head;
	size_t at = 0;

	while (at + sizeof(head) <= len) {
		int err;

		memcpy(&head, from + at, sizeof(head));
		at += sizeof(head);
		if (!head.len)
			return 0;
		if (!is_valid(&head, len - at))
			return -EBADMSG;
		memcpy(name, from + at, head.len);
		name[head.len] = '\0';
		at += head.len;
		owner.first = head.first;
		owner.last = head.last;
		owner.known = head.known;
		err = owner_set_append(&names->of[head.rule][head.kind], &owner);
		if (err)
			return err;
	}
	return -EBADMSG;
}

/* ---- contents ----------------------------------------------------------- */

void owner_names_free(struct owner_names *names)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
			owner_set_free(&names->of[i][kind]);
}

static int take_set(struct owner_set *to, const struct owner_set *from)
{
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++)
		if (from->items[i].name)
			err = owner_set_append(to, &from->items[i]);
	return err;
}

int owner_names_take(struct owner_names *names, const struct policy *policy)
{
	int err = 0;

	owner_names_free(names);
	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err; kind++)
			err = take_set(&names->of[i][kind], &policy->rules[i].owners[kind]);
	return err;
}

int owner_names_give(const struct owner_names *names, struct policy *policy)
{
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err; kind++)
			if (rule_is_local(&policy->rules[i]))
				err = owner_set_name(&policy->rules[i].owners[kind],
						     &names->of[i][kind]);
	return err;
}

static bool has_names(const struct owner_set *set, const struct owner_set *named)
{
	for (size_t i = 0; i < named->n; i++)
		if (named->items[i].name && !owner_set_has_item(set, &named->items[i]))
			return false;
	return true;
}

bool owner_names_are(const struct owner_names *names, const struct policy *policy)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
			if (!has_names(&names->of[i][kind], &policy->rules[i].owners[kind]) ||
			    !has_names(&policy->rules[i].owners[kind], &names->of[i][kind]))
				return false;
	return true;
}
