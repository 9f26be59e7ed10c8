/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can others reach the listener of a proxy by another way than ours? One that is bound to all
 * addresses can be dialled: the original destination is then the proxy itself, which connects to
 * itself without end. And one that shares its port gives part of the flows to the other program.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/mapped.h"
#include "loader/check/list.h"
#include "loader/check/tools/listening.h"

static bool is_loopback(const __u8 addr[16])
{
	static const __u8 loopback6[16] = { [15] = 1 };

	return mapped_is(addr) ? addr[MAPPED_LEN] == 127 : !memcmp(addr, loopback6, 16);
}

static bool is_of_rule(const struct rule *rule, const struct listener *listener)
{
	if (!rule_is_proxy(rule) || listener->port != rule->proxy.port || listener->shut)
		return false;
	for (size_t i = 0; i < rule->services.n; i++)
		if (rule->services.items[i].proto == listener->protocol)
			return true;
	return false;
}

static const char *proto_of(const struct listener *listener)
{
	return listener->protocol == IPPROTO_TCP ? "tcp" : "udp";
}

static void name_holder(const struct listener *listener, char *buf, size_t size)
{
	struct holder holder;

	if (listener_holder(listener, &holder))
		snprintf(buf, size, "%s (pid %d)", holder.comm, (int)holder.pid);
	else
		snprintf(buf, size, "a process of user %u", listener->uid);
}

/* ---- dialled ------------------------------------------------------------ */

static void report_exposed(struct checkup *c, const struct rule *rule,
			   const struct listener *listener)
{
	struct problem *p =
		problem_add(&c->problems, "listener-exposed", VERDICT_DEGRADED, NULL, rule->name);
	char holder[80];

	name_holder(listener, holder, sizeof(holder));
	problem_text(
		p,
		"%s has %s port %u on addresses that clients can dial: it would take itself for "
		"the server, and connect to itself without end",
		holder, proto_of(listener), listener->port);
	problem_next(p,
		     "bind it to loopback, where intercepted flows reach it as well: 127.0.0.1:%u "
		     "and [::1]:%u (Squid: http_port 127.0.0.1:%u tproxy; HAProxy: bind "
		     "127.0.0.1:%u transparent)",
		     listener->port, listener->port, listener->port, listener->port);
}

static void find_exposed(struct checkup *c, const struct listening *l, const struct rule *rule)
{
	for (size_t i = 0; i < l->listeners.n; i++) {
		const struct listener *listener = &l->listeners.items[i];

		if (!is_of_rule(rule, listener) || is_loopback(listener->addr))
			continue;
		report_exposed(c, rule, listener);
		return;
	}
}

/* ---- shared ------------------------------------------------------------- */

static bool same_place(const struct listener *a, const struct listener *b)
{
	return a->protocol == b->protocol && a->family == b->family && a->port == b->port &&
	       a->device == b->device && !memcmp(a->addr, b->addr, sizeof(a->addr));
}

/* Workers of one program are no others. */
static bool is_other_program(const struct listener *a, const struct listener *b)
{
	struct holder first, second;

	return listener_holder(a, &first) && listener_holder(b, &second) &&
	       first.pid != second.pid && strcmp(first.comm, second.comm);
}

static void report_shared(struct checkup *c, const struct rule *rule,
			  const struct listener *const listeners[2])
{
	struct problem *p =
		problem_add(&c->problems, "listener-shared", VERDICT_DEGRADED, NULL, rule->name);
	char first[80], second[80];

	name_holder(listeners[0], first, sizeof(first));
	name_holder(listeners[1], second, sizeof(second));
	problem_text(p,
		     "%s and %s share %s port %u (SO_REUSEPORT): the kernel gives each a part of "
		     "the flows",
		     first, second, proto_of(listeners[0]), listeners[0]->port);
	problem_next(p, "stop the one that is not the proxy; ss -ln%cp sport = :%u shows both",
		     *proto_of(listeners[0]), listeners[0]->port);
}

static void find_shared(struct checkup *c, const struct listening *l, const struct rule *rule)
{
	const struct listener *first = NULL;

	for (size_t i = 0; i < l->listeners.n; i++) {
		const struct listener *listener = &l->listeners.items[i];

		if (!is_of_rule(rule, listener))
			continue;
		if (first && same_place(first, listener) && is_other_program(first, listener)) {
			report_shared(c, rule, (const struct listener *const[]){ first, listener });
			return;
		}
		if (!first)
			first = listener;
	}
}

/* ---- all ---------------------------------------------------------------- */

void check_exposed(struct checkup *c)
{
	struct listening l __cleanup_listening = { .slots = { { 0 } } };
	int err = listening_open(&l, &c->session->state);

	if (err) {
		checkup_unchecked(c, "listeners cannot be listed: %s", strerror(-err));
		return;
	}
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		/* The listeners of the relay are bound to loopback, and share nothing. */
		if (!c->policy.rules[i].proxy.port)
			continue;
		find_exposed(c, &l, &c->policy.rules[i]);
		find_shared(c, &l, &c->policy.rules[i]);
	}
}
