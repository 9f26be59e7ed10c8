/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/own/own_flow.h"

#include <arpa/inet.h>
#include <string.h>

#include "kernel/maps/policy_maps.h"
#include "kernel/own/own_hook.h"
#include "lib/addrset.h"
#include "lib/log.h"
#include "lib/mapped.h"
#include "loader/check/tools/listening.h"
#include "loader/own/standing.h"
#include "policy/scope.h"

/* ---- the decision ------------------------------------------------------- */

/* Addresses of this host, and those that nothing is forwarded to: the programs leave them alone. */
static int is_for_this_host(struct session *session, const struct endpoint *dst, bool *ret_is)
{
	struct prefix prefix = { .family = dst->family, .len = dst->family == AF_INET ? 32 : 128 };
	struct addrset local = { 0 };
	struct addrset_key key;
	int err = addrset_read_with_broadcast(&local, &session->nl);

	memcpy(prefix.addr, dst->addr, sizeof(prefix.addr));
	addrset_key(dst->family, dst->addr, &key);
	*ret_is = addrset_has(&local, &key) || scope_never_forwarded(&prefix);
	addrset_free(&local);
	return err;
}

static enum simulate_verdict verdict_of(const struct rule *rule)
{
	static const enum simulate_verdict verdicts[TPROXY_ACTION_MAX] = {
		[TPROXY_ACTION_NONE] = SIMULATE_NONE,   [TPROXY_ACTION_PROXY] = SIMULATE_PROXY,
		[TPROXY_ACTION_PASS] = SIMULATE_PASS,   [TPROXY_ACTION_DROP] = SIMULATE_DROP,
		[TPROXY_ACTION_RESET] = SIMULATE_RESET, [TPROXY_ACTION_AUDIT] = SIMULATE_AUDIT,
	};

	return verdicts[rule->action];
}

static int look_for_listener(struct session *session, const struct own_flow *own,
			     const struct rule *rule, struct simulate_result *result)
{
	static const enum simulate_verdict down[TPROXY_ON_DOWN_MAX] = {
		[TPROXY_ON_DOWN_DROP] = SIMULATE_DROP,
		[TPROXY_ON_DOWN_PASS] = SIMULATE_PASS,
		[TPROXY_ON_DOWN_RESET] = SIMULATE_RESET,
	};
	enum tproxy_class cls = listening_class(own->flow->proto, own->flow->dst.family);
	struct listening listening __cleanup_listening = { 0 };
	const struct listener *listener;
	int err = listening_open(&listening, &session->state);

	if (err)
		return err;
	switch (listening_find(&listening, rule, cls, NULL, &listener)) {
	case FOUND_NONE:
	case FOUND_OPAQUE:
		result->no_listener = true;
		result->verdict =
			rule->on_down < TPROXY_ON_DOWN_MAX ? down[rule->on_down] : SIMULATE_DROP;
		return 0;
	default:
		return 0;
	}
}

/* The rules that are asked, and what is known of who sends. */
struct own_asked {
	const struct own_flow *own;
	const struct policy *policy;
	const struct tables *tables;
	tproxy_mask mask;
	enum own_standing standing;
};

static void put_key(const struct simulated_flow *flow, struct tproxy_flow_key *key)
{
	*key = (struct tproxy_flow_key){ .proto = flow->proto,
					 .sport = htons(flow->src.port),
					 .dport = htons(flow->dst.port) };
	mapped_from(flow->src.family, flow->src.addr, key->src);
	mapped_from(flow->dst.family, flow->dst.addr, key->dst);
}

/* Number of the rule that takes it, or -1 and why. */
static int match(const struct own_asked *a, enum own_reason *ret_reason, int *ret_other)
{
	struct tproxy_flow_key key;
	int any, taken;

	put_key(a->own->flow, &key);
	any = takes_flow(a->tables, a->mask, &key);
	taken = a->standing == OWN_INCLUDED ?
			any :
			takes_own_flow(a->tables, a->mask, &key, &a->own->sender->takes);
	if (taken >= 0 && a->standing == OWN_EXCLUDED_CGROUP)
		*ret_reason = OWN_REASON_EXCLUDED;
	else if (taken >= 0 && a->standing == OWN_EXCLUDED_TASK)
		*ret_reason = OWN_REASON_PROXY;
	else if (taken < 0 && any >= 0)
		*ret_reason = OWN_REASON_OWNER;
	*ret_other = taken >= 0 ? taken : any;
	return *ret_reason == OWN_REASON_RULES ? taken : -1;
}

static void copy_rule(const struct rule *rule, struct rule *ret_rule)
{
	*ret_rule = (struct rule){
		.used = true, .action = rule->action, .on_down = rule->on_down, .proxy = rule->proxy
	};
	snprintf(ret_rule->name, sizeof(ret_rule->name), "%s", rule->name);
}

static int decide(struct session *session, const struct own_asked *a, struct own_decision *decision)
{
	struct simulate_result *result = &decision->result;
	bool here = false;
	int other = -1, err = is_for_this_host(session, &a->own->flow->dst, &here);

	result->rule = -1;
	result->verdict = here ? SIMULATE_LOCAL : SIMULATE_NONE;
	if (err || here)
		return err;
	result->rule = match(a, &decision->reason, &other);
	if (other >= 0)
		copy_rule(&a->policy->rules[other], &decision->rule);
	if (result->rule < 0)
		return 0;
	result->verdict = verdict_of(&a->policy->rules[result->rule]);
	if (result->verdict != SIMULATE_PROXY || a->own->config)
		return 0;
	return look_for_listener(session, a->own, &a->policy->rules[result->rule], result);
}

/* The policy that is asked, its tables, and the rules that are in force. */
static int read_policy(struct session *session, const struct own_flow *own, struct policy *policy,
		       struct tables *tables, struct tproxy_iface *lo)
{
	int err;

	if (own->config) {
		lo->mask = policy_local_rules(&own->config->policy);
		err = policy_copy(&own->config->policy, policy);
		return err ? err : tables_compile(policy, tables);
	}
	if (policy_maps_iface_get(&session->state, OWN_IFINDEX, lo))
		*lo = (struct tproxy_iface){ 0 };
	err = policy_maps_read(&session->state, policy);
	return err ? err : policy_maps_read_tables(&session->state, tables);
}

int own_flow_decide(struct session *session, const struct own_flow *own,
		    struct own_decision *ret_decision)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables tables __cleanup_tables = { 0 };
	struct own_decision decision = { .reason = OWN_REASON_RULES };
	struct own_asked asked = { .own = own, .policy = &policy, .tables = &tables };
	struct tproxy_iface lo = { 0 };
	int err = read_policy(session, own, &policy, &tables, &lo);

	asked.mask = lo.mask;
	asked.standing = OWN_ORDINARY;
	if (!err && !own->config)
		asked.standing = own_standing_of(&session->state, own->sender, own->pid);
	if (!err)
		err = decide(session, &asked, &decision);
	if (err) {
		log_error("test: %s (-v shows more)", strerror(-err));
		return err;
	}
	decision.attached = lo.roles & TPROXY_ROLE_LOCAL;
	*ret_decision = decision;
	return 0;
}
