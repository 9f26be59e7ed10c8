/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/cause.h"

#include <stddef.h>
#include <string.h>

#include "lib/util.h"
#include "tproxy.h"

/* ---- drops of the kernel ------------------------------------------------ */

enum which { ANY, YES, NO };

/* The kernel drops for many reasons that have nothing to do with us: these are the ones that do. */
static const struct {
	const char *reason;   /* NULL: any */
	const char *function; /* NULL: any; the beginning of its name */
	enum which marked, assigned, answer;
	struct cause cause;
} signatures[] = {
	{ "NETFILTER_DROP", NULL, .answer = YES,
	  .cause = { "a firewall rule of this host drops this answer (output or postrouting)",
		     "output-filter" } },
	{ "NETFILTER_DROP", NULL, .marked = YES,
	  .cause = { "a firewall rule of this host drops it before the listener gets it",
		     "input-filter" } },
	{ "NETFILTER_DROP", NULL, .cause = { "a firewall rule of this host drops it", NULL } },
	{ NULL, "ip_forward", .marked = YES,
	  .cause = { "it is routed on and not to this host: our routing rule or local route is "
		     "missing",
		     "rule-missing" } },
	{ NULL, "ip6_forward", .marked = YES,
	  .cause = { "it is routed on and not to this host: our routing rule or local route is "
		     "missing",
		     "rule-missing" } },
	{ NULL, "ip_forward", .assigned = YES,
	  .cause = { "it is routed on: something removed our mark after we had set it",
		     "mark-lost" } },
	{ NULL, "ip6_forward", .assigned = YES,
	  .cause = { "it is routed on: something removed our mark after we had set it",
		     "mark-lost" } },
	{ "IP_LOCAL_SOURCE", NULL,
	  .cause = { "its source counts as an address of this host: src_valid_mark is 1, and a "
		     "routing rule for the mark has no iif",
		     "src-valid-mark" } },
	/* before Linux 6.14 the kernel does not tell this reason from others */
	{ "NOT_SPECIFIED", "ip_rcv_finish_core", .marked = YES,
	  .cause = { "routing refuses its source: if src_valid_mark is 1, a routing rule for the "
		     "mark without iif makes it look like an address of this host",
		     "src-valid-mark" } },
	{ "IP_RPFILTER", NULL,
	  .cause = { "rp_filter: the route back to its source leaves by another interface",
		     "rp-filter" } },
	{ "IP_INNOROUTES", NULL, .marked = YES,
	  .cause = { "no route takes it: our routing rule or local route is missing",
		     "rule-missing" } },
	{ "IP_OUTNOROUTES", NULL, .answer = YES,
	  .cause = { "there is no route back to the client", "no-return-route" } },
	{ "NO_SOCKET", NULL, .marked = YES,
	  .cause = { "no socket of this host takes it: the listener is gone", "no-listener" } },
	{ "SOCKET_RCVBUFF", NULL,
	  .cause = { "the receive buffer of the socket is full: the proxy does not keep up",
		     "not-accepted" } },
	{ "TC_INGRESS", NULL,
	  .cause = { "another tc program on the interface drops it", "earlier-program" } },
	{ "NEIGH_FAILED", NULL, .cause = { "the next hop does not answer", "no-neighbour" } },
	{ "NEIGH_QUEUEFULL", NULL, .cause = { "the next hop does not answer", "no-neighbour" } },
	{ NULL, "inet6_cleanup_sock",
	  .cause = { "no loss: a copy of its SYN that the socket kept until now", NULL } },
	{ NULL, "bpf_prog_test_run",
	  .cause = { "no loss: test or doctor asked the program about such a packet", NULL } },
	{ "QDISC_DROP", NULL, .cause = { "the queue of the outgoing interface is full", NULL } },
	{ "IP_CSUM", NULL, .cause = { "its checksum is wrong", NULL } },
	{ "TCP_CSUM", NULL, .cause = { "its checksum is wrong", NULL } },
	{ "UDP_CSUM", NULL, .cause = { "its checksum is wrong", NULL } },
};

static bool fits(enum which wanted, bool is)
{
	return wanted == ANY || (wanted == YES) == is;
}

/* The function of IPv4 and the one of IPv6; the compiler splits off parts: ip_forward_finish. */
static bool is_in(const char *function, const char *wanted)
{
	return !wanted || !strncmp(function, wanted, strlen(wanted));
}

struct cause cause_of_drop(const struct drop_site *site)
{
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
		const char *reason = signatures[i].reason;

		if ((!reason || !strcmp(reason, site->reason)) &&
		    is_in(site->function, signatures[i].function) &&
		    fits(signatures[i].marked, site->marked) &&
		    fits(signatures[i].assigned, site->assigned) &&
		    fits(signatures[i].answer, site->answer))
			return signatures[i].cause;
	}
	return (struct cause){ NULL, NULL };
}

/* ---- our own counters --------------------------------------------------- */

/* The first one that moved counts. */
static const struct {
	enum tproxy_counter counter;
	struct cause cause;
} explained[] = {
	{ TPROXY_COUNT_OWN_FULL, { "it found no free token address", "own-tokens-full" } },
	{ TPROXY_COUNT_ASSIGN_FAILED, { "the kernel refuses the listener", "no-listener" } },
	{ TPROXY_COUNT_UNANSWERABLE,
	  { "only the server can answer a SYN with a TCP MD5 signature", NULL } },
	{ TPROXY_COUNT_DOWN_DROP, { "there is no listener", "no-listener" } },
	{ TPROXY_COUNT_DOWN_PASS, { "there is no listener", "no-listener" } },
	{ TPROXY_COUNT_DOWN_RESET, { "there is no listener", "no-listener" } },
	{ TPROXY_COUNT_POOL_DOWN, { "the relay does not run", "no-listener" } },
	{ TPROXY_COUNT_NO_POLICY, { "the policy maps are missing", NULL } },
	{ TPROXY_COUNT_LOCAL_DST, { "its destination is this host", NULL } },
	{ TPROXY_COUNT_UNROUTED, { "there is no route to its destination", NULL } },
	{ TPROXY_COUNT_TTL, { "its TTL ends here", NULL } },
	{ TPROXY_COUNT_LOOP, { "a socket of this host seems to have sent it", NULL } },
	{ TPROXY_COUNT_OLDER, { "the flow is older than its rule", NULL } },
	{ TPROXY_COUNT_FRAG_MISS, { "its first fragment was not steered or came later", NULL } },
	{ TPROXY_COUNT_PAST,
	  { "an answer to a flow start that bypassed us: clients enter elsewhere",
	    "wrong-interface" } },
	{ TPROXY_COUNT_FORGED_MARK, { "it came with our mark, which was removed", NULL } },
	{ TPROXY_COUNT_OWN_DEVICE, { "its socket is bound to a device", NULL } },
	{ TPROXY_COUNT_OWN_ANSWER, { "it answers a client of a service here", NULL } },
	{ TPROXY_COUNT_OWN_STALE, { "no rule wants it any more, so it is sent directly", NULL } },
};

struct cause cause_of_counters(__u64 counters)
{
	for (size_t i = 0; i < ARRAY_SIZE(explained); i++)
		if (counters >> explained[i].counter & 1)
			return explained[i].cause;
	return (struct cause){ NULL, NULL };
}

/* By enum trace_call_why. */
static const char *const call_reasons[TRACE_WHY_MAX] = {
	[TRACE_WHY_STAYS] = "stays_local",        [TRACE_WHY_TOKEN] = "token",
	[TRACE_WHY_MARK] = "proxy_mark",          [TRACE_WHY_CGROUP] = "excluded_cgroup",
	[TRACE_WHY_PROCESS] = "excluded_process",
};
static const char *const call_texts[TRACE_WHY_MAX] = {
	[TRACE_WHY_STAYS] = "it stays on this host or its link",
	[TRACE_WHY_TOKEN] = "token addresses are no destinations",
	[TRACE_WHY_MARK] = "its socket has the mark of proxies (own-proxy-mark)",
	[TRACE_WHY_CGROUP] = "the cgroup of its process is left alone",
	[TRACE_WHY_PROCESS] = "its process is a proxy, or a proxy has started it",
};

const char *cause_call_reason(__u8 why)
{
	return why < TRACE_WHY_MAX ? call_reasons[why] : NULL;
}

struct cause cause_of_call(const struct trace_call *call)
{
	if (call->why < TRACE_WHY_MAX && call_texts[call->why])
		return (struct cause){ call_texts[call->why], NULL };
	return cause_of_counters(call->event.counters);
}

struct cause cause_not_transparent(void)
{
	return (struct cause){ "the listener is not transparent, so it cannot answer",
			       "listener-not-transparent" };
}
