/* SPDX-License-Identifier: BSD-2-Clause */
/* save: prints the live policy as a configuration file. Changes nothing. */
#include <string.h>

#include "kernel/maps/policy_maps.h"
#include "loader/commands.h"
#include "loader/edit/changes.h"
#include "loader/show/show.h"
#include "loader/steps/session_open.h"

/* Adds the attached interfaces that the names and globs of the applied file do not cover. */
static int add_interfaces(const struct state *state, struct config *config)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = policy_maps_ifaces(state, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		const char *name = (const char *)ifaces[i].value.name;
		__u32 roles = ifaces[i].value.roles;

		if (!policy_ifname_is_valid(name)) {
			log_warn("%s: a file cannot name this interface: left out", name);
			continue;
		}
		if ((roles & TPROXY_ROLE_POLICY) && !name_set_matches(&config->interfaces, name))
			err = name_set_add(&config->interfaces, name);
		if (!err && (roles & TPROXY_ROLE_DIVERT) &&
		    !name_set_matches(&config->divert, name))
			err = name_set_add(&config->divert, name);
	}
	return err;
}

static int collect(const struct state *state, struct config *config)
{
	struct pool_table pools __cleanup_pools = { 0 };
	int err = changes_applied(state, config);

	if (err && err != -ENOENT)
		return err;
	policy_free(&config->policy);
	config->mark = state->config.mark == TPROXY_DEFAULT_MARK ? 0 : state->config.mark;
	config->table = state->config.table == TPROXY_DEFAULT_TABLE ? 0 : state->config.table;
	err = policy_maps_read(state, &config->policy);
	if (!err)
		err = pools_read(state, &pools);
	if (!err)
		err = pools_to_config(&pools, config);
	return err ? err : add_interfaces(state, config);
}

static int print_json(const struct config *config)
{
	struct json_object *root = show_json_root();
	__cleanup_free char *text = config_text(config);

	json_object_object_add(root, "config", json_object_new_string(text ? text : ""));
	return show_json_print(root);
}

int cmd_save(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct config config __cleanup_config = { 0 };
	int code, err;

	if (app_no_operand(app, argc, argv, "takes no arguments (it prints to standard output)"))
		return EXIT_USAGE;
	if (!app_enter(app))
		return EXIT_FAILED;
	code = session_open_to_read(&session, app);
	if (code)
		return code;
	err = collect(&session.state, &config);
	if (err) {
		log_error("%s: cannot read the policy: %s", session.state.dir, strerror(-err));
		return EXIT_FAILED;
	}
	if (app->json)
		return print_json(&config);
	err = config_print(&config, stdout);
	if (err)
		log_error("stdout: %s", strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}
