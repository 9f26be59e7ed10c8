/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * If the relay connects with the address of the client, the answers of servers are addressed to the
 * client. They get to the relay only where the interface by which they come in is attached.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/maps/health.h"
#include "kernel/routing/route.h"
#include "lib/mapped.h"
#include "loader/check/list.h"
#include "loader/check/tools/asked.h"

static void note_use(struct checkup *c, const struct asked *asked, void *arg)
{
	bool *used = arg;

	(void)c;
	*used |= !asked->err && (asked->told.status.flags & FLOWS_CLIENT_ADDRESS);
}

static bool is_attached(const struct checkup *c, int ifindex)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->ifaces[i].there && c->ifaces[i].device.ifindex == ifindex)
			return true;
	return false;
}

/* By which interface the relay connects to it. */
static int relay_way(struct checkup *c, const struct endpoint *server)
{
	int ifindex = route_output(&c->session->nl, server->family, server->addr);

	return ifindex > 0 ? ifindex : 0;
}

/* Where its latest flow went, else the first network that it names. 0: not known. */
static int way_of(struct checkup *c, int rule)
{
	static const __u8 protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	const struct prefix_set *to = &c->policy.rules[rule].to;
	struct endpoint server = { .port = 0 };
	struct health health;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (health_read(&c->session->state, (__u32)rule, protocols[i], &health) ||
		    !health.last_ns)
			continue;
		server.family = mapped_to(health.last.dst, server.addr);
		return relay_way(c, &server);
	}
	for (size_t i = 0; i < to->n; i++) {
		if (!to->items[i].len)
			continue;
		server.family = to->items[i].family;
		memcpy(server.addr, to->items[i].addr, sizeof(server.addr));
		return relay_way(c, &server);
	}
	return 0;
}

static void report(struct checkup *c, const struct rule *rule, const char *ifname)
{
	struct problem *p =
		problem_add(&c->problems, "divert-missing", VERDICT_BROKEN, ifname, rule->name);

	problem_text(p, "the relay connects with the address of the client, and the answers of "
			"servers come in here: they are forwarded to the client, who resets them");
	problem_next(p,
		     "tproxy-loader attach %s --divert-only; or let the relay use its own "
		     "address: source = own",
		     ifname);
}

void check_divert(struct checkup *c)
{
	char ifname[IF_NAMESIZE];
	bool used = false;

	asked_each(c, note_use, &used);
	for (int i = 0; i < TPROXY_MAX_RULES && used; i++) {
		int way = 0;

		if (rule_is_proxy(&c->policy.rules[i]) && !c->policy.rules[i].proxy.port)
			way = way_of(c, i);
		if (!way || is_attached(c, way) || !if_indextoname((unsigned int)way, ifname))
			continue;
		report(c, &c->policy.rules[i], ifname);
		return;
	}
}
