/* SPDX-License-Identifier: BSD-2-Clause */
/* Is there somebody to take what the rules give away? */
#include "loader/check_list.h"

static bool uses_relay(const struct rule *rule) {
  return rule->used && rule->action == TPROXY_ACTION_PROXY && !rule->proxy.port;
}

static bool relay_is_there(const struct state *state) {
  for (__u32 class = 0; class < TPROXY_CLASS_MAX; class ++)
    if (live_slot_cookie(state, TPROXY_SLOT(0, class, 0)))
      return true;
  return false;
}

void check_listeners(struct checkup *c) {
  struct problem *p;

  if (relay_is_there(&c->session->state))
    return;
  for (int i = 0; i < TPROXY_MAX_RULES; i++) {
    const struct rule *rule = &c->policy.rules[i];

    if (!uses_relay(rule))
      continue;
    p = problem_add(&c->problems, "no-listener", VERDICT_BROKEN, NULL,
                    rule->name);
    problem_text(
        p,
        "no relay is registered: new flows are treated as on-proxy-down = %s "
        "says",
        policy_on_down_names[rule->on_down]);
    problem_next(p, "start tproxy-relay");
  }
}
