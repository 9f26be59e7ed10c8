/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a listener accept what is queued for it? The kernel completes handshakes, and queues
 * datagrams, also for a proxy that is stopped or hangs; only the queue shows it.
 */
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "loader/check/list.h"
#include "loader/check/tools/listening.h"

#define READINGS 6 /* a busy proxy empties its queue now and then */
#define PAUSE_NS 100000000

static __u8 protocols_of(const struct rule *rule)
{
	__u8 wanted = listening_wanted(rule);

	return (__u8)((wanted & (1 << TPROXY_TCP4 | 1 << TPROXY_TCP6) ? 1 : 0) |
		      (wanted & (1 << TPROXY_UDP4 | 1 << TPROXY_UDP6) ? 2 : 0));
}

static bool serves(const struct listening *l, const struct rule *rule,
		   const struct listener *listener)
{
	if (!(protocols_of(rule) & (listener->protocol == IPPROTO_TCP ? 1 : 2)))
		return false;
	if (rule->proxy.port)
		return listener->port == rule->proxy.port;
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		for (int way = 0; way < TPROXY_GROUP_WAYS; way++)
			if (l->slots[cls][way] == listener->cookie)
				return true;
	return false;
}

static bool serves_any(const struct checkup *c, const struct listening *l,
		       const struct listener *listener)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_is_proxy(&c->policy.rules[i]) && serves(l, &c->policy.rules[i], listener))
			return true;
	return false;
}

/* Ignores listeners without a queue and those of no rule. Returns how many are left. */
static size_t keep_waiting(const struct checkup *c, struct listening *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->listeners.n; i++) {
		struct listener *listener = &l->listeners.items[i];

		if (listener->waiting && !serves_any(c, l, listener))
			listener->waiting = 0;
		n += listener->waiting > 0;
	}
	return n;
}

/* Keeps those whose queue has not become shorter. Returns how many. */
static size_t read_again(struct listening *l)
{
	struct listeners now __cleanup_listeners = { 0 };
	size_t n = 0;

	if (listeners_read(&now))
		return 0;
	for (size_t i = 0; i < l->listeners.n; i++) {
		struct listener *before = &l->listeners.items[i];
		const struct listener *after = listeners_by_cookie(&now, before->cookie);

		if (!before->waiting)
			continue;
		before->waiting = after && after->waiting >= before->waiting ? after->waiting : 0;
		n += before->waiting > 0;
	}
	return n;
}

static void report(struct checkup *c, const struct rule *rule, const struct listener *listener)
{
	char holder[64] = "the listener";
	struct holder process;
	struct problem *p =
		problem_add(&c->problems, "not-accepted", VERDICT_DEGRADED, NULL, rule->name);

	if (listener_holder(listener, &process))
		snprintf(holder, sizeof(holder), "%s (pid %d)", process.comm, (int)process.pid);
	problem_text(p, "%s on port %u does not take what is queued for it: %u %s", holder,
		     listener->port, listener->waiting,
		     listener->protocol == IPPROTO_TCP ? "connections" : "bytes of datagrams");
	problem_next(p,
		     "it is stopped, hangs or is overloaded: see its log, and ps; ss -ln%s shows "
		     "the queue",
		     listener->protocol == IPPROTO_TCP ? "t" : "u");
}

/* Reports one listener for each rule. */
static void report_rule(struct checkup *c, const struct listening *l, const struct rule *rule)
{
	for (size_t i = 0; i < l->listeners.n; i++) {
		const struct listener *listener = &l->listeners.items[i];

		if (!listener->waiting || !serves(l, rule, listener))
			continue;
		report(c, rule, listener);
		return;
	}
}

void check_accepting(struct checkup *c)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct listening l __cleanup_listening = { .slots = { { 0 } } };
	size_t n = listening_open(&l, &c->session->state) ? 0 : keep_waiting(c, &l);

	for (int i = 1; i < READINGS && n; i++) {
		nanosleep(&pause, NULL);
		n = read_again(&l);
	}
	for (int i = 0; i < TPROXY_MAX_RULES && n; i++)
		if (rule_is_proxy(&c->policy.rules[i]))
			report_rule(c, &l, &c->policy.rules[i]);
}
