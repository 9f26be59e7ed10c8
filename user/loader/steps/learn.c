/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/learn.h"

#include <netinet/in.h>
#include <string.h>

#include "kernel/flows/capture.h"
#include "kernel/flows/conntrack.h"
#include "kernel/flows/flowset.h"
#include "kernel/flows/sockdiag.h"
#include "kernel/maps/older.h"
#include "kernel/maps/policy_maps.h"
#include "kernel/routing/route.h"
#include "lib/addrset.h"
#include "lib/mapped.h"
#include "loader/steps/iface.h"
#include "policy/takes.h"

/* More than the map holds, to report for how many there is no room. */
#define MAX_FLOWS (2 * TPROXY_MAX_OLDER)

struct learn_iface {
	int ifindex;
	char name[IF_NAMESIZE];
	tproxy_mask before, after; /* rules in force */
};

struct learning {
	struct session *session;
	const struct learn *learn;
	struct learn_iface *ifaces; /* where the new policy takes more */
	size_t n, room;
	bool gives_back; /* on some interface the new policy may take fewer flows */
	struct tables before, after;
	struct addrset local;
	struct flowset flows;
	struct foreign_flow *sockets; /* connected UDP sockets of this host */
	size_t n_sockets;
	struct flowset peers; /* the peers of those, as destinations without a source */
	size_t learned, without_room;
};

static void learning_free(struct learning *l)
{
	free(l->ifaces);
	tables_free(&l->before);
	tables_free(&l->after);
	addrset_free(&l->local);
	flowset_free(&l->flows);
	free(l->sockets);
	flowset_free(&l->peers);
}
#define __cleanup_learning __attribute__((cleanup(learning_free)))

int learn_take_seconds(const char *value, unsigned int *ret_seconds)
{
	const char *why;
	__u32 seconds;

	if (parse_u32(value, 0, CONFIG_LEARN_MAX_S, &seconds, &why)) {
		log_error("--learn %s: %s (0 to %d seconds)", value, why, CONFIG_LEARN_MAX_S);
		return -EINVAL;
	}
	*ret_seconds = seconds;
	return 0;
}

/* ---- interfaces --------------------------------------------------------- */

/* 0 or -ENOMEM; adds it only if the new policy may take more flows there. */
static int add_iface(struct learning *l, const struct learn_iface *iface)
{
	const struct policy_in_force before = { l->learn->before, iface->before };
	const struct policy_in_force after = { l->learn->after, iface->after };
	int err = takes_more_udp(&after, &before);

	l->gives_back |= err > 0;
	if (err >= 0)
		err = takes_more_udp(&before, &after);
	if (err <= 0)
		return err;
	err = array_room((void **)&l->ifaces, l->n, &l->room, sizeof(*l->ifaces));
	if (!err)
		l->ifaces[l->n++] = *iface;
	return err;
}

static int add_attached(struct learning *l)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = policy_maps_ifaces(&l->session->state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		const struct tproxy_iface *value = &ifaces[i].value;
		struct learn_iface iface = { .ifindex = (int)ifaces[i].ifindex,
					     .before = value->mask };

		if (!(value->roles & TPROXY_ROLE_POLICY))
			continue;
		memcpy(iface.name, value->name, sizeof(iface.name));
		iface.after = policy_rules_on(l->learn->after, iface.name);
		err = add_iface(l, &iface);
	}
	return err;
}

static int add_new(struct learning *l)
{
	int err = 0;

	for (size_t i = 0; i < l->learn->n_new && !err; i++) {
		const struct device *device = &l->learn->new[i];
		struct learn_iface iface = { .ifindex = device->ifindex };
		struct tproxy_iface entry = { 0 };

		policy_maps_iface_get(&l->session->state, (__u32)device->ifindex, &entry);
		if (entry.roles & TPROXY_ROLE_POLICY)
			continue;
		memcpy(iface.name, device->name, sizeof(iface.name));
		iface.after = policy_rules_on(l->learn->after, iface.name);
		err = add_iface(l, &iface);
	}
	return err;
}

static int find_ifaces(struct learning *l)
{
	/* Before the first attach a dry run has no state. */
	int err = l->session->state.map[MAP_IFACES] < 0 ? 0 : add_attached(l);

	return err ? err : add_new(l);
}

static const struct learn_iface *find_iface(const struct learning *l, int ifindex)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->ifaces[i].ifindex == ifindex)
			return &l->ifaces[i];
	return NULL;
}

/* ---- flows -------------------------------------------------------------- */

static enum tproxy_action action_of(const struct tables *tables, tproxy_mask mask,
				    const struct tproxy_flow_key *key)
{
	int rule = takes_flow(tables, mask, key);

	return rule < 0 ? TPROXY_ACTION_PASS : (enum tproxy_action)tables->rules[rule].action;
}

/* Does it pass now, and would the new policy intercept it? */
static bool is_taken_over(const struct learning *l, const struct learn_iface *iface,
			  const struct tproxy_flow_key *key)
{
	enum tproxy_action before = action_of(&l->before, iface->before, key);

	return action_of(&l->after, iface->after, key) == TPROXY_ACTION_PROXY &&
	       (before == TPROXY_ACTION_PASS || before == TPROXY_ACTION_AUDIT);
}

static bool is_for_this_host(const struct learning *l, const struct tproxy_flow_key *key)
{
	struct addrset_key address;

	memcpy(address.addr, key->dst, sizeof(address.addr));
	return addrset_has(&l->local, &address);
}

/*
 * A datagram that comes in belongs to a flow that passes only if it, or an answer to it, leaves
 * again. If a firewall or a missing route stops the client's datagrams, the proxy may take them.
 */
static void see_datagram(const struct capture_datagram *datagram, void *arg)
{
	struct learning *l = arg;
	struct tproxy_flow_key answered = flow_key_reverse(&datagram->key);
	const struct learn_iface *iface;
	struct flow_entry *entry;

	if (datagram->leaves) {
		entry = flowset_find(&l->flows, &datagram->key);
		if (entry)
			entry->marked = true;
		entry = flowset_find(&l->flows, &answered);
		if (entry)
			entry->marked = true;
		return;
	}
	iface = find_iface(l, datagram->ifindex);
	if (iface && is_taken_over(l, iface, &datagram->key) &&
	    !is_for_this_host(l, &datagram->key))
		flowset_add(&l->flows, &datagram->key);
}

static struct tproxy_flow_key destination_of(const struct tproxy_flow_key *key)
{
	struct tproxy_flow_key to = *key;

	memset(to.src, 0, sizeof(to.src));
	to.sport = 0;
	return to;
}

static struct tproxy_flow_key socket_flow(const struct foreign_flow *socket)
{
	const struct inet_diag_sockid *id = &socket->id;
	struct tproxy_flow_key key;

	flow_key_make(&key, socket->family, id->idiag_src, id->idiag_dst);
	key.sport = id->idiag_sport;
	key.dport = id->idiag_dport;
	return key;
}

static int list_sockets(struct learning *l)
{
	int err = sockdiag_list_udp(&l->sockets, &l->n_sockets);

	if (!err)
		err = flowset_open(&l->peers, l->n_sockets);
	for (size_t i = 0; i < l->n_sockets && !err; i++) {
		struct tproxy_flow_key key = socket_flow(&l->sockets[i]), to = destination_of(&key);

		flowset_add(&l->peers, &to);
	}
	return err;
}

/*
 * In connection tracking a relayed flow looks like a forwarded one, as answers leave this host
 * with the server's address. It is listed even after the interface was detached.
 */
static bool may_be_relayed(const struct learning *l, const struct tproxy_flow_key *key)
{
	struct tproxy_flow_key to = destination_of(key);

	return flowset_find(&l->peers, &to) ||
	       takes_flow_somewhere(&l->before, l->learn->before, key);
}

/* Connection tracking does not show where a datagram comes in; the route to its source does. */
static void see_tracked(const struct tproxy_flow_key *key, void *arg)
{
	struct learning *l = arg;
	__u8 source[16];
	const __u8 family = mapped_to(key->src, source);
	const struct tproxy_flow_key answered = flow_key_reverse(key);
	const struct learn_iface *iface = NULL;
	struct flow_entry *entry;
	bool concerns = false;

	for (size_t i = 0; i < l->n && !concerns; i++)
		concerns = is_taken_over(l, &l->ifaces[i], key);
	if (!concerns || is_for_this_host(l, key) || may_be_relayed(l, key) ||
	    may_be_relayed(l, &answered))
		return;
	iface = find_iface(l, route_output(&l->session->nl, family, source));
	if (!iface || !is_taken_over(l, iface, key))
		return;
	entry = flowset_add(&l->flows, key);
	if (entry)
		entry->marked = true;
}

/* If a socket here has the flow, no rule decides about its packets. */
static void forget_owned(struct learning *l)
{
	for (size_t i = 0; i < l->n_sockets; i++) {
		struct tproxy_flow_key key = socket_flow(&l->sockets[i]);
		struct tproxy_flow_key comes = flow_key_reverse(&key);
		struct flow_entry *entry = flowset_find(&l->flows, &comes);

		if (entry)
			entry->marked = false;
	}
}

/* ---- learning ----------------------------------------------------------- */

static void show_watching(const struct learning *l)
{
	char names[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < l->n && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
					l->ifaces[i].name);
	log_step("learn UDP flows on %s for %u s", names, l->learn->seconds);
}

static void watch(struct learning *l)
{
	__cleanup_close int fd = capture_open();
	unsigned int lost = 0;
	int err = fd < 0 ? fd : 0;

	show_watching(l);
	if (!err)
		err = capture_run(fd, l->learn->seconds, see_datagram, l, &lost);
	if (err)
		log_warn("cannot watch for UDP flows: %s (present flows may be intercepted)",
			 strerror(-err));
	if (lost)
		log_warn("%u datagrams came faster than they were read: some UDP flows may have "
			 "been missed, and be intercepted",
			 lost);
}

/* Watches first: the other lists must be read just before the new policy is in force. */
static void collect(struct learning *l)
{
	int err;

	if (!l->learn->no_watch)
		watch(l);
	err = list_sockets(l);
	if (err) {
		log_debug("flows of sockets: cannot list them: %s", strerror(-err));
		return;
	}
	err = conntrack_walk(see_tracked, l);
	if (err)
		log_debug("connection tracking: cannot list it: %s", strerror(-err));
	forget_owned(l);
}

static int enter(const struct flow_entry *entry, void *arg)
{
	struct learning *l = arg;
	int err = entry->marked ? older_add(&l->session->state, &entry->key) : 0;

	if (err == -E2BIG) {
		l->without_room++;
		return 0;
	}
	l->learned += !err && entry->marked;
	return err;
}

static void report(const struct learning *l)
{
	size_t more = l->without_room + l->flows.refused;

	if (l->learned)
		log_info("%zu older UDP flow%s not intercepted until idle for a minute", l->learned,
			 l->learned == 1 ? " is" : "s are");
	if (more)
		log_warn("the map of older UDP flows is full: %zu%s do not fit and will be "
			 "intercepted",
			 more, l->flows.refused ? " or more" : "");
}

static int prepare(struct learning *l)
{
	int err = tables_compile(l->learn->before, &l->before);

	if (!err)
		err = tables_compile(l->learn->after, &l->after);
	if (!err)
		err = addrset_read(&l->local, &l->session->nl);
	return err ? err : flowset_open(&l->flows, MAX_FLOWS);
}

void learn_flows(struct session *session, const struct learn *learn)
{
	struct learning l __cleanup_learning = { .session = session, .learn = learn };
	int err;

	err = find_ifaces(&l);
	if (!err && l.gives_back)
		log_step("relayed UDP flows that no rule takes any more: their datagrams go to the "
			 "servers, which see another source");
	if (!learn->seconds || (!err && !l.n))
		return;
	if (!err && session->dry_run) {
		show_watching(&l);
		return;
	}
	if (!err)
		err = prepare(&l);
	if (!err)
		err = older_purge(&session->state);
	if (!err) {
		collect(&l);
		err = flowset_walk(&l.flows, enter, &l);
	}
	if (err)
		log_warn("cannot learn UDP flows: %s (present flows may be intercepted)",
			 strerror(-err));
	report(&l);
}
