/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How do the running relays fare? Packets may all arrive, and flows still fail: for lack of
 * descriptors or ports, or because the proxy behind the relay is down. The relay counts these.
 */
#include <string.h>

#include "loader/check/list.h"
#include "loader/check/tools/asked.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/sysctl.h"

#define RECENT_MS 30000 /* an older trouble is over */
#define FEW_FLOWS 1000  /* descriptors for flows; a connection takes two */
#define FEW_PORTS 10000 /* of 28232, the kernel's default */
#define GOOD_RANGE "16384 60999"
#define GOOD_NOFILE 262144

static bool is_recent(const struct flows_event *event)
{
	return event->count && event->ago_ms < RECENT_MS;
}

/* ---- silence ------------------------------------------------------------ */

/*
 * The process that has the first listener of this relay, whose name begins with its port. Another
 * one may be registered.
 */
static bool find_holder(const struct checkup *c, const struct asked *asked,
			struct holder *ret_holder)
{
	struct listening l __cleanup_listening = { .slots = { { 0 } } };
	const unsigned long port = strtoul(asked->relay.name, NULL, 10);

	if (listening_open(&l, &c->session->state))
		return false;
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		const struct listener *listener =
			listeners_by_cookie(&l.listeners, l.slots[cls][0]);

		if (l.slots[cls][0] && listener && listener->port == port &&
		    listener_holder(listener, ret_holder))
			return true;
	}
	return false;
}

static void report_silent(struct checkup *c, const struct asked *asked)
{
	struct problem *p = problem_add(&c->problems, "relay-silent", VERDICT_BROKEN, NULL, NULL);
	struct holder holder;

	problem_text(p,
		     "tproxy-relay %s runs and does not answer: its flows hang, and new ones are "
		     "accepted by the kernel alone",
		     asked->relay.name);
	if (!find_holder(c, asked, &holder))
		problem_next(p, "systemctl restart tproxy-relay");
	else if (holder.stopped)
		problem_next(p, "kill -CONT %d; it was stopped by a signal", (int)holder.pid);
	else
		problem_next(p, "systemctl restart tproxy-relay; or kill -KILL %d and start it",
			     (int)holder.pid);
}

/* ---- descriptors -------------------------------------------------------- */

static void check_descriptors(struct checkup *c, const struct asked *asked)
{
	const struct flows_status *s = &asked->told.status;
	char name[ASKED_NAME_LEN];
	struct problem *p;

	if (!is_recent(&s->limited) && s->descriptors >= FEW_FLOWS) {
		checkup_evidence(c, "%u of %u descriptors for flows are left", s->descriptors_left,
				 s->descriptors);
		return;
	}
	p = problem_add(&c->problems, "descriptors-short", VERDICT_DEGRADED, NULL, NULL);
	if (is_recent(&s->limited))
		problem_text(p,
			     "%s refused or ended %llu flows for lack of descriptors or memory, "
			     "the latest %llu s ago; it has %llu descriptors",
			     asked_name(asked, name), (unsigned long long)s->limited.count,
			     (unsigned long long)s->limited.ago_ms / 1000,
			     (unsigned long long)s->nofile);
	else
		problem_text(p, "%s has only %llu descriptors: room for some %u connections",
			     asked_name(asked, name), (unsigned long long)s->nofile,
			     s->descriptors / 2);
	problem_next(
		p,
		"systemctl edit tproxy-relay; set LimitNOFILE=%d there and restart it, or begin "
		"it after ulimit -n %d",
		GOOD_NOFILE, GOOD_NOFILE);
}

/* ---- ports -------------------------------------------------------------- */

/* 0: unknown. */
static unsigned int ports_of_range(void)
{
	__u64 range[2];

	if (sysctl_numbers("net/ipv4/ip_local_port_range", range, 2) != 2 || range[0] > range[1])
		return 0;
	return (unsigned int)(range[1] - range[0] + 1);
}

static bool reuses_time_wait(void)
{
	__u64 value;

	return sysctl_numbers("net/ipv4/tcp_tw_reuse", &value, 1) == 1 && value == 1;
}

/* They ran out, with a range that is not small. */
static void next_for_ports(struct problem *p)
{
	if (!reuses_time_wait())
		problem_next(p, "sysctl -w net.ipv4.tcp_tw_reuse=1");
	else
		problem_next(p, "give the relay more addresses: source = ADDR ADDR in [relay]");
}

static void check_ports(struct checkup *c, const struct asked *asked)
{
	const struct flows_status *s = &asked->told.status;
	unsigned int ports = ports_of_range();
	bool few = ports && ports < FEW_PORTS;
	char name[ASKED_NAME_LEN];
	struct problem *p;

	if (few) {
		p = problem_add(&c->problems, "port-range-small", VERDICT_DEGRADED, NULL, NULL);
		problem_text(p,
			     "this host has %u ports for connections to one server: %s refuses "
			     "the next one (%llu so far)",
			     ports, asked_name(asked, name), (unsigned long long)s->no_port.count);
		problem_next(p, "sysctl -w net.ipv4.ip_local_port_range=\"" GOOD_RANGE "\"");
		return;
	}
	if (!is_recent(&s->no_port))
		return;
	p = problem_add(&c->problems, "no-free-port", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p,
		     "%s had no free port for %llu flows, the latest %llu s ago: all %u are in use "
		     "towards one server",
		     asked_name(asked, name), (unsigned long long)s->no_port.count,
		     (unsigned long long)s->no_port.ago_ms / 1000, ports);
	next_for_ports(p);
}

/* ---- loops -------------------------------------------------------------- */

/* Two: one may be a client that happens to choose the same port. */
static void check_loop(struct checkup *c, const struct asked *asked)
{
	const struct flows_event *loop = &asked->told.status.loop;
	char name[ASKED_NAME_LEN];
	struct problem *p;

	if (!is_recent(loop) || loop->count < 2)
		return;
	p = problem_add(&c->problems, "loop", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p,
		     "%llu flows of %s itself came back to it, the latest %llu s ago: a route "
		     "leads them here again until their TTL ends the loop",
		     (unsigned long long)loop->count, asked_name(asked, name),
		     (unsigned long long)loop->ago_ms / 1000);
	problem_next(p, "tproxy-loader flows; correct the route to the destination of those with "
			"the word loop, here or at the next router");
}

/* ---- upstreams ---------------------------------------------------------- */

static void check_upstreams(struct checkup *c, const struct asked *asked)
{
	const struct flows_status *s = &asked->told.status;
	char name[ASKED_NAME_LEN];
	struct problem *p;

	if (!s->upstreams_down) {
		if (s->upstreams)
			checkup_evidence(c, "%u upstreams are up", s->upstreams);
		return;
	}
	p = problem_add(&c->problems, "upstream-down",
			s->upstreams_down == s->upstreams ? VERDICT_BROKEN : VERDICT_DEGRADED, NULL,
			NULL);
	problem_text(p, "%u of %u upstream proxies of %s do not work, such as %s%s",
		     s->upstreams_down, s->upstreams, asked_name(asked, name), s->upstream_down,
		     s->upstreams_down == s->upstreams ? ": new flows through them are refused" :
							 "");
	problem_next(p, "start it, or correct upstream in the configuration and reload: systemctl "
			"reload tproxy-relay");
}

/* ---- all ---------------------------------------------------------------- */

static void judge(struct checkup *c, const struct asked *asked, void *unused)
{
	(void)unused;
	if (asked->err == -ETIMEDOUT)
		report_silent(c, asked);
	if (asked->err)
		return;
	checkup_evidence(c, "tproxy-relay %s of version %s", asked->relay.name,
			 asked->told.status.version);
	check_descriptors(c, asked);
	if (asked->told.status.flags & FLOWS_OWN_PORTS)
		check_ports(c, asked);
	check_loop(c, asked);
	check_upstreams(c, asked);
}

struct unbound {
	bool found;
	struct asked one;
};

/* One that is bound to a device is named by rules and never registers. */
static void find_unbound(struct checkup *c, const struct asked *asked, void *arg)
{
	struct unbound *unbound = arg;

	(void)c;
	if (!unbound->found && !strchr(asked->relay.name, '%'))
		*unbound = (struct unbound){ .found = true, .one = *asked };
}

/* A relay runs, and the socket map has none of its listeners. */
static void check_registered(struct checkup *c)
{
	struct listening l __cleanup_listening = { .slots = { { 0 } } };
	struct unbound unbound = { .found = false };
	char name[ASKED_NAME_LEN];
	struct problem *p;

	if (!asked_is_wanted(c) || listening_open(&l, &c->session->state) || listening_relay(&l) ||
	    l.dead)
		return;
	asked_each(c, find_unbound, &unbound);
	if (!unbound.found)
		return;
	p = problem_add(&c->problems, "relay-elsewhere", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p,
		     "%s runs in this network namespace, but is not registered here: it serves "
		     "other pins, or cannot reach these",
		     asked_name(&unbound.one, name));
	problem_next(p, "start it with --pin-dir %s; its log says where it has registered",
		     c->session->app->pin_dir);
}

void check_relays(struct checkup *c)
{
	asked_each(c, judge, NULL);
	check_registered(c);
}
