/* SPDX-License-Identifier: BSD-2-Clause */
/* test: what would happen to a flow, and by which rule. Sends nothing, changes nothing. */
#include <bpf/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/live.h"
#include "lib/pools.h"
#include "lib/route.h"
#include "lib/settings.h"
#include "lib/trial.h"
#include "loader/conffile.h"
#include "loader/show.h"

#define CLIENT_PORT 40000

enum { OPT_IN = 3000, OPT_CONFIG };

static const struct option options[] = {
	{ "in", required_argument, NULL, OPT_IN },
	{ "config", required_argument, NULL, OPT_CONFIG },
	APP_LONG_OPTIONS,
};

struct request {
	const char *ifname, *config;
	struct trial_flow flow;
};

static const char *const meanings[TRIAL_MAX] = {
	[TRIAL_NONE] = "no rule concerns it: left alone",
	[TRIAL_PROXY] = "to the proxy's listener",
	[TRIAL_PASS] = "left alone",
	[TRIAL_DROP] = "dropped",
	[TRIAL_RESET] = "refused with a reset or ICMP error",
	[TRIAL_LOCAL] = "addressed to this host: left alone",
	[TRIAL_POOL] = "an address of a pool: tproxy-relay takes it to the server",
	[TRIAL_OWNED] = "a socket here owns it, or is bound to its destination: delivered here",
	[TRIAL_OLDER] = "it began before the rule: left alone until it is idle for a minute",
	[TRIAL_UNROUTED] = "there is no route to its destination: left to the kernel",
};

/* ---- command line --------------------------------------------------------- */

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
	struct trial_flow *flow = &request->flow;

	if (!flow->proto) {
		flow->proto = !strcmp(operand, "tcp") ? IPPROTO_TCP :
			      !strcmp(operand, "udp") ? IPPROTO_UDP :
							0;
		return flow->proto ? EXIT_DONE :
				     app_usage_error("test %s: not a protocol (tcp or udp)",
						     operand);
	}
	if (!flow->src.port)
		return take_endpoint(operand, CLIENT_PORT, &flow->src);
	if (!flow->dst.port)
		return take_endpoint(operand, 0, &flow->dst);
	return app_usage_error("test: unexpected argument %s", operand);
}

static int parse_request(struct app *app, int argc, char **argv, struct request *request)
{
	const char *operand;
	int opt, code = EXIT_DONE;

	while (!code && (opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt == OPT_IN)
			request->ifname = optarg;
		if (opt == OPT_CONFIG)
			request->config = optarg;
		if (!opt)
			code = take_operand(request, operand);
	}
	if (code)
		return code;
	if (!request->flow.dst.port)
		return app_usage_error("test: which flow? (test tcp 192.0.2.1 198.51.100.1:22)");
	if (request->flow.src.family != request->flow.dst.family)
		return app_usage_error("test: source and destination are of different families");
	return EXIT_DONE;
}

/* ---- the interface it enters by ------------------------------------------- */

static int only_attached(const struct session *session, char *ret_name)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0, found = 0;
	int err = live_ifaces(&session->state, &ifaces, &n);

	for (size_t i = 0; i < n; i++) {
		if (!(ifaces[i].value.roles & TPROXY_ROLE_POLICY))
			continue;
		found++;
		snprintf(ret_name, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, ifaces[i].value.name);
	}
	return err ? err : found == 1 ? 0 : -ENOTUNIQ;
}

static int choose_interface(const struct request *request, const struct session *session,
			    const struct config *config, char *ret_name)
{
	if (request->ifname)
		snprintf(ret_name, IF_NAMESIZE, "%s", request->ifname);
	else if (config && config->interfaces.n == 1 &&
		 !strpbrk(config->interfaces.items[0], "*?["))
		snprintf(ret_name, IF_NAMESIZE, "%s", config->interfaces.items[0]);
	else if (session->state.map[MAP_IFACES] < 0 || only_attached(session, ret_name))
		return app_usage_error("test: which interface does the flow enter by? (--in IF)");
	return EXIT_DONE;
}

/* ---- the policy ----------------------------------------------------------- */

/* As apply would fill them, with this one interface. */
static int fill(struct session *session, struct trial *trial, const struct config *config,
		const char *ifname, int ifindex)
{
	struct tproxy_config values = { .abi = TPROXY_ABI };
	struct tproxy_iface iface = { .roles = TPROXY_ROLE_POLICY };
	struct pool_table pools __cleanup_pools = { 0 };
	__u32 zero = 0;
	int err;

	values.mark = values.mask = config->mark ? config->mark : TPROXY_DEFAULT_MARK;
	values.df_mark = route_df_mark(values.mark);
	settings_put(settings_of(&config->policy), &values);
	snprintf((char *)iface.name, sizeof(iface.name), "%s", ifname);
	iface.mask = policy_rules_on(&config->policy, ifname);
	err = live_fill(&trial->maps, &config->policy, NULL);
	if (!err)
		err = pools_compile(config, &pools);
	if (!err)
		err = pools_fill(&trial->maps, &pools);
	if (!err)
		err = live_iface_set(&trial->maps, (__u32)ifindex, &iface);
	if (!err)
		err = live_refresh_local(&trial->maps, &session->nl);
	if (!err && bpf_map_update_elem(trial->maps.map[MAP_CONFIG], &zero, &values, BPF_ANY))
		err = -errno;
	return err;
}

static int tell(const struct session *session, const struct trial *trial, const char *ifname,
		const struct trial_result *r)
{
	struct policy rules __cleanup_policy = { 0 };
	struct json_object *root;
	char proxy[PROXY_TEXT_LEN] = "";
	const char *name = NULL;

	if (!live_read_rules(&trial->maps, &rules) && r->rule >= 0) {
		name = rules.rules[r->rule].name;
		if (rules.rules[r->rule].action == TPROXY_ACTION_PROXY)
			proxy_format(&rules.rules[r->rule].proxy, proxy);
	}
	if (!session->app->json) {
		printf("in %s: ", ifname);
		if (name)
			printf("rule %d %s%s%s: ", r->rule, name, *proxy ? ": proxy " : "", proxy);
		printf("%s%s\n", r->no_listener ? "there is no listener: " : "",
		       meanings[r->verdict]);
		return EXIT_DONE;
	}
	root = show_json_root();
	json_object_object_add(root, "interface", json_object_new_string(ifname));
	json_object_object_add(root, "verdict",
			       json_object_new_string(trial_verdict_names[r->verdict]));
	json_object_object_add(root, "rule", name ? json_object_new_string(name) : NULL);
	json_object_object_add(root, "rule_index",
			       name ? json_object_new_int(r->rule) : NULL);
	json_object_object_add(root, "proxy", *proxy ? json_object_new_string(proxy) : NULL);
	if (*proxy)
		json_object_object_add(root, "listener",
				       json_object_new_boolean(!r->no_listener));
	return show_json_print(root);
}

static int run_trial(struct session *session, struct trial *trial, struct request *request,
		     const struct config *config, const char *ifname)
{
	struct trial_result result;
	int err = 0;

	if (config)
		err = fill(session, trial, config, ifname, request->flow.ifindex);
	if (!err)
		err = trial_run(trial, &request->flow, &result);
	if (!err)
		return tell(session, trial, ifname, &result);
	log_error("test: %s (-v shows more)", strerror(-err));
	return EXIT_FAILED;
}

static int test(struct session *session, struct request *request, const struct config *config)
{
	struct trial trial = TRIAL_CLOSED;
	char ifname[IF_NAMESIZE] = "";
	bool live = session->state.map[MAP_CONFIG] >= 0;
	int err, code = choose_interface(request, session, config, ifname);

	if (code)
		return code;
	request->flow.ifindex = (int)if_nametoindex(ifname);
	if (!request->flow.ifindex) {
		log_error("%s: no such interface (ip link shows the interfaces)", ifname);
		return EXIT_FAILED;
	}
	if (live && !config && session->state.config.build != state_build())
		log_warn("the attached programs are of another build than this loader");
	err = trial_open(&trial, live ? &session->state : NULL, config != NULL);
	if (err) {
		log_error("test: cannot load the programs: %s (-vv shows the verifier's log)",
			  strerror(-err));
		return EXIT_FAILED;
	}
	code = run_trial(session, &trial, request, config, ifname);
	trial_close(&trial);
	return code;
}

static int open_session(struct session *session, struct app *app, bool required)
{
	enum log_level level = app->level;
	int code, err;

	if (required)
		return session_open(session, app, SESSION_READ);
	/* With a file, nothing needs to be attached; what is lends its listeners. */
	log_init("tproxy-loader", LOG_SILENT);
	code = session_open(session, app, SESSION_READ);
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

int cmd_test(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct config config __cleanup_config = { 0 };
	struct request request = { 0 };
	int code = parse_request(app, argc, argv, &request);

	if (code)
		return code;
	if (request.config && conffile_read(request.config, NULL, &config))
		return EXIT_FAILED;
	if (!app_enter(app))
		return EXIT_FAILED;
	code = open_session(&session, app, !request.config);
	return code ? code : test(&session, &request, request.config ? &config : NULL);
}
