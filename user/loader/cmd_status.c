/* SPDX-License-Identifier: BSD-2-Clause */
/* status: everything is read back from the kernel, nothing is remembered. */
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/older.h"
#include "lib/pools.h"
#include "loader/changes.h"
#include "loader/iface.h"
#include "loader/show.h"
#include "loader/steps.h"

static const struct option options[] = { APP_LONG_OPTIONS };

static const struct {
	const char *name;
	const char *meaning;
} counter_names[TPROXY_COUNT_MAX] = {
#define X(symbol, name, meaning) [TPROXY_COUNT_##symbol] = { name, meaning },
	TPROXY_COUNTERS(X)
#undef X
};

static const char *const class_names[TPROXY_CLASS_MAX] = {
	[TPROXY_TCP4] = "tcp4",
	[TPROXY_TCP6] = "tcp6",
	[TPROXY_UDP4] = "udp4",
	[TPROXY_UDP6] = "udp6",
};

static const char *const routing_names[ROUTING_MAX] = {
	[ROUTING_OK] = "ok",
	[ROUTING_NO_RULE] = "rule missing",
	[ROUTING_NO_ROUTE] = "route missing",
	[ROUTING_ABSENT] = "no such family",
};

struct iface_view {
	struct live_iface iface;
	const char *name;
	bool gone, up;
	enum hook hook;
	enum routing routing4, routing6;
	char vrf[IF_NAMESIZE]; /* whose member it is; or empty */
};

struct view {
	struct session *session;
	struct iface_view *ifaces; /* owned */
	size_t n;
	struct policy policy;
	struct pool_table pools;
	__u64 counters[TPROXY_COUNT_MAX];
	bool listeners[TPROXY_CLASS_MAX];
	bool lookup;
	size_t older; /* UDP flows */
};

static void look_at_iface(struct session *session, struct iface_view *v)
{
	struct device device = { 0 };

	v->name = (const char *)v->iface.value.name;
	snprintf(device.name, sizeof(device.name), "%s", v->name);
	v->gone = !iface_is_there(session, &v->iface, &device);
	v->up = !v->gone && (device.flags & IFF_UP);
	if (!device_vrf(&device) || !if_indextoname((unsigned int)device_vrf(&device), v->vrf))
		v->vrf[0] = '\0';
	v->hook = v->gone ? HOOK_NONE : steps_hook_present(session, device.ifindex);
	v->routing4 = steps_routing(session, AF_INET, &device);
	v->routing6 = steps_routing(session, AF_INET6, &device);
}

static int look_at_ifaces(struct view *view, const char *only)
{
	__cleanup_free struct live_iface *ifaces = NULL;
	size_t n = 0;
	int err = live_ifaces(&view->session->state, &ifaces, &n);

	if (err)
		return err;
	view->ifaces = calloc(n ? n : 1, sizeof(*view->ifaces));
	if (!view->ifaces)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (only && strcmp(only, (const char *)ifaces[i].value.name))
			continue;
		view->ifaces[view->n].iface = ifaces[i];
		look_at_iface(view->session, &view->ifaces[view->n++]);
	}
	return 0;
}

static int look(struct view *view, const char *only)
{
	const struct state *state = &view->session->state;
	char path[STATE_PATH_LEN];
	int err = look_at_ifaces(view, only);

	if (!err)
		err = live_read_policy(state, &view->policy);
	if (!err)
		err = pools_read(state, &view->pools);
	if (!err)
		err = live_counters(state, view->counters);
	for (__u32 class = 0; class < TPROXY_CLASS_MAX; class++)
		view->listeners[class] = live_slot_cookie(state, TPROXY_SLOT(0, class, 0)) != 0;
	view->older = older_count(state);
	view->lookup = hook_lookup_present(state_lookup_path(state, path));
	return err;
}

/* ---- JSON ----------------------------------------------------------------- */

static struct json_object *roles_json(__u32 roles)
{
	struct json_object *array = json_object_new_array();

	if (roles & TPROXY_ROLE_POLICY)
		json_object_array_add(array, json_object_new_string("policy"));
	if (roles & TPROXY_ROLE_DIVERT)
		json_object_array_add(array, json_object_new_string("divert"));
	if (roles & TPROXY_ROLE_DRAINING)
		json_object_array_add(array, json_object_new_string("draining"));
	return array;
}

static struct json_object *iface_json(const struct iface_view *v)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "name", json_object_new_string(v->name));
	json_object_object_add(object, "ifindex", json_object_new_int((int)v->iface.ifindex));
	json_object_object_add(object, "present", json_object_new_boolean(!v->gone));
	json_object_object_add(object, "up", json_object_new_boolean(v->up));
	json_object_object_add(object, "hook", json_object_new_string(hook_names[v->hook]));
	json_object_object_add(object, "roles", roles_json(v->iface.value.roles));
	if (v->vrf[0])
		json_object_object_add(object, "vrf", json_object_new_string(v->vrf));
	json_object_object_add(object, "routing4",
			       json_object_new_string(routing_names[v->routing4]));
	json_object_object_add(object, "routing6",
			       json_object_new_string(routing_names[v->routing6]));
	return object;
}

static int print_json(const struct view *view)
{
	const struct tproxy_config *config = &view->session->state.config;
	struct json_object *root = show_json_root();
	struct json_object *ifaces = json_object_new_array();
	struct json_object *listeners = json_object_new_object();
	struct json_object *counters = json_object_new_object();

	for (size_t i = 0; i < view->n; i++)
		json_object_array_add(ifaces, iface_json(&view->ifaces[i]));
	for (int i = 0; i < TPROXY_CLASS_MAX; i++)
		json_object_object_add(listeners, class_names[i],
				       json_object_new_boolean(view->listeners[i]));
	for (int i = 0; i < TPROXY_COUNT_MAX; i++)
		json_object_object_add(counters, counter_names[i].name,
				       json_object_new_uint64(view->counters[i]));
	json_object_object_add(root, "attached", json_object_new_boolean(view->n > 0));
	json_object_object_add(root, "pin_dir",
			       json_object_new_string(view->session->state.dir));
	json_object_object_add(root, "abi", json_object_new_int((int)config->abi));
	json_object_object_add(root, "generation", json_object_new_int64(config->generation));
	json_object_object_add(root, "mark", json_object_new_int64(config->mark));
	json_object_object_add(root, "df_mark", json_object_new_int64(config->df_mark));
	json_object_object_add(root, "table", json_object_new_int64(config->table));
	json_object_object_add(root, "unreadable",
			       json_object_new_string(
				       policy_unreadable_names[view->policy.unreadable]));
	json_object_object_add(root, "sk_lookup", json_object_new_boolean(view->lookup));
	json_object_object_add(root, "interfaces", ifaces);
	json_object_object_add(root, "relay", listeners);
	json_object_object_add(root, "rules",
			       show_rules_json(&view->session->state, &view->policy));
	json_object_object_add(root, "pools", show_pools_json(&view->pools));
	changes_add_status(view->session, &view->policy, root);
	json_object_object_add(root, "older_udp_flows", json_object_new_uint64(view->older));
	json_object_object_add(root, "counters", counters);
	return show_json_print(root);
}

/* ---- text ----------------------------------------------------------------- */

static void print_iface(const struct iface_view *v)
{
	const __u32 roles = v->iface.value.roles;
	const bool policy = roles & TPROXY_ROLE_POLICY, divert = roles & TPROXY_ROLE_DIVERT;

	printf("  %s: ", v->name);
	if (v->gone) {
		printf("gone (tproxy-loader clean)\n");
		return;
	}
	printf("%s%s%s%s%s", v->hook == HOOK_NONE ? "PROGRAM MISSING" : hook_names[v->hook],
	       policy ? ", policy" : "", divert ? (policy ? "+divert" : ", divert") : "",
	       v->up ? "" : ", down", roles & TPROXY_ROLE_DRAINING ? ", draining" : "");
	if (v->vrf[0])
		printf(", in VRF %s", v->vrf);
	printf(", routing IPv4 %s, IPv6 %s\n", routing_names[v->routing4],
	       routing_names[v->routing6]);
}

static void print_listeners(const struct view *view)
{
	bool any = false;

	printf("relay:");
	for (int i = 0; i < TPROXY_CLASS_MAX; i++) {
		if (view->listeners[i])
			printf(" %s", class_names[i]);
		any |= view->listeners[i];
	}
	printf("%s\n", any ? " registered" : " not registered (start tproxy-relay)");
}

static void print_text(const struct view *view)
{
	const struct tproxy_config *config = &view->session->state.config;
	bool any = false;

	printf("pins %s, generation %u, mark 0x%x, table %u, unreadable %s%s\n",
	       view->session->state.dir, config->generation, config->mark, config->table,
	       policy_unreadable_names[view->policy.unreadable],
	       view->lookup || !view->n ? "" : ", SK_LOOKUP MISSING");
	printf("interfaces:%s\n", view->n ? "" : " none");
	for (size_t i = 0; i < view->n; i++)
		print_iface(&view->ifaces[i]);
	print_listeners(view);
	printf("rules:\n");
	show_rules_text(&view->session->state, &view->policy, "  ");
	show_pools_text(&view->pools);
	changes_print_status(view->session, &view->policy);
	if (view->older)
		printf("older UDP flows: %zu, left alone until idle for a minute\n", view->older);
	printf("packets:\n");
	for (int i = 0; i < TPROXY_COUNT_MAX; i++) {
		if (!view->counters[i])
			continue;
		any = true;
		printf("  %-17s %12llu  %s\n", counter_names[i].name, view->counters[i],
		       counter_names[i].meaning);
	}
	if (!any)
		printf("  none yet\n");
}

/* With --json an absent state is an answer too. */
static void print_absent_json(const struct app *app)
{
	struct json_object *root = show_json_root();

	json_object_object_add(root, "attached", json_object_new_boolean(false));
	json_object_object_add(root, "pin_dir", json_object_new_string(app->pin_dir));
	json_object_object_add(root, "interfaces", json_object_new_array());
	show_json_print(root);
}

static int status(struct app *app, const char *only)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct view view = { .session = &session };
	int err, code = session_open(&session, app, SESSION_READ);

	if (code == EXIT_NOT_ATTACHED && app->json)
		print_absent_json(app);
	if (code)
		return code;
	err = look(&view, only);
	if (err) {
		log_error("%s: cannot read the maps: %s", session.state.dir, strerror(-err));
		code = EXIT_FAILED;
	} else if (only && !view.n) {
		log_error("%s: not attached (tproxy-loader attach %s)", only, only);
		code = EXIT_NOT_ATTACHED;
	} else if (app->json) {
		code = print_json(&view);
	} else {
		print_text(&view);
	}
	policy_free(&view.policy);
	pools_free(&view.pools);
	free(view.ifaces);
	return code || view.n ? code : EXIT_NOT_ATTACHED;
}

int cmd_status(struct app *app, int argc, char **argv)
{
	const char *operand, *only = NULL;
	int opt;

	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (only)
			return app_usage_error("status: one interface at most");
		only = operand;
	}
	return app_enter(app) ? status(app, only) : EXIT_FAILED;
}
