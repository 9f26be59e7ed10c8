/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/own/proxies.h"

#include <string.h>
#include <sys/stat.h>

#include "kernel/maps/policy_maps.h"
#include "kernel/own/exclude.h"
#include "kernel/own/paths.h"
#include "kernel/own/service.h"
#include "lib/listeners.h"
#include "lib/mapped.h"
#include "lib/socket_holders.h"
#include "lib/util.h"

#define LOOK_AGAIN 30 /* calls with the same listeners: a process may have been given one */

/* ---- which listeners ---------------------------------------------------- */

struct wanted {
	struct socket_inode *items; /* owned */
	size_t n, room;
};

static void free_wanted(struct wanted *wanted)
{
	free(wanted->items);
}
#define __cleanup_wanted __attribute__((cleanup(free_wanted)))

static int want(struct wanted *wanted, const struct listener *listener)
{
	if (!listener || !listener->inode)
		return 0;
	for (size_t i = 0; i < wanted->n; i++)
		if (wanted->items[i].inode == listener->inode)
			return 0;
	if (array_room((void **)&wanted->items, wanted->n, &wanted->room, sizeof(*wanted->items)))
		return -ENOMEM;
	wanted->items[wanted->n++] = (struct socket_inode){ .inode = listener->inode };
	return 0;
}

/* Those in the socket map: of relays, and those that were adopted. */
static int want_slots(const struct state *state, const struct listeners *all, struct wanted *wanted)
{
	int err = 0;

	for (__u32 slot = 0; slot < TPROXY_SOCKET_SLOTS && !err; slot++) {
		__u64 cookie = policy_maps_slot_cookie(state, slot);

		err = cookie ? want(wanted, listeners_by_cookie(all, cookie)) : 0;
	}
	return err;
}

static bool is_loopback(const __u8 *addr)
{
	static const __u8 loopback4[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };
	static const __u8 loopback6[16] = { [15] = 1 };

	return !memcmp(addr, loopback4, sizeof(loopback4)) ||
	       !memcmp(addr, loopback6, sizeof(loopback6));
}

/* Any address that a look-up for the proxy may find: its own, that of loopback, or none. */
static bool is_at_proxy(const struct listener *listener, const struct endpoint *proxy)
{
	static const __u8 any[16];
	__u8 addr[16];

	if (listener->port != proxy->port)
		return false;
	if (!memcmp(listener->addr, any, sizeof(any)))
		return true;
	if (!proxy->family)
		return is_loopback(listener->addr);
	mapped_from(proxy->family, proxy->addr, addr);
	return !memcmp(listener->addr, addr, sizeof(addr));
}

/* Every user may listen on the proxy's port, while the proxy is down or by the other protocol. */
static bool is_of_administrator(const struct listener *listener)
{
	return listener->transparent || !listener->uid;
}

/* All sockets of a group that shares the port. anybody: whichever user they belong to. */
static int want_port(const struct listeners *all, const struct endpoint *proxy, bool anybody,
		     struct wanted *wanted)
{
	int err = 0;

	for (size_t i = 0; i < all->n && !err; i++)
		if (is_at_proxy(&all->items[i], proxy) &&
		    (anybody || is_of_administrator(&all->items[i])))
			err = want(wanted, &all->items[i]);
	return err;
}

static int want_rules(const struct state *state, const struct listeners *all,
		      const struct policy *rules, struct wanted *wanted)
{
	bool slots = false;
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		const struct rule *rule = &rules->rules[i];

		if (!rule_is_proxy(rule))
			continue;
		slots |= !rule->proxy.port;
		if (rule->proxy.port)
			err = want_port(all, &rule->proxy, false, wanted);
	}
	return err || !slots ? err : want_slots(state, all, wanted);
}

/* Whoever listens at an upstream gets all that the relay sends: the policy protects nobody from him. */
static int find_wanted(const struct state *state, const struct own_upstreams *upstreams,
		       struct wanted *wanted)
{
	struct listeners all __cleanup_listeners = { 0 };
	struct policy rules __cleanup_policy = { 0 };
	int err = policy_maps_read_rules(state, &rules);

	if (!err)
		err = listeners_read(&all);
	if (!err)
		err = want_rules(state, &all, &rules, wanted);
	for (size_t i = 0; i < upstreams->n && !err; i++)
		err = want_port(&all, &upstreams->items[i], true, wanted);
	return err;
}

/* ---- whose -------------------------------------------------------------- */

static bool same_program(pid_t a, pid_t b)
{
	struct stat first, second;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)a);
	if (stat(path, &first))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)b);
	return !stat(path, &second) && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

/* Managers of services: what they start is not theirs. */
static bool is_manager(pid_t pid)
{
	struct holder holder;

	return pid == 1 || (holder_describe(pid, &holder) && !strcmp(holder.comm, "systemd"));
}

/* Does it only pass the listener on to a child that is another program? */
static bool passes_on(const struct socket_holders *holders, pid_t pid)
{
	if (is_manager(pid))
		return true;
	for (size_t i = 0; i < holders->n; i++)
		if (own_task_parent(holders->pids[i]) == pid &&
		    !same_program(pid, holders->pids[i]))
			return true;
	return false;
}

static int exclude_holder(const struct own_exclusion *x, pid_t pid)
{
	pid_t parent = own_task_parent(pid);
	int err = own_exclude_task(x, pid);

	if (err)
		return err == -ESRCH ? 0 : err;
	if (parent > 1 && !is_manager(parent) && same_program(pid, parent))
		err = own_exclude_task(x, parent);
	return err == -ESRCH ? 0 : err;
}

static int exclude_holders(const struct own_exclusion *x, const struct socket_holders *holders,
			   struct own_proxies *proxies)
{
	int err = 0;

	for (size_t i = 0; i < holders->n && !err; i++)
		if (!passes_on(holders, holders->pids[i]))
			err = exclude_holder(x, holders->pids[i]);
	for (size_t i = 0; i < holders->n && !err; i++)
		if (!passes_on(holders, holders->pids[i]))
			own_service_note(x, holders->pids[i], &proxies->services);
	return err;
}

/* ---- the whole ---------------------------------------------------------- */

static void report_unheld(const struct wanted *wanted, const struct own_proxies_report *report)
{
	char text[256];
	size_t n = 0;

	for (size_t i = 0; i < wanted->n; i++)
		n += !wanted->items[i].held;
	if (!n)
		return;
	snprintf(text, sizeof(text),
		 "%zu listeners of rules: the process of none of them is visible here, so its own "
		 "connections may come back to it (own-exclude = its cgroup, or own-proxy-mark)",
		 n);
	report->warn(text, report->arg);
}

static void report_failure(int err, const struct own_proxies_report *report)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "processes of proxies: cannot be left alone: %s, so their connections may come "
		 "back to them (own-exclude = their cgroups, or own-proxy-mark)",
		 err == -E2BIG ? "there are more than 4096 processes, or too many descriptors" :
				 strerror(-err));
	report->warn(text, report->arg);
}

/* FNV-1a of the inodes, in the order of the cookies and rules. */
static __u64 hash_of(const struct wanted *wanted)
{
	__u64 hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < wanted->n; i++)
		hash = (hash ^ wanted->items[i].inode) * 0x100000001b3ULL;
	return hash;
}

static bool must_look(struct own_proxies *proxies, const struct wanted *wanted)
{
	__u64 now = hash_of(wanted);
	bool same = now == proxies->seen && proxies->unchanged++ < LOOK_AGAIN;

	if (!same) {
		proxies->seen = now;
		proxies->unchanged = 0;
	}
	return !same;
}

/* Relays are asked only when their listeners are new, and every now and then: they can read another file. */
static int find_upstreams(const struct state *state, struct own_proxies *proxies,
			  struct wanted *wanted)
{
	own_upstreams_read(state, &proxies->upstreams);
	wanted->n = 0;
	return find_wanted(state, &proxies->upstreams, wanted);
}

static int look(const struct own_exclusion *x, struct own_proxies *proxies, struct wanted *wanted,
		const struct own_proxies_report *report)
{
	struct socket_holders holders __cleanup_holders = { .inodes = wanted->items,
							    .n_inodes = wanted->n };
	unsigned int dead;
	int err = wanted->n ? socket_holders_find(&holders) : 0;

	if (!err || err == -E2BIG)
		err = first_error(exclude_holders(x, &holders, proxies), err);
	own_forget_dead(x, &dead); /* who may not read all processes forgets none */
	if (err) {
		proxies->seen = 0;
		report_failure(err, report);
		return err;
	}
	if (proxies->warned != proxies->seen)
		report_unheld(wanted, report);
	proxies->warned = proxies->seen;
	return 0;
}

static int watch_cgroups(const struct state *state, struct own_proxies *proxies)
{
	struct owner_set excluded = { 0 };
	int err = own_paths_get(state, &excluded);

	for (size_t i = 0; i < excluded.n; i++)
		if (excluded.items[i].name)
			own_remade_watch(&proxies->remade, excluded.items[i].name);
	for (unsigned int i = 0; i < proxies->services.n; i++)
		own_remade_watch(&proxies->remade, proxies->services.paths[i]);
	owner_set_free(&excluded);
	return err;
}

int own_proxies_fd(const struct own_proxies *proxies)
{
	return own_remade_fd(&proxies->remade);
}

void own_proxies_drain(const struct own_proxies *proxies)
{
	own_remade_drain(&proxies->remade);
}

int own_exclude_proxies(const struct state *state, struct own_proxies *proxies,
			const struct own_proxies_report *report)
{
	struct own_exclusion x __cleanup_exclusion = OWN_EXCLUSION_CLOSED;
	struct wanted wanted __cleanup_wanted = { 0 };
	int followed, err = own_exclusion_open(state, &x);

	if (err)
		return err == -ENOENT ? 0 : err;
	own_service_follow(&x, &proxies->services);
	followed = own_paths_follow(state, &x);
	err = find_wanted(state, &proxies->upstreams, &wanted);
	if (!err && must_look(proxies, &wanted)) {
		err = find_upstreams(state, proxies, &wanted);
		proxies->seen = hash_of(&wanted);
		if (!err)
			err = look(&x, proxies, &wanted, report);
	}
	err = first_error(followed, err);
	return first_error(err, watch_cgroups(state, proxies));
}

void own_proxies_free(struct own_proxies *proxies)
{
	own_services_free(&proxies->services);
	own_remade_close(&proxies->remade);
	*proxies = (struct own_proxies){ 0 };
}
