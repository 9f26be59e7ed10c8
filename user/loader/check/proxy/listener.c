/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is there a listener for the flows of each rule, and can it take them? For each class of flows
 * that a rule may take on an interface, finds the listener as the data path would find it.
 */
#include <netinet/in.h>
#include <string.h>

#include "kernel/maps/pools.h"
#include "lib/flows/elsewhere.h"
#include "loader/check/list.h"
#include "loader/check/tools/listening.h"
#include "loader/steps/routing/steps_route.h"

/* What was found for one rule, in bits of enum tproxy_class. */
struct finding {
	struct checkup *c;
	const struct listening *l;
	const struct rule *rule;
	__u8 wanted;                   /* that its flows may have */
	__u8 missing;                  /* no listener at all */
	__u8 partly;                   /* some of the relay's slots are empty */
	__u8 unknown;                  /* the kernel does not list such sockets */
	__u8 opaque;                   /* there, but not transparent */
	const struct listener *holder; /* the opaque one */
	__u8 elsewhere;                /* bound to another device than the present interface */
	const struct listener *stray;  /* that listener */
};

/* ---- words -------------------------------------------------------------- */

#define TCP_CLASSES (1 << TPROXY_TCP4 | 1 << TPROXY_TCP6)
#define UDP_CLASSES (1 << TPROXY_UDP4 | 1 << TPROXY_UDP6)

static const char *protocols(__u8 classes)
{
	if (!(classes & UDP_CLASSES))
		return "TCP";
	return classes & TCP_CLASSES ? "TCP and UDP" : "UDP";
}

static const char *fate(const struct rule *rule)
{
	switch (rule->on_down) {
	case TPROXY_ON_DOWN_PASS:
		return "are not intercepted";
	case TPROXY_ON_DOWN_RESET:
		return "are refused";
	default:
		return "are dropped";
	}
}

static const char *how_to_be_transparent(const struct rule *rule, char *buf, size_t size)
{
	if (!rule->proxy.port)
		return "restart tproxy-relay";
	snprintf(buf, size,
		 "it has to set IP_TRANSPARENT: Squid by http_port %u tproxy, HAProxy by bind "
		 ":%u transparent, other programs by tproxy-loader adopt --pid N",
		 rule->proxy.port, rule->proxy.port);
	return buf;
}

static bool relay_is_there(const struct finding *f, __u8 classes)
{
	return (f->l->dead & classes) || listening_relay(f->l);
}

/* What the state of the relay is for these classes: "the relay has no listener for TCP". */
static const char *relay_state(const struct finding *f, __u8 classes, char *buf, size_t size)
{
	if (!relay_is_there(f, classes))
		snprintf(buf, size, "no relay is registered%s%s",
			 classes == f->wanted ? "" : " for ",
			 classes == f->wanted ? "" : protocols(classes));
	else if (f->l->dead & classes)
		snprintf(buf, size,
			 "the relay's listeners for %s are dead (destroyed, or shut down)",
			 protocols(classes));
	else
		snprintf(buf, size, "the relay has no listener for %s", protocols(classes));
	return buf;
}

/* A running relay opens a listener again within seconds, unless it cannot. */
static void relay_next(struct problem *p, const struct finding *f, __u8 classes)
{
	struct flows_elsewhere other;
	char pid[32] = "";

	if (relay_is_there(f, classes)) {
		problem_next(p, "the log of tproxy-relay says why it does not open them again; "
				"else restart tproxy-relay");
		return;
	}
	if (!flows_find_elsewhere(&other)) {
		problem_next(p, "start tproxy-relay; if it runs, its log says why it did not "
				"register");
		return;
	}
	if (other.pid)
		snprintf(pid, sizeof(pid), " (pid %d)", (int)other.pid);
	problem_next(p,
		     "start tproxy-relay in this network namespace; the one that runs%s is in %s%s",
		     pid, *other.netns ? "network namespace " : "another one", other.netns);
}

static bool is_bound_relay(const struct listener *l)
{
	struct holder holder;

	return l->device && l->transparent && l->protocol == IPPROTO_TCP &&
	       listener_holder(l, &holder) && !strcmp(holder.comm, "tproxy-relay");
}

/*
 * A listener of a relay that is bound to a device; it does not register. Of several the one with
 * the lowest port, since they are listed in no order. NULL: there is none.
 */
static const struct listener *bound_relay(const struct listeners *all)
{
	const struct listener *found = NULL;

	for (size_t i = 0; i < all->n; i++)
		if ((!found || all->items[i].port < found->port) && is_bound_relay(&all->items[i]))
			found = &all->items[i];
	return found;
}

/* ---- reports ------------------------------------------------------------ */

static void say_bound(struct problem *p, const struct rule *rule, const struct listener *relay)
{
	char bound[IF_NAMESIZE];

	if (!if_indextoname((unsigned int)relay->device, bound))
		snprintf(bound, sizeof(bound), "a device");
	problem_text(p,
		     "no relay is registered, and the one that is bound to %s takes only flows of "
		     "rules that name its port: new flows %s, as on-proxy-down = %s says",
		     bound, fate(rule), policy_on_down_names[rule->on_down]);
	if (!strcmp(rule->name, policy_default_rule))
		problem_next(p, "tproxy-loader attach %s --proxy %u", bound, relay->port);
	else
		problem_next(p, "set proxy = %u in rule %s of the configuration, and apply it",
			     relay->port, rule->name);
}

static void report_missing(const struct finding *f, __u8 classes)
{
	const struct rule *rule = f->rule;
	const struct listener *bound;
	char state[PROBLEM_TEXT_LEN / 2];
	struct problem *p =
		problem_add(&f->c->problems, "no-listener", VERDICT_BROKEN, NULL, rule->name);

	problem_concerns(p, classes);
	if (!rule->proxy.port && !relay_is_there(f, classes) &&
	    (bound = bound_relay(&f->l->listeners))) {
		say_bound(p, rule, bound);
		return;
	}
	if (!rule->proxy.port) {
		problem_text(p, "%s: new flows %s, as on-proxy-down = %s says",
			     relay_state(f, classes, state, sizeof(state)), fate(rule),
			     policy_on_down_names[rule->on_down]);
		relay_next(p, f, classes);
		return;
	}
	problem_text(
		p, "no program listens on port %u for %s: new flows %s, as on-proxy-down = %s says",
		rule->proxy.port, protocols(classes), fate(rule),
		policy_on_down_names[rule->on_down]);
	problem_next(p, "start the proxy; ss -ln%s shows what listens",
		     classes & UDP_CLASSES ? (classes & TCP_CLASSES ? "tu" : "u") : "t");
}

static void report_family(const struct finding *f, __u8 classes)
{
	const char digit = classes & PROBLEM_IPV6 ? '6' : '4';
	struct problem *p = problem_add(&f->c->problems, "listener-family", VERDICT_DEGRADED, NULL,
					f->rule->name);

	problem_concerns(p, classes);
	problem_text(p,
		     "it takes IPv4 and IPv6, and there is no IPv%c listener for %s: these "
		     "new flows %s",
		     digit, protocols(classes), fate(f->rule));
	if (digit == '6')
		problem_next(p, "let the proxy listen on [::]%s, or limit the rule to IPv4",
			     f->rule->proxy.port ? " or [::1]" : "");
	else
		problem_next(p, "let the proxy listen on 0.0.0.0 or 127.0.0.1, or limit the rule "
				"to IPv6");
}

static void report_partly(const struct finding *f)
{
	struct problem *p =
		problem_add(&f->c->problems, "no-listener", VERDICT_BROKEN, NULL, f->rule->name);

	problem_concerns(p, f->partly);
	problem_text(p, "some of the relay's slots for %s %s: some new flows %s",
		     protocols(f->partly),
		     f->l->dead & f->partly ? "have dead listeners (destroyed, or shut down)" :
					      "are empty",
		     fate(f->rule));
	problem_next(p, "restart tproxy-relay");
}

/* A TCP listener gets no connection. A UDP one gets datagrams, but answers need another socket. */
static void report_opaque(const struct finding *f)
{
	char holder[64] = "the listener", hint[PROBLEM_TEXT_LEN];
	const struct rule *rule = f->rule;
	const bool tcp = f->opaque & TCP_CLASSES;
	struct holder process;
	struct problem *p = problem_add(&f->c->problems, "listener-not-transparent",
					tcp ? VERDICT_BROKEN : VERDICT_DEGRADED, NULL, rule->name);

	if (listener_holder(f->holder, &process))
		snprintf(holder, sizeof(holder), "%s (pid %d)", process.comm, (int)process.pid);
	problem_concerns(p, f->opaque);
	problem_text(
		p, "%s on port %u (%s) is not transparent: %s", holder, f->holder->port,
		protocols(f->opaque),
		tcp ? "it gets flows to other addresses, and the kernel does not answer for it" :
		      "it gets datagrams to other addresses, and cannot answer from these");
	problem_next(p, "%s", how_to_be_transparent(rule, hint, sizeof(hint)));
}

static void report_unknown(const struct finding *f)
{
	struct problem *p = problem_add(&f->c->problems, "listener-unknown", VERDICT_DEGRADED, NULL,
					f->rule->name);

	problem_concerns(p, f->unknown);
	problem_text(p,
		     "a listener on port %u for %s cannot be checked: this kernel does not list "
		     "such sockets",
		     f->rule->proxy.port, protocols(f->unknown));
	problem_next(p, "modprobe -a tcp_diag udp_diag");
}

static void report_device(const struct finding *f, const struct checked_iface *iface)
{
	const char *name = (const char *)iface->iface.value.name;
	char bound[IF_NAMESIZE];
	struct problem *p = problem_add(&f->c->problems, "listener-device", VERDICT_BROKEN, name,
					f->rule->name);

	problem_concerns(p, f->elsewhere);
	if (!f->stray->device || !if_indextoname((unsigned int)f->stray->device, bound))
		snprintf(bound, sizeof(bound), "%s",
			 f->stray->device ? "another device" : "no device");
	problem_text(p,
		     "its listener for %s is bound to %s and takes no flow that enters here: new "
		     "flows %s",
		     protocols(f->elsewhere), bound, fate(f->rule));
	if (device_vrf(&iface->device))
		problem_next(p,
			     "%s is in a VRF: bind the listener to %s, as tproxy-relay --device "
			     "%s does",
			     name, name, name);
	else
		problem_next(p, "bind the listener to no device, or to %s", name);
}

/* ---- one rule ----------------------------------------------------------- */

/* If a protocol is missing in both families, it is reported as a whole. */
static void report_classes(const struct finding *f)
{
	static const __u8 by_protocol[] = { TCP_CLASSES, UDP_CLASSES };
	static const __u8 by_family[] = { PROBLEM_IPV4, PROBLEM_IPV6 };
	__u8 whole = 0;

	for (size_t i = 0; i < ARRAY_SIZE(by_protocol); i++)
		if ((f->missing & by_protocol[i]) == (f->wanted & by_protocol[i]))
			whole |= f->missing & by_protocol[i];
	if (whole)
		report_missing(f, whole);
	for (size_t i = 0; i < ARRAY_SIZE(by_family); i++)
		if (f->missing & ~whole & by_family[i])
			report_family(f, f->missing & (__u8)~whole & by_family[i]);
	if (f->partly)
		report_partly(f);
	if (f->opaque)
		report_opaque(f);
	if (f->unknown)
		report_unknown(f);
}

static void find_for_class(struct finding *f, const struct listening *l,
			   const struct checked_iface *iface, enum tproxy_class cls)
{
	const __u8 bit = (__u8)(1 << cls);
	const struct listener *listener;

	f->wanted |= bit;
	switch (listening_find(l, f->rule, cls, &iface->device, &listener)) {
	case FOUND_NONE:
		f->missing |= bit;
		break;
	case FOUND_PARTLY:
		f->partly |= bit;
		break;
	case FOUND_UNKNOWN:
		f->unknown |= bit;
		break;
	case FOUND_OPAQUE:
		f->opaque |= bit;
		f->holder = listener;
		break;
	case FOUND_ELSEWHERE:
		f->elsewhere |= bit;
		f->stray = listener;
		break;
	default:
		break;
	}
}

static void find_on_iface(struct finding *f, const struct listening *l,
			  const struct checked_iface *iface)
{
	__u8 wanted = listening_wanted(f->rule);

	if (!steps_family_wanted(AF_INET6, iface->device.name))
		wanted &= (__u8)~PROBLEM_IPV6;
	f->elsewhere = 0;
	for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		if (wanted >> cls & 1)
			find_for_class(f, l, iface, cls);
	if (f->elsewhere)
		report_device(f, iface);
}

static void check_rule(struct checkup *c, const struct listening *l, int index)
{
	struct finding f = { .c = c, .l = l, .rule = &c->policy.rules[index] };

	for (size_t i = 0; i < c->n; i++)
		if (checkup_takes(c, &c->ifaces[i], index))
			find_on_iface(&f, l, &c->ifaces[i]);
	if (checkup_takes_own(c, checkup_own(c), index))
		find_on_iface(&f, l, checkup_own(c));
	report_classes(&f);
}

/* ---- all ---------------------------------------------------------------- */

static void check_pools(struct checkup *c, const struct listening *l)
{
	struct pool_table pools __cleanup_pools = { 0 };
	const struct finding f = { .l = l, .wanted = TCP_CLASSES | UDP_CLASSES };
	char state[PROBLEM_TEXT_LEN / 2];
	struct problem *p;

	if (listening_relay(l) || pools_read(&c->session->state, &pools) || !pools.n)
		return;
	p = problem_add(&c->problems, "no-listener", VERDICT_BROKEN, NULL, NULL);
	problem_text(p, "%s: new flows to addresses of pools are refused",
		     relay_state(&f, f.wanted, state, sizeof(state)));
	relay_next(p, &f, f.wanted);
}

void check_listeners(struct checkup *c)
{
	struct listening l __cleanup_listening = { .slots = { { 0 } } };
	int err = listening_open(&l, &c->session->state);
	struct problem *p;

	if (err) {
		p = problem_add(&c->problems, "listener-unknown", VERDICT_DEGRADED, NULL, NULL);
		problem_text(p, "listeners cannot be checked: %s", strerror(-err));
		problem_next(p, "run as root; -v shows more");
		return;
	}
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_is_proxy(&c->policy.rules[i]))
			check_rule(c, &l, i);
	check_pools(c, &l);
}
