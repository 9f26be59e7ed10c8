/* SPDX-License-Identifier: BSD-2-Clause */
/* What `status` shows, as text. */
#include "loader/edit/changes.h"
#include "loader/show/adopted.h"
#include "loader/show/show.h"
#include "loader/show/status.h"

static void print_chain(const struct chain *chain)
{
	char text[128];

	for (size_t i = 0; i < chain->n; i++) {
		const struct chain_program *program = &chain->items[i];

		printf("    before it: %s on %s%s\n", chain_text(program, text, sizeof(text)),
		       program->device, program->acknowledged ? ", acknowledged" : "");
	}
	if (chain->more)
		printf("    and %zu more\n", chain->more);
	if (chain->blind)
		printf("    the programs before it cannot be read\n");
}

static void print_iface(const struct iface_view *v)
{
	const __u32 roles = v->checked->iface.value.roles;
	const bool policy = roles & TPROXY_ROLE_POLICY, divert = roles & TPROXY_ROLE_DIVERT;

	printf("  %s: ", v->name);
	if (!v->checked->there) {
		printf("gone (tproxy-loader clean)\n");
		return;
	}
	printf("%s%s%s%s%s", v->hook == HOOK_NONE ? "PROGRAM MISSING" : hook_names[v->hook],
	       policy ? ", policy" : "", divert ? (policy ? "+divert" : ", divert") : "",
	       v->up ? "" : ", down", roles & TPROXY_ROLE_DRAINING ? ", draining" : "");
	if (v->vrf[0])
		printf(", in VRF %s", v->vrf);
	printf(", routing IPv4 %s, IPv6 %s\n", v->routing4, v->routing6);
	print_chain(&v->chain);
}

static void print_classes(__u8 classes, const char *what)
{
	for (int i = 0; i < TPROXY_CLASS_MAX; i++)
		if (classes >> i & 1)
			printf(" %s", listening_class_names[i]);
	printf(" %s", what);
}

static void print_relay(const struct status *s)
{
	const __u8 classes = listening_relay(&s->listening), dead = s->listening.dead;

	printf("relay:");
	if (classes)
		print_classes(classes, "registered");
	if (classes && dead)
		printf(",");
	if (dead)
		print_classes(dead, "dead (restart tproxy-relay)");
	printf("%s\n", classes || dead ? "" : " not registered (start tproxy-relay)");
}

static void print_listener(const struct status *s, const struct rule *rule)
{
	const __u8 wanted = listening_wanted(rule);
	const struct listener *listener;
	char proxy[PROXY_TEXT_LEN];
	const char *separator = "";

	printf("  rule %s, %s: ", rule->name, proxy_format(&rule->proxy, proxy));
	for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		enum found found;

		if (!(wanted >> cls & 1))
			continue;
		found = listening_find(&s->listening, rule, cls, NULL, &listener);
		printf("%s%s %s", separator, listening_class_names[cls], found_names[found]);
		separator = ", ";
	}
	printf("\n");
}

/* Of the rules whose proxy is a port. */
static void print_listeners(const struct status *s)
{
	bool any = false;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct rule *rule = &s->checkup.policy.rules[i];

		if (!rule_is_proxy(rule) || !rule->proxy.port)
			continue;
		if (!any)
			printf("listeners:\n");
		any = true;
		print_listener(s, rule);
	}
}

static void print_counters(const struct status *s)
{
	bool any = false;

	printf("packets:\n");
	for (int i = 0; i < TPROXY_COUNT_MAX; i++) {
		if (!s->counters[i])
			continue;
		any = true;
		printf("  %-17s %12llu  %s\n", counter_texts[i].name, s->counters[i],
		       counter_texts[i].meaning);
	}
	if (!any)
		printf("  none yet\n");
}

/* Flows may enter by another interface, or not come at all: nothing else tells that. */
static bool is_idle(const struct status *s)
{
	const struct checkup *c = &s->checkup;
	bool any = false;

	if (!status_intercepts(s) || problems_verdict(&c->problems) != VERDICT_OK)
		return false;
	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		struct tproxy_rulestat stat = { 0 };

		if (!c->policy.rules[i].used)
			continue;
		any = true;
		if (policy_maps_rulestat(&c->session->state, (__u32)i, &stat) || stat.packets)
			return false;
	}
	return any;
}

static void print_verdict(const struct status *s)
{
	const struct problems *problems = &s->checkup.problems;
	const struct app *app = s->checkup.session->app;
	const bool remark = app->level != LOG_QUIET && is_idle(s);

	if ((s->n || s->own.attached) && !status_intercepts(s))
		printf("nothing is intercepted: no rule applies to these interfaces\n");
	if (s->checkup.probes_sent)
		printf("probes: %u sent, %u arrived\n", s->checkup.probes_sent,
		       s->checkup.probes_arrived);
	else if (s->checkup.must_probe)
		printf("probes: none sent: no rule takes flows there, or the interface has no address "
		       "in whose network a client could be (-v shows more)\n");
	if (problems->n)
		printf("problems:\n");
	problems_print(problems);
	if (problems->incomplete)
		printf("  ! out of memory: some problems are missing\n");
	if (remark)
		printf("no flow has met a rule yet: tproxy-loader %s\n",
		       s->n ? "trace shows what enters" :
			      "trace --local shows what this host begins");
	if (problems->n || remark)
		app_print_place(app);
	printf("verdict: %s\n", verdict_names[problems_verdict(problems)]);
}

void status_print_text(const struct status *s)
{
	const struct session *session = s->checkup.session;
	const struct tproxy_config *config = &session->state.config;
	const struct policy *policy = &s->checkup.policy;

	printf("pins %s, generation %u, mark 0x%x, table %u, unreadable %s%s\n", session->state.dir,
	       config->generation, config->mark, config->table,
	       policy_unreadable_names[policy->unreadable],
	       s->lookup || !s->n ? "" : ", SK_LOOKUP MISSING");
	printf("interfaces:%s\n", s->n ? "" : " none");
	for (size_t i = 0; i < s->n; i++)
		print_iface(&s->ifaces[i]);
	own_view_print(&s->own);
	print_relay(s);
	print_listeners(s);
	adopted_print(&s->records);
	shims_print(&session->state);
	printf("rules:\n");
	show_rules_text(&session->state, policy, "  ");
	show_pools_text(&s->pools);
	changes_print_status(session, policy);
	if (s->older)
		printf("older UDP flows: %zu, left alone until idle for a minute\n", s->older);
	print_counters(s);
	print_verdict(s);
}
