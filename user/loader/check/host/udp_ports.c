/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can a proxy answer datagrams from the ports of their servers? It binds a socket to the address and
 * port of the server, which fails if a daemon of this host has that port on all addresses. The relay
 * answers by a raw socket then; other proxies lose the answers.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/listeners.h"
#include "lib/util.h"
#include "loader/check/list.h"

#define MAX_PORTS 64 /* that are tried */

static bool serves_port(const struct rule *rule, __u16 port)
{
	for (size_t i = 0; i < rule->services.n; i++) {
		const struct service *service = &rule->services.items[i];

		if (service->proto == IPPROTO_UDP &&
		    (!service->range.first ||
		     (port >= service->range.first && port <= service->range.last)))
			return true;
	}
	return false;
}

/* A rule whose proxy is not the relay. NULL: none takes datagrams to this port. */
static const struct rule *find_rule(const struct checkup *c, __u16 port)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &c->policy.rules[i];

		if (rule_is_proxy(rule) && rule->proxy.port && rule->proxy.port != port &&
		    serves_port(rule, port))
			return rule;
	}
	return NULL;
}

/* As a proxy does, at an address that no datagram reaches. */
static bool can_bind(__u16 port)
{
	const struct sockaddr_in addr = { .sin_family = AF_INET,
					  .sin_addr.s_addr = htonl(0x7f530002),
					  .sin_port = htons(port) };
	__cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof(on)))
		return true; /* not known */
	return !bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) || errno != EADDRINUSE;
}

static void report(struct checkup *c, const struct rule *rule, const struct listener *listener)
{
	struct problem *p =
		problem_add(&c->problems, "udp-port-taken", VERDICT_DEGRADED, NULL, rule->name);
	char who[64];
	struct holder holder;

	if (listener_holder(listener, &holder))
		snprintf(who, sizeof(who), "%s (pid %d)", holder.comm, (int)holder.pid);
	else
		snprintf(who, sizeof(who), "a process of user %u", listener->uid);
	problem_concerns(p, 1 << TPROXY_UDP4 | 1 << TPROXY_UDP6);
	problem_text(p,
		     "%s has UDP port %u on all addresses of this host: a proxy cannot answer from "
		     "this port, except by a raw socket, as the relay does",
		     who, listener->port);
	problem_next(p,
		     "let it listen on single addresses (dnsmasq: bind-dynamic; others: its listen "
		     "address), or use tproxy-relay for rule %s",
		     rule->name);
}

void check_udp_ports(struct checkup *c)
{
	static const __u8 any[16];
	struct listeners all __cleanup_listeners = { 0 };
	unsigned int tried = 0;

	if (listeners_read(&all)) {
		checkup_unchecked(c, "UDP sockets cannot be listed");
		return;
	}
	for (size_t i = 0; i < all.n && tried < MAX_PORTS; i++) {
		const struct listener *listener = &all.items[i];
		const struct rule *rule;

		if (listener->protocol != IPPROTO_UDP || memcmp(listener->addr, any, sizeof(any)) ||
		    (listener->family == AF_INET6 && listener->v6only))
			continue;
		rule = find_rule(c, listener->port);
		if (!rule)
			continue;
		tried++;
		if (!can_bind(listener->port))
			report(c, rule, listener);
	}
}
