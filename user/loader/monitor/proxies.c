/* SPDX-License-Identifier: BSD-2-Clause */
/* For which flows of a rule there is no listener, and when one comes back. */
#include <string.h>

#include "loader/check/tools/listening.h"
#include "loader/monitor/monitor.h"

static __u8 find_down(const struct listening *l, const struct rule *rule)
{
	const __u8 wanted = listening_wanted(rule);
	__u8 down = 0;

	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		const struct listener *listener;

		if (wanted >> cls & 1 &&
		    listening_find(l, rule, (enum tproxy_class)cls, NULL, &listener) == FOUND_NONE)
			down |= (__u8)(1 << cls);
	}
	return down;
}

static void say(struct monitoring *m, int rule, __u8 classes, bool down)
{
	struct json_object *detail = monitor_detail(), *array = json_object_new_array();
	char text[64] = "";

	monitor_add_text(detail, "rule", m->names[rule]);
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		size_t len = strlen(text);

		if (!(classes >> cls & 1))
			continue;
		snprintf(text + len, sizeof(text) - len, "%s%s", len ? ", " : "",
			 listening_class_names[cls]);
		json_object_array_add(array, json_object_new_string(listening_class_names[cls]));
	}
	json_object_object_add(detail, "flows", array);
	monitor_say(&m->out, NULL, down ? "proxy_down" : "proxy_up", detail,
		    down ? "rule %s: no listener for %s" : "rule %s: a listener for %s",
		    m->names[rule], text);
}

void monitoring_look_proxies(struct monitoring *m, const struct session *session)
{
	struct listening l;
	int err = listening_open(&l, &session->state);

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		const struct rule *rule = &m->policy.policy.rules[i];
		__u8 down = 0;

		if (m->policy.read && rule->used && rule->action == TPROXY_ACTION_PROXY)
			down = find_down(&l, rule);
		if (down & ~m->down[i])
			say(m, i, down & (__u8)~m->down[i], true);
		if (m->down[i] & ~down && rule->used)
			say(m, i, m->down[i] & (__u8)~down, false);
		m->down[i] = down;
	}
	listening_close(&l);
}
