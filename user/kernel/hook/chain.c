/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/hook/chain.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/hook/clsact.h"
#include "kernel/hook/tcx.h"

#define MAX_DEPTH 4 /* bridge, bond, VLAN, hardware */
#define MAX_PRIORITY 0xffff

struct reading {
	const struct hook_site *site;
	const struct after *after;
	struct chain *chain;
	struct device *devices; /* of the namespace; owned */
	size_t n;
};

static void note_blind(struct chain *chain, int err)
{
	if (err && err != -ENODEV && !chain->blind)
		chain->blind = err;
}

/* The name that --after gives it; `otherwise` where the kernel does not show one. */
static void name_program(struct chain_program *program, const char *otherwise)
{
	struct program facts;

	snprintf(program->name, sizeof(program->name), "%s", otherwise);
	if (program->id && !program_by_id(program->id, &facts) && *facts.name)
		snprintf(program->name, sizeof(program->name), "%s", facts.name);
}

static bool is_acknowledged(const struct after *after, __u32 id, const char *otherwise)
{
	struct chain_program program = { .id = id };

	name_program(&program, otherwise);
	return after_has(after, program.name, id);
}

/*
 * A program of another state: it lets packets continue, and without this rule each of two states
 * would move before the other for ever.
 */
static bool is_neutral(const char *name)
{
	return !strcmp(name, state_prog_name(PROG_INGRESS));
}

static bool is_neutral_id(__u32 id)
{
	struct chain_program program = { .id = id };

	name_program(&program, "");
	return is_neutral(program.name);
}

static void add(struct reading *r, const struct device *device, struct chain_program *program)
{
	struct chain *chain = r->chain;

	if (hook_is_ours(r->site, program->id))
		return;
	if (chain->n == CHAIN_MAX) {
		chain->more++;
		return;
	}
	snprintf(program->device, sizeof(program->device), "%s", device->name);
	program->acknowledged =
		is_neutral(program->name) || after_has(r->after, program->name, program->id);
	chain->items[chain->n++] = *program;
}

/* ---- XDP ---------------------------------------------------------------- */

struct xdp {
	__u8 mode; /* XDP_ATTACHED_… */
	__u32 driver, generic, hardware;
};

static int read_xdp(const struct nlmsghdr *msg, void *data)
{
	const struct nlattr *attr[IFLA_MAX + 1], *nested[IFLA_XDP_MAX + 1];
	struct nl_attrs attrs = { attr, IFLA_MAX }, inner = { nested, IFLA_XDP_MAX };
	struct xdp *xdp = data;

	nl_parse(msg, sizeof(struct ifinfomsg), &attrs);
	if (!attr[IFLA_XDP])
		return MNL_CB_OK;
	nl_parse_nested(attr[IFLA_XDP], &inner);
	xdp->driver = nl_attr_u32(nested[IFLA_XDP_DRV_PROG_ID], 0);
	xdp->generic = nl_attr_u32(nested[IFLA_XDP_SKB_PROG_ID], 0);
	xdp->hardware = nl_attr_u32(nested[IFLA_XDP_HW_PROG_ID], 0);
	return MNL_CB_OK;
}

static void add_xdp_program(struct reading *r, const struct device *device, const char *mode,
			    __u32 id)
{
	struct chain_program program = { .id = id };

	if (!id)
		return;
	snprintf(program.what, sizeof(program.what), "%s XDP program", mode);
	name_program(&program, "");
	add(r, device, &program);
}

static void add_xdp(struct reading *r, const struct device *device)
{
	struct nl *nl = r->site->nl;
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
	struct xdp xdp = { 0 };

	info->ifi_index = device->ifindex;
	note_blind(r->chain, nl_query(nl, msg, read_xdp, &xdp));
	add_xdp_program(r, device, "offloaded", xdp.hardware);
	add_xdp_program(r, device, "native", xdp.driver);
	add_xdp_program(r, device, "generic", xdp.generic);
}

/* ---- tcx and filters ---------------------------------------------------- */

/* Those before ours; all if ours is not there. */
static void add_tcx(struct reading *r, const struct device *device, bool with_ours)
{
	struct tcx_chain tcx = { .n = 0 };

	note_blind(r->chain, tcx_query(device->ifindex, &tcx));
	for (size_t i = 0; i < tcx.n; i++) {
		struct chain_program program = { .what = "tcx program",
						 .id = tcx.items[i].prog_id };

		if (with_ours && hook_is_ours(r->site, program.id))
			return;
		name_program(&program, "");
		add(r, device, &program);
	}
}

static void add_filters(struct reading *r, const struct device *device, bool with_ours)
{
	struct clsact_list list __cleanup_clsact = { 0 };

	note_blind(r->chain, clsact_filters(r->site->nl, device->ifindex, &list));
	for (size_t i = 0; i < list.n; i++) {
		const struct clsact_filter *filter = &list.items[i];
		struct chain_program program = { .id = filter->prog_id,
						 .priority = filter->priority };

		if (with_ours && hook_is_ours(r->site, filter->prog_id))
			return;
		snprintf(program.what, sizeof(program.what), "%s filter", filter->kind);
		name_program(&program, filter->prog_id ? filter->name : filter->kind);
		add(r, device, &program);
	}
}

/* ---- devices below ------------------------------------------------------ */

static bool is_kind(const struct device *device, const char *const kinds[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(device->kind, kinds[i]))
			return true;
	return false;
}

static bool has_ports(const struct device *device)
{
	static const char *const kinds[] = { "bond", "bridge", "team" };

	return is_kind(device, kinds, ARRAY_SIZE(kinds));
}

static bool has_parent(const struct device *device)
{
	static const char *const kinds[] = { "vlan", "macvlan", "macvtap" };

	return device->parent && is_kind(device, kinds, ARRAY_SIZE(kinds));
}

static bool is_below(const struct device *lower, const struct device *device)
{
	return (has_ports(device) && lower->master == device->ifindex) ||
	       (has_parent(device) && lower->ifindex == device->parent);
}

static void add_lower(struct reading *r, const struct device *device, int depth)
{
	for (size_t i = 0; i < r->n && depth < MAX_DEPTH; i++) {
		const struct device *lower = &r->devices[i];

		if (!is_below(lower, device))
			continue;
		add_lower(r, lower, depth + 1);
		add_xdp(r, lower);
		add_tcx(r, lower, false);
		add_filters(r, lower, false);
	}
}

void chain_read(const struct hook_site *site, const struct device *device, enum hook hook,
		const struct after *after, struct chain *ret_chain)
{
	struct reading r = { .site = site, .after = after, .chain = ret_chain };

	*ret_chain = (struct chain){ .n = 0 };
	if (has_ports(device) || has_parent(device)) {
		note_blind(ret_chain, device_list(site->nl, &r.devices, &r.n));
		add_lower(&r, device, 0);
		free(r.devices);
	}
	add_xdp(&r, device);
	add_tcx(&r, device, hook == HOOK_TCX);
	if (hook == HOOK_CLSACT)
		add_filters(&r, device, true);
}

const struct chain_program *chain_unknown(const struct chain *chain)
{
	for (size_t i = 0; i < chain->n; i++)
		if (!chain->items[i].acknowledged)
			return &chain->items[i];
	return NULL;
}

bool chain_has(const struct chain *chain, const char *name)
{
	struct after one = { .n = 0 };

	after_append(&one, name);
	for (size_t i = 0; i < chain->n; i++)
		if (after_has(&one, chain->items[i].name, chain->items[i].id))
			return true;
	return false;
}

char *chain_text(const struct chain_program *program, char *buf, size_t size)
{
	char id[24] = "", priority[32] = "";

	if (program->id)
		snprintf(id, sizeof(id), " (id %u)", program->id);
	if (program->priority)
		snprintf(priority, sizeof(priority), " of priority %u", program->priority);
	if (!program->id && program->priority)
		snprintf(buf, size, "%s%s", program->what, priority);
	else
		snprintf(buf, size, "%s%s%s%s%s", program->what, *program->name ? " " : "",
			 program->name, id, priority);
	return buf;
}

/* ---- our place ---------------------------------------------------------- */

static int place_tcx(const struct hook_site *site, const struct after *after, bool follow,
		     struct hook_place *place)
{
	struct tcx_chain tcx;
	int err = tcx_query(site->ifindex, &tcx);
	size_t ours, last = 0; /* last: the place after the last acknowledged one */

	if (err)
		return err;
	for (ours = 0; ours < tcx.n; ours++)
		if (hook_is_ours(site, tcx.items[ours].prog_id))
			break;
	for (size_t i = 0; i < (follow ? tcx.n : ours); i++)
		if (i != ours && is_acknowledged(after, tcx.items[i].prog_id, ""))
			last = i + 1;
	while (last < ours && is_neutral_id(tcx.items[last].prog_id))
		last++;
	place->after = last ? tcx.items[last - 1].prog_id : 0;
	place->move = ours != last;
	return 0;
}

/* BPF programs may share a priority; a new one runs first there (cls_bpf_change). */
static bool is_open(const struct hook_site *site, const struct clsact_list *list, __u32 priority)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].priority == priority &&
		    !hook_is_ours(site, list->items[i].prog_id) &&
		    (strcmp(list->items[i].kind, "bpf") ||
		     list->items[i].protocol != htons(ETH_P_ALL)))
			return false;
	return true;
}

static size_t count_before(const struct clsact_list *list, __u32 priority)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += list->items[i].priority < priority;
	return n;
}

/* Are there filters in between, and all of them of other states? */
static bool is_after_neutral(const struct clsact_list *list, size_t from, size_t ours)
{
	if (from >= ours)
		return false;
	while (from < ours && is_neutral_id(list->items[from].prog_id))
		from++;
	return from == ours;
}

static int place_filter(const struct hook_site *site, const struct after *after, bool follow,
			struct hook_place *place)
{
	struct clsact_list list __cleanup_clsact = { 0 };
	int err = clsact_filters(site->nl, site->ifindex, &list);
	size_t ours, last = 0; /* last: the place after the last acknowledged one */
	__u32 priority;

	if (err)
		return err;
	for (ours = 0; ours < list.n; ours++)
		if (hook_is_ours(site, list.items[ours].prog_id))
			break;
	for (size_t i = 0; i < (follow ? list.n : ours); i++) {
		const struct clsact_filter *filter = &list.items[i];

		if (is_acknowledged(after, filter->prog_id,
				    filter->prog_id ? filter->name : filter->kind))
			last = i + 1;
	}
	priority = last ? list.items[last - 1].priority + 1 : 1;
	if (ours < list.n && is_after_neutral(&list, last, ours)) {
		place->priority = list.items[ours].priority;
		place->move = false;
		return 0;
	}
	while (!is_open(site, &list, priority))
		priority++;
	place->priority = priority;
	place->move = ours == list.n || last > ours || count_before(&list, priority) < ours ||
		      priority < list.items[ours].priority;
	return priority > MAX_PRIORITY ? -ENOSPC : 0;
}

int chain_place(const struct hook_site *site, enum hook hook, const struct after *after,
		bool follow, struct hook_place *ret_place)
{
	struct hook_place place = { .priority = 1 };
	int err = hook == HOOK_TCX ? place_tcx(site, after, follow, &place) :
				     place_filter(site, after, follow, &place);

	if (!err)
		*ret_place = place;
	return err;
}
