/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/hook/hook.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <string.h>

#include "kernel/hook/clsact.h"
#include "kernel/hook/tcx.h"
#include "lib/log.h"

const char *const hook_names[HOOK_MAX] = {
	[HOOK_NONE] = "none",
	[HOOK_TCX] = "tcx",
	[HOOK_CLSACT] = "clsact",
};

void hook_site_make(struct hook_site *ret_site, struct nl *nl, int ifindex,
		    const struct state *state, const struct state *next)
{
	*ret_site = (struct hook_site){ .nl = nl,
					.ifindex = ifindex,
					.prog_fd = (next ? next : state)->prog[PROG_INGRESS] };
	state_link_path(state, ifindex, ret_site->link_path);
	owner_add(&ret_site->owner, state);
	if (next && next != state)
		owner_add(&ret_site->owner, next);
}

void hook_site_make_egress(struct hook_site *ret_site, struct nl *nl, int ifindex,
			   const struct state *state, const struct state *next)
{
	hook_site_make(ret_site, nl, ifindex, state, next);
	ret_site->side = HOOK_EGRESS;
	ret_site->prog_fd = (next ? next : state)->prog[PROG_EGRESS];
	state_egress_path(state, ifindex, ret_site->link_path);
}

bool hook_is_ours(const struct hook_site *site, __u32 prog_id)
{
	return prog_id && owner_has(&site->owner, prog_id) == OWNED_YES;
}

/* ---- links -------------------------------------------------------------- */

/*
 * A pinned link that still works. One whose device or namespace died, or that was detached a
 * moment before its pin could be removed, is useless.
 */
static int open_link(const char *link_path, bool (*alive)(const struct bpf_link_info *info),
		     struct bpf_link_info *ret_info)
{
	__cleanup_close int link = bpf_obj_get(link_path);
	__u32 len = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	if (link < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(link, ret_info, &len))
		return -errno;
	return alive(ret_info) ? take_fd(&link) : -ENOLINK;
}

/*
 * struct bpf_link_info of Linux 6.1 has no tcx member. A tcx link has its ifindex where xdp has it;
 * it is 0 once the device is gone.
 */
static bool is_on_device(const struct bpf_link_info *info)
{
	return info->xdp.ifindex != 0;
}

static bool is_on_netns(const struct bpf_link_info *info)
{
	return info->netns.netns_ino != 0;
}

/* The number alone says nothing: another device has it in another namespace. */
static bool has_link(int ifindex, enum hook_side side, __u32 link_id)
{
	struct tcx_chain chain;

	if (tcx_query_side(ifindex, side, &chain))
		return false;
	for (size_t i = 0; i < chain.n; i++)
		if (chain.items[i].link_id == link_id)
			return true;
	return false;
}

/* Our link, if it is on this device of this namespace. */
static int open_tcx(const struct hook_site *site)
{
	struct bpf_link_info info;
	__cleanup_close int link = open_link(site->link_path, is_on_device, &info);

	if (link < 0)
		return link;
	return has_link(site->ifindex, site->side, info.id) ? take_fd(&link) : -ENOLINK;
}

bool hook_moved_away(const struct hook_site *site)
{
	struct bpf_link_info info;
	__cleanup_close int link = open_link(site->link_path, is_on_device, &info);

	return link >= 0 && !has_link(site->ifindex, site->side, info.id) &&
	       !has_link((int)info.xdp.ifindex, site->side, info.id);
}

/* Pins a new link, in place of a dead one. */
static int pin_link(int link, const char *link_path)
{
	if (unlink(link_path) && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(link, link_path) ? -errno : 0;
}

static int attach_tcx(const struct hook_site *site, const struct hook_place *place)
{
	__u32 after = place ? place->after : 0;
	__cleanup_close int old = open_tcx(site);
	__cleanup_close int link = -1;

	if (old >= 0 && !(place && place->move))
		return bpf_link_update(old, site->prog_fd, NULL) ? -errno : 0;
	if (old >= 0)
		link = tcx_relink(old, site->prog_fd, site->ifindex, after);
	else
		link = tcx_link(site->prog_fd, site->ifindex, site->side, after);
	return link < 0 ? link : pin_link(link, site->link_path);
}

/* Ends the link at once: another process with a descriptor must not keep the program running. */
static int detach_link(const char *link_path)
{
	__cleanup_close int link = bpf_obj_get(link_path);

	if (link < 0)
		return errno == ENOENT ? 0 : -errno;
	/* ENOLINK: the device or namespace is dead already. */
	if (bpf_link_detach(link) && errno != ENOLINK)
		return -errno;
	return unlink(link_path) ? -errno : 0;
}

/* ---- filters ------------------------------------------------------------ */

/* Our filters; an interrupted move leaves two. */
static size_t own_filters(const struct hook_site *site, const struct clsact_list *list,
			  const struct clsact_filter *ret_own[], size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n && n < max; i++)
		if (hook_is_ours(site, list->items[i].prog_id))
			ret_own[n++] = &list->items[i];
	return n;
}

enum { MAX_OWN = 4 };

static int detach_filters(const struct hook_site *site, const struct clsact_filter *const own[],
			  size_t n)
{
	int result = 0;

	for (size_t i = 0; i < n; i++)
		result = first_error(result, clsact_detach(site->ifindex, site->side,
							   own[i]->priority, own[i]->handle));
	return result;
}

/* Filters of one priority share it by different handles. */
static __u32 free_handle(const struct clsact_list *list, __u32 priority)
{
	__u32 handle = TPROXY_TC_HANDLE;

	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].priority != priority || list->items[i].handle != handle)
			continue;
		handle++;
		i = (size_t)-1; /* from the beginning */
	}
	return handle;
}

static int attach_clsact(const struct hook_site *site, const struct hook_place *place)
{
	struct clsact_list list __cleanup_clsact = { 0 };
	const struct clsact_filter *own[MAX_OWN];
	__u32 priority = place ? place->priority : 1;
	int err = clsact_filters_side(site->nl, site->ifindex, site->side, &list);
	size_t n = err ? 0 : own_filters(site, &list, own, MAX_OWN);

	if (err)
		return err;
	if (n && !(place && place->move)) {
		err = clsact_replace(site->ifindex, site->side, site->prog_fd, own[0]->priority,
				     own[0]->handle);
		return err ? err : detach_filters(site, own + 1, n - 1);
	}
	err = clsact_attach(site->ifindex, site->side, site->prog_fd, priority,
			    free_handle(&list, priority));
	return err ? err : detach_filters(site, own, n);
}

static bool has_filter(const struct hook_site *site)
{
	struct clsact_list list __cleanup_clsact = { 0 };
	const struct clsact_filter *own[1];

	return !clsact_filters_side(site->nl, site->ifindex, site->side, &list) &&
	       own_filters(site, &list, own, 1);
}

static int detach_clsact(const struct hook_site *site)
{
	struct clsact_list list __cleanup_clsact = { 0 };
	const struct clsact_filter *own[MAX_OWN];
	int err = clsact_filters_side(site->nl, site->ifindex, site->side, &list);

	return err ? err : detach_filters(site, own, own_filters(site, &list, own, MAX_OWN));
}

/* ---- either ------------------------------------------------------------- */

enum hook hook_present(const struct hook_site *site)
{
	__cleanup_close int link = open_tcx(site);

	if (link >= 0)
		return HOOK_TCX;
	return has_filter(site) ? HOOK_CLSACT : HOOK_NONE;
}

int hook_attach(const struct hook_site *site, enum hook hook, const struct hook_place *place)
{
	return hook == HOOK_TCX ? attach_tcx(site, place) : attach_clsact(site, place);
}

int hook_detach(const struct hook_site *site, enum hook hook)
{
	return hook == HOOK_CLSACT ? detach_clsact(site) : detach_link(site->link_path);
}

/* ---- sk_lookup ---------------------------------------------------------- */

/* Our link; -ENOLINK: its pin is there, but it is dead. */
static int open_lookup(const struct state *state)
{
	struct bpf_link_info info;
	char path[STATE_PATH_LEN];

	return open_link(state_lookup_path(state, path), is_on_netns, &info);
}

int hook_lookup_attach(const struct state *state)
{
	const int prog_fd = state->prog[PROG_LOOKUP];
	__cleanup_close int netns = -1;
	__cleanup_close int link = open_lookup(state);
	char path[STATE_PATH_LEN];

	if (link >= 0)
		return bpf_link_update(link, prog_fd, NULL) ? -errno : 0;
	netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return -errno;
	link = bpf_link_create(prog_fd, netns, BPF_SK_LOOKUP, NULL);
	return link < 0 ? -errno : pin_link(link, state_lookup_path(state, path));
}

int hook_lookup_move(const struct state *state, const struct state *next)
{
	__cleanup_close int link = open_lookup(state);

	if (link < 0)
		return 0;
	return bpf_link_update(link, next->prog[PROG_LOOKUP], NULL) ? -errno : 0;
}

bool hook_lookup_present(const struct state *state)
{
	__cleanup_close int link = open_lookup(state);

	return link >= 0;
}

bool hook_lookup_is_dead(const struct state *state)
{
	__cleanup_close int link = open_lookup(state);

	return link == -ENOLINK;
}

int hook_lookup_detach(const struct state *state)
{
	char path[STATE_PATH_LEN];

	return detach_link(state_lookup_path(state, path));
}
