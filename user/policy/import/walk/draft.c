/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/walk/draft.h"

#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"
#include "policy/cover.h"
#include "policy/scope.h"

/* ---- from flows --------------------------------------------------------- */

static int add_services(struct rule *rule, const struct flows *flows, __u8 proto)
{
	static const struct port_range every_port;
	int err = 0;

	if (span_set_is_all(&flows->ports, FLOWS_MAX_PORT))
		return service_set_add(&rule->services, proto, every_port);
	for (size_t i = 0; i < flows->ports.n && !err; i++) {
		struct span span = flows->ports.items[i];
		struct port_range range = { (__u16)(span.first ? span.first : 1),
					    (__u16)span.last };

		if (span.last) /* no flow goes to port 0 */
			err = service_set_add(&rule->services, proto, range);
	}
	return err;
}

/* Without what Linux never forwards, and never gives to us. */
static int add_destinations(struct rule *rule, const struct flows *flows)
{
	int err = 0;

	for (size_t i = 0; i < flows->to.n && !err; i++)
		if (!scope_never_forwarded(&flows->to.items[i]))
			err = prefix_set_append(&rule->to, &flows->to.items[i]);
	return err;
}

static int add_owners(struct rule *rule, const struct flows *flows)
{
	struct owner_item cgroup = { .name = flows->cgroup };
	int err = 0;

	for (int kind = TPROXY_OWNER_UID; kind <= TPROXY_OWNER_GID; kind++) {
		const struct span_set *ids = &flows->ids[kind];

		if (span_set_is_all(ids, FLOWS_MAX_ID))
			continue;
		for (size_t i = 0; i < ids->n && !err; i++) {
			struct owner_item item = { .first = ids->items[i].first,
						   .last = ids->items[i].last,
						   .known = true };

			err = owner_set_append(&rule->owners[kind], &item);
		}
	}
	if (!err && cgroup.name)
		err = owner_set_append(&rule->owners[TPROXY_OWNER_CGROUP], &cgroup);
	return err;
}

static int fill(struct rule *rule, const struct flows *flows)
{
	int err = 0;

	if (flows->protos & FLOWS_TCP)
		err = add_services(rule, flows, IPPROTO_TCP);
	if (!err && flows->protos & FLOWS_UDP)
		err = add_services(rule, flows, IPPROTO_UDP);
	if (!err)
		err = flows_add_prefixes(&rule->from, &flows->from);
	if (!err)
		err = add_destinations(rule, flows);
	if (!err && flows->in[0] && rule->local == TPROXY_LOCAL_NO)
		err = name_set_add(&rule->interfaces, flows->in);
	if (!err && rule->local == TPROXY_LOCAL_ONLY)
		err = add_owners(rule, flows);
	return err;
}

static bool interfaces_cover(const struct name_set *outer, const struct name_set *inner)
{
	if (!outer->n)
		return true;
	for (size_t i = 0; i < inner->n; i++)
		if (!names_cover(outer, inner->items[i]))
			return false;
	return inner->n > 0;
}

static bool covers(const struct rule *outer, const struct rule *inner)
{
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		if (!owner_set_covers(&outer->owners[kind], &inner->owners[kind]))
			return false;
	return service_set_covers(&outer->services, &inner->services) &&
	       flows_prefixes_cover(&outer->to, &inner->to) &&
	       flows_prefixes_cover(&outer->from, &inner->from) &&
	       interfaces_cover(&outer->interfaces, &inner->interfaces);
}

static bool is_decided(const struct drafts *drafts, const struct rule *rule)
{
	for (size_t i = 0; i < drafts->n; i++)
		if (covers(&drafts->items[i].rule, rule))
			return true;
	return false;
}

static int append(struct drafts *drafts, const struct draft *draft)
{
	int err;

	if (!draft->rule.services.n || !draft->rule.to.n)
		return DRAFT_EMPTY;
	if (is_decided(drafts, &draft->rule))
		return DRAFT_DECIDED;
	if (drafts->n == DRAFTS_MAX)
		return -ENOSPC;
	err = array_room((void **)&drafts->items, drafts->n, &drafts->room, sizeof(*drafts->items));
	if (!err)
		drafts->items[drafts->n++] = *draft;
	return err;
}

int drafts_add(struct drafts *drafts, const struct flows *flows, const struct draft *like)
{
	struct draft draft = *like;
	int ret;

	draft.rule.used = true;
	ret = fill(&draft.rule, flows);
	if (!ret)
		ret = append(drafts, &draft);
	if (ret)
		rule_free(&draft.rule);
	return ret;
}

void drafts_free(struct drafts *drafts)
{
	for (size_t i = 0; i < drafts->n; i++)
		rule_free(&drafts->items[i].rule);
	free(drafts->items);
	*drafts = (struct drafts){ 0 };
}

static void drop(struct drafts *drafts, size_t at)
{
	rule_free(&drafts->items[at].rule);
	memmove(&drafts->items[at], &drafts->items[at + 1],
		(--drafts->n - at) * sizeof(*drafts->items));
}

/* ---- neighbours --------------------------------------------------------- */

enum list { LIST_TO, LIST_FROM, LIST_SERVICES, LIST_INTERFACES, LIST_OWNERS };

static unsigned int differences(const struct rule *a, const struct rule *b)
{
	unsigned int lists = 0;

	if (!flows_prefixes_cover(&a->to, &b->to) || !flows_prefixes_cover(&b->to, &a->to))
		lists |= 1u << LIST_TO;
	if (!flows_prefixes_cover(&a->from, &b->from) || !flows_prefixes_cover(&b->from, &a->from))
		lists |= 1u << LIST_FROM;
	if (!service_set_covers(&a->services, &b->services) ||
	    !service_set_covers(&b->services, &a->services))
		lists |= 1u << LIST_SERVICES;
	if (!name_set_equal(&a->interfaces, &b->interfaces))
		lists |= 1u << LIST_INTERFACES;
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++)
		if (!owner_set_same(&a->owners[kind], &b->owners[kind]))
			lists |= 1u << (LIST_OWNERS + kind);
	return lists;
}

static bool same_treatment(const struct rule *a, const struct rule *b)
{
	return a->action == b->action && a->on_down == b->on_down && a->unrouted == b->unrouted &&
	       a->local == b->local && endpoint_equal(&a->proxy, &b->proxy);
}

static int join_names(struct name_set *to, const struct name_set *from)
{
	if (to->n && from->n)
		return name_set_merge(to, from);
	to->n = 0; /* one of them means every interface */
	return 0;
}

static int join_owners(struct owner_set *to, const struct owner_set *from)
{
	if (!owner_set_is_any(to) && !owner_set_is_any(from))
		return owner_set_merge(to, from);
	owner_set_free(to);
	return 0;
}

static int join_services(struct service_set *to, const struct service_set *from)
{
	struct service_set all = { 0 };
	int err = service_set_merge(to, from);

	/* Next to every port of a protocol, some of its ports say nothing. */
	for (size_t i = 0; i < to->n; i++) {
		const struct service every = { .proto = to->items[i].proto };

		if (!err && (!to->items[i].range.first || !service_set_includes(to, &every)))
			err = service_set_add(&all, every.proto, to->items[i].range);
	}
	free(to->items);
	*to = all;
	return err;
}

static int join(struct rule *into, const struct rule *rule)
{
	int err = flows_add_prefixes(&into->to, &rule->to);

	if (!err)
		err = flows_add_prefixes(&into->from, &rule->from);
	if (!err)
		err = join_services(&into->services, &rule->services);
	if (!err)
		err = join_names(&into->interfaces, &rule->interfaces);
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && !err; kind++)
		err = join_owners(&into->owners[kind], &rule->owners[kind]);
	if (!into->name[0])
		memcpy(into->name, rule->name, sizeof(into->name));
	return err;
}

static bool one_list_differs(const struct rule *a, const struct rule *b)
{
	unsigned int lists = differences(a, b);

	return same_treatment(a, b) && !(lists & (lists - 1));
}

int drafts_shorten(struct drafts *drafts)
{
	int err = 0;

	while (drafts->n && drafts->items[drafts->n - 1].rule.action == TPROXY_ACTION_PASS)
		drop(drafts, drafts->n - 1);
	for (size_t i = 1; i < drafts->n && !err;) {
		struct rule *before = &drafts->items[i - 1].rule, *rule = &drafts->items[i].rule;

		if (!one_list_differs(before, rule)) {
			i++;
			continue;
		}
		err = join(before, rule);
		drop(drafts, i);
		i = i > 1 ? i - 1 : 1;
	}
	return err;
}

/* ---- two lists ---------------------------------------------------------- */

struct pairing {
	bool (*fit)(const struct rule *a, const struct rule *b);
	int (*fuse)(struct rule *into, const struct rule *rule);
};

static bool fit_families(const struct rule *a, const struct rule *b)
{
	const unsigned int addresses = 1u << LIST_TO | 1u << LIST_FROM;

	return same_treatment(a, b) && !(differences(a, b) & ~addresses);
}

static bool fit_own(const struct rule *routed, const struct rule *own)
{
	struct rule same = *own;

	same.local = routed->local;
	return same_treatment(routed, &same) &&
	       !(differences(routed, own) & ~(1u << LIST_INTERFACES));
}

static int fuse_own(struct rule *routed, const struct rule *own)
{
	routed->local = TPROXY_LOCAL_YES;
	if (!routed->name[0])
		memcpy(routed->name, own->name, sizeof(routed->name));
	return 0;
}

/* Appends the draft and empties its place. */
static int move(struct drafts *to, struct draft *from)
{
	int err = array_room((void **)&to->items, to->n, &to->room, sizeof(*to->items));

	if (err)
		return err;
	to->items[to->n++] = *from;
	*from = (struct draft){ 0 };
	return 0;
}

/* The number of pairs that the rests of both lists can form, in order. */
static __u16 *count_pairs(const struct drafts *a, const struct drafts *b, const struct pairing *how)
{
	size_t width = b->n + 1;
	__u16 *pairs = calloc((a->n + 1) * width, sizeof(*pairs));

	for (size_t i = a->n; pairs && i-- > 0;)
		for (size_t j = b->n; j-- > 0;) {
			__u16 *here = &pairs[i * width + j];
			__u16 down = here[width], right = here[1];

			*here = down > right ? down : right;
			if (how->fit(&a->items[i].rule, &b->items[j].rule) &&
			    here[width + 1] >= *here)
				*here = (__u16)(here[width + 1] + 1);
		}
	return pairs;
}

static int pair_up(struct drafts *a, struct drafts *b, const struct pairing *how,
		   struct drafts *both)
{
	__cleanup_free __u16 *pairs = count_pairs(a, b, how);
	size_t i = 0, j = 0, width = b->n + 1;
	int err = pairs ? 0 : -ENOMEM;

	while (!err && (i < a->n || j < b->n)) {
		const __u16 *here = &pairs[i * width + j];

		if (j == b->n || (i < a->n && here[width] == *here)) {
			err = move(both, &a->items[i++]);
		} else if (i == a->n || here[1] == *here) {
			err = move(both, &b->items[j++]);
		} else {
			err = how->fuse(&a->items[i].rule, &b->items[j].rule);
			if (!err)
				err = move(both, &a->items[i++]);
			j++;
		}
	}
	return err;
}

int drafts_join_families(struct drafts *a, struct drafts *b, struct drafts *ret_both)
{
	static const struct pairing how = { fit_families, join };

	return pair_up(a, b, &how, ret_both);
}

int drafts_join_own(struct drafts *routed, struct drafts *own, struct drafts *ret_both)
{
	static const struct pairing how = { fit_own, fuse_own };

	return pair_up(routed, own, &how, ret_both);
}
