/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can the listeners of the relay take a burst of connections? The kernel cuts the length of their
 * queue to net.core.somaxconn, and SYN cookies decide about the rest.
 */
#include <netinet/in.h>
#include <string.h>

#include "loader/check/list.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/sysctl.h"

#define WANTED 4096 /* what the relay asks for, and the kernel's default */

static bool takes_tcp(const struct checkup *c)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_is_proxy(&c->policy.rules[i]) &&
		    listening_wanted(&c->policy.rules[i]) & (1 << TPROXY_TCP4 | 1 << TPROXY_TCP6))
			return true;
	return false;
}

static const struct listener *shortest(const struct listening *l)
{
	const struct listener *found = NULL;

	for (int cls = TPROXY_TCP4; cls <= TPROXY_TCP6; cls++) {
		for (int way = 0; way < TPROXY_GROUP_WAYS; way++) {
			const struct listener *listener =
				listeners_by_cookie(&l->listeners, l->slots[cls][way]);

			if (listener && listener->protocol == IPPROTO_TCP &&
			    (!found || listener->backlog < found->backlog))
				found = listener;
		}
	}
	return found;
}

static void check_queue(struct checkup *c)
{
	struct listening l __cleanup_listening = { .slots = { { 0 } } };
	const struct listener *listener =
		listening_open(&l, &c->session->state) ? NULL : shortest(&l);
	struct problem *p;
	__u64 most = 0;

	if (!listener)
		return;
	if (listener->backlog >= WANTED) {
		checkup_evidence(c, "the relay queues %u connections", listener->backlog);
		return;
	}
	p = problem_add(&c->problems, "backlog-small", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p,
		     "a listener of the relay queues only %u connections: of a larger burst, the "
		     "rest must try again after a second",
		     listener->backlog);
	if (sysctl_numbers("net/core/somaxconn", &most, 1) == 1 && most < WANTED)
		problem_next(p,
			     "sysctl -w net.core.somaxconn=%d; then systemctl stop tproxy-relay "
			     "and start it, as a take-over keeps its listeners",
			     WANTED);
	else
		problem_next(p, "systemctl stop tproxy-relay and start it: a take-over keeps its "
				"listeners");
}

static void check_cookies(struct checkup *c)
{
	struct problem *p;
	__u64 value;

	if (sysctl_numbers("net/ipv4/tcp_syncookies", &value, 1) != 1 || value == 1)
		return;
	p = problem_add(&c->problems, "syncookies", VERDICT_DEGRADED, NULL, NULL);
	problem_text(p, "net.ipv4.tcp_syncookies is %llu: %s", value,
		     value ? "every connection is begun without the options of its client, such as "
			     "window scaling" :
			     "a flood of SYNs fills the queue of a listener, and all others wait");
	problem_next(p, "sysctl -w net.ipv4.tcp_syncookies=1");
}

void check_backlog(struct checkup *c)
{
	if (!takes_tcp(c))
		return;
	check_queue(c);
	check_cookies(c);
}
