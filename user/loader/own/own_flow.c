/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/own/own_flow.h"

#include <arpa/inet.h>
#include <string.h>

#include "kernel/maps/policy_maps.h"
#include "lib/addrset.h"
#include "lib/log.h"
#include "lib/mapped.h"
#include "loader/check/tools/listening.h"
#include "policy/scope.h"

#define IFINDEX_LO 1

/* ---- the decision ------------------------------------------------------- */

/* Addresses of this host, and those that nothing is forwarded to: the programs leave them alone. */
static int is_for_this_host(struct session *session, const struct endpoint *dst, bool *ret_is)
{
	struct prefix prefix = { .family = dst->family, .len = dst->family == AF_INET ? 32 : 128 };
	struct addrset local = { 0 };
	struct addrset_key key;
	int err = addrset_read(&local, &session->nl);

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

static int decide(struct session *session, const struct own_flow *own, const struct policy *policy,
		  const struct tables *tables, tproxy_mask mask, struct simulate_result *result)
{
	struct tproxy_flow_key key = { .proto = own->flow->proto,
				       .sport = htons(own->flow->src.port),
				       .dport = htons(own->flow->dst.port) };
	bool here = false;
	int err = is_for_this_host(session, &own->flow->dst, &here);

	result->rule = -1;
	result->verdict = here ? SIMULATE_LOCAL : SIMULATE_NONE;
	if (err || here)
		return err;
	mapped_from(own->flow->src.family, own->flow->src.addr, key.src);
	mapped_from(own->flow->dst.family, own->flow->dst.addr, key.dst);
	result->rule = takes_own_flow(tables, mask, &key, &own->sender->takes);
	if (result->rule < 0)
		return 0;
	result->verdict = verdict_of(&policy->rules[result->rule]);
	if (result->verdict != SIMULATE_PROXY || own->config)
		return 0;
	return look_for_listener(session, own, &policy->rules[result->rule], result);
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
	if (policy_maps_iface_get(&session->state, IFINDEX_LO, lo))
		*lo = (struct tproxy_iface){ 0 };
	err = policy_maps_read(&session->state, policy);
	return err ? err : policy_maps_read_tables(&session->state, tables);
}

int own_flow_decide(struct session *session, const struct own_flow *own,
		    struct simulate_result *ret_result, struct rule *ret_rule, bool *ret_attached)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables tables __cleanup_tables = { 0 };
	struct simulate_result result = { 0 };
	struct tproxy_iface lo = { 0 };
	int err = read_policy(session, own, &policy, &tables, &lo);

	if (!err)
		err = decide(session, own, &policy, &tables, lo.mask, &result);
	if (err) {
		log_error("test: %s (-v shows more)", strerror(-err));
		return err;
	}
	if (result.rule >= 0) {
		const struct rule *rule = &policy.rules[result.rule];

		*ret_rule = (struct rule){ .used = true,
					   .action = rule->action,
					   .on_down = rule->on_down,
					   .proxy = rule->proxy };
		snprintf(ret_rule->name, sizeof(ret_rule->name), "%s", rule->name);
	}
	*ret_result = result;
	*ret_attached = lo.roles & TPROXY_ROLE_LOCAL;
	return 0;
}
