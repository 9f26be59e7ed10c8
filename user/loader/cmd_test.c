/* SPDX-License-Identifier: BSD-2-Clause */
/* test: what would happen to a flow, and by which rule. Neither sends nor changes anything. */
#include <bpf/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/maps/policy_maps.h"
#include "kernel/maps/pools.h"
#include "kernel/maps/settings.h"
#include "kernel/probe/simulate.h"
#include "kernel/routing/route.h"
#include "loader/check/checks.h"
#include "loader/check/tools/entry.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/return_path.h"
#include "loader/commands.h"
#include "loader/edit/conffile.h"
#include "loader/edit/ruleopts.h"
#include "loader/own/test_own.h"
#include "loader/show/test_answer.h"
#include "loader/steps/iface.h"
#include "loader/steps/session_open.h"

#define CLIENT_PORT 40000

enum { OPT_IN = 3000, OPT_CONFIG, OPT_OWN };

static const struct option options[] = {
	{ "in", required_argument, NULL, OPT_IN },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "local", no_argument, NULL, OPT_OWN },
	{ "uid", required_argument, NULL, OPT_UID },
	{ "gid", required_argument, NULL, OPT_GID },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	APP_LONG_OPTIONS,
};

struct request {
	const char *ifname, *config;
	struct simulated_flow flow;
	const char *
		first; /* the first address of the command line; of own traffic it may be the only one */
	bool local;
	struct rule_options sender; /* --uid, --gid, --cgroup */
};

/* ---- command line ------------------------------------------------------- */

/* An address with a port, or without one if `port` is given. */
static int take_endpoint(const char *text, __u16 port, struct endpoint *ret_ep)
{
	struct endpoint ep = { .port = port };
	struct prefix address;
	const char *why = "expected an address and a port";

	if (port && !strchr(text, '/') && !parse_prefix(text, &address, &why)) {
		ep.family = address.family;
		memcpy(ep.addr, address.addr, sizeof(ep.addr));
		*ret_ep = ep;
		return 0;
	}
	if (!parse_endpoint(text, &ep, &why) && ep.family) {
		*ret_ep = ep;
		return 0;
	}
	return app_usage_error("test %s: %s (for example 192.0.2.1:22 or [2001:db8::1]:22)", text,
			       ep.port && !ep.family ? "an address is missing" : why);
}

static int take_operand(struct request *request, const char *operand)
{
	struct simulated_flow *flow = &request->flow;

	if (!flow->proto) {
		flow->proto = !strcmp(operand, "tcp") ? IPPROTO_TCP :
			      !strcmp(operand, "udp") ? IPPROTO_UDP :
							0;
		return flow->proto ?
			       EXIT_DONE :
			       app_usage_error("test %s: not a protocol (tcp or udp)", operand);
	}
	if (!flow->src.port) {
		request->first = operand;
		return take_endpoint(operand, CLIENT_PORT, &flow->src);
	}
	if (!flow->dst.port)
		return take_endpoint(operand, 0, &flow->dst);
	return app_usage_error("test: unexpected argument %s", operand);
}

static int take_option(struct request *request, int opt, const char *value)
{
	switch (opt) {
	case OPT_IN:
		request->ifname = value;
		return 0;
	case OPT_CONFIG:
		request->config = value;
		return 0;
	case OPT_OWN:
		request->local = true;
		request->sender.rule.local = TPROXY_LOCAL_ONLY;
		return 0;
	default:
		return rule_options_take(&request->sender, opt, value);
	}
}

static int check_sender(struct request *request)
{
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX; kind++) {
		const struct owner_set *set = &request->sender.rule.owners[kind];

		if (set->none || set->n > 1 ||
		    (set->n && set->items[0].first != set->items[0].last))
			return app_usage_error("test: --%s takes one name or id",
					       owner_kind_names[kind]);
	}
	if (request->local && request->ifname)
		return app_usage_error("test: --local or --in, not both");
	return rule_options_finish(&request->sender) ? EXIT_USAGE : EXIT_DONE;
}

/* Own traffic without a source: the socket is not bound to an address. */
static int take_unbound(struct request *request)
{
	struct simulated_flow *flow = &request->flow;
	int code = take_endpoint(request->first, 0, &flow->dst);

	flow->src = (struct endpoint){ .family = flow->dst.family, .port = CLIENT_PORT };
	return code;
}

static int check_flow(struct request *request)
{
	const struct simulated_flow *flow = &request->flow;
	int code = EXIT_DONE;

	if (request->local && request->first && !flow->dst.port)
		code = take_unbound(request);
	if (!code && !flow->dst.port)
		return app_usage_error("test: which flow? (test %s)",
				       request->local ? "--local tcp 198.51.100.1:22" :
							"tcp 192.0.2.1 198.51.100.1:22");
	if (!code && flow->src.family != flow->dst.family)
		return app_usage_error("test: source and destination are of different families");
	return code;
}

static int parse_request(struct app *app, int argc, char **argv, struct request *request)
{
	const char *operand;
	int opt, code = EXIT_DONE;

	while (!code && (opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (!opt)
			code = take_operand(request, operand);
		else if (take_option(request, opt, optarg))
			return EXIT_USAGE;
	}
	if (!code)
		code = check_sender(request);
	return code ? code : check_flow(request);
}

/* ---- the interface it enters -------------------------------------------- */

static int choose_interface(const struct request *request, struct session *session,
			    const struct config *config, char *ret_name)
{
	if (request->ifname)
		snprintf(ret_name, IF_NAMESIZE, "%s", request->ifname);
	else if (config && config->interfaces.n == 1 &&
		 !strpbrk(config->interfaces.items[0], "*?["))
		snprintf(ret_name, IF_NAMESIZE, "%s", config->interfaces.items[0]);
	else
		return entry_of(session, &request->flow.src, ret_name);
	return EXIT_DONE;
}

/* ---- the policy --------------------------------------------------------- */

/* As apply would fill them, with this one interface. */
static int fill(struct session *session, struct simulation *simulation, const struct config *config,
		const char *ifname, int ifindex)
{
	struct tproxy_config values = { .abi = TPROXY_ABI };
	struct tproxy_iface iface = { .roles = TPROXY_ROLE_POLICY };
	struct pool_table pools __cleanup_pools = { 0 };
	__u32 zero = 0;
	int err;

	values.mark = values.mask = config->mark ? config->mark : TPROXY_DEFAULT_MARK;
	values.df_mark = tproxy_df_mark(values.mark);
	settings_put(settings_of(&config->policy), &values);
	snprintf((char *)iface.name, sizeof(iface.name), "%s", ifname);
	iface.mask = policy_rules_on(&config->policy, ifname);
	err = policy_maps_fill(&simulation->maps, &config->policy, NULL);
	if (!err)
		err = pools_compile(config, &pools);
	if (!err)
		err = pools_fill(&simulation->maps, &pools);
	if (!err)
		err = policy_maps_iface_set(&simulation->maps, (__u32)ifindex, &iface);
	if (!err)
		err = policy_maps_refresh_local(&simulation->maps, &session->nl);
	if (!err && bpf_map_update_elem(simulation->maps.map[MAP_CONFIG], &zero, &values, BPF_ANY))
		err = -errno;
	return err;
}

static int read_rule(const struct simulation *simulation, int index, struct rule *ret_rule)
{
	struct policy rules __cleanup_policy = { 0 };
	int err = index < 0 ? 0 : policy_maps_read_rules(&simulation->maps, &rules);

	if (err || index < 0)
		return err;
	*ret_rule = rules.rules[index];
	ret_rule->interfaces = (struct name_set){ 0 }; /* freed with the policy, as the owners */
	memset(ret_rule->owners, 0, sizeof(ret_rule->owners));
	return 0;
}

static int run_simulation(struct session *session, const struct request *request,
			  const struct config *config, struct test_answer *answer)
{
	bool live = session->state.map[MAP_CONFIG] >= 0;
	struct simulation simulation = SIMULATE_CLOSED;
	int err = config ? simulate_open_empty(&simulation, live ? &session->state : NULL) :
			   simulate_open(&simulation, &session->state);

	if (err) {
		log_error("test: cannot load the programs: %s (-vv shows the verifier's log)",
			  strerror(-err));
		return EXIT_FAILED;
	}
	if (config)
		err = fill(session, &simulation, config, answer->ifname, request->flow.ifindex);
	if (!err)
		err = simulate_run(&simulation, &request->flow, &answer->simulation);
	if (!err)
		err = read_rule(&simulation, answer->simulation.rule, &answer->rule);
	simulate_close(&simulation);
	if (err)
		log_error("test: %s (-v shows more)", strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}

/* ---- what is attached --------------------------------------------------- */

static void check_return_path(struct checkup *c, const struct request *request, __u8 cls)
{
	const struct endpoint *src = &request->flow.src;

	for (size_t i = 0; i < c->n; i++) {
		const struct client client = {
			.iface = &c->ifaces[i],
			.classes = cls,
			.dead_hop = VERDICT_BROKEN,
			.family = src->family,
			.addr = src->addr,
		};

		if ((int)c->ifaces[i].iface.ifindex == request->flow.ifindex)
			return_path_check(c, &client);
	}
}

/* Runs the checks of its interface and keeps the problems that concern the flow. */
static int check_live(struct session *session, const struct request *request,
		      struct test_answer *answer)
{
	const struct simulated_flow *flow = &request->flow;
	const __u8 cls = (__u8)(1 << listening_class(flow->proto, flow->dst.family));
	struct checkup c __cleanup_checkup = { 0 };
	int err = checkup_open(&c, session);

	if (err) {
		log_error("%s: cannot read the maps: %s", session->state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	checks_run(&c, answer->ifname, CHECKS_QUICK);
	check_return_path(&c, request, cls);
	test_answer_take(answer, &c.problems, cls);
	return EXIT_DONE;
}

static int test(struct session *session, struct request *request, const struct config *config)
{
	struct test_answer answer __cleanup_answer = { .policy_only = config != NULL };
	char ifname[IF_NAMESIZE] = "";
	int code = choose_interface(request, session, config, ifname);

	if (code)
		return code;
	answer.ifname = ifname;
	request->flow.ifindex = (int)if_nametoindex(ifname);
	if (!request->flow.ifindex) {
		log_error("%s: no such interface (ip link shows the interfaces)", ifname);
		return EXIT_FAILED;
	}
	answer.attached = iface_is_attached(session, request->flow.ifindex);
	code = run_simulation(session, request, config, &answer);
	if (!code && !config && answer.attached)
		code = check_live(session, request, &answer);
	return code ? code : test_answer_print(&answer, session->app->json);
}

static int open_session(struct session *session, struct app *app, bool required)
{
	enum log_level level = app->level;
	int code, err;

	if (required)
		return session_open_to_read(session, app);
	/* With a file nothing needs to be attached; an attached state provides the listeners. */
	log_init("tproxy-loader", LOG_SILENT);
	code = session_open_to_read(session, app);
	log_init("tproxy-loader", level);
	if (!code)
		return EXIT_DONE;
	session_close(session);
	session->app = app;
	err = nl_open(&session->nl);
	if (err)
		log_error("netlink: %s", strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct app *app, struct request *request)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct config file __cleanup_config = { 0 };
	const struct config *config = request->config ? &file : NULL;
	int code;

	if (config && conffile_read(request->config, NULL, &file))
		return EXIT_FAILED;
	if (!app_enter(app))
		return EXIT_FAILED;
	code = open_session(&session, app, !config);
	if (code)
		return code;
	return request->local ? test_own(&session, &request->flow, &request->sender.rule, config) :
				test(&session, request, config);
}

int cmd_test(struct app *app, int argc, char **argv)
{
	struct request request = { 0 };
	int code = parse_request(app, argc, argv, &request);

	if (!code)
		code = run(app, &request);
	rule_options_free(&request.sender);
	return code;
}
