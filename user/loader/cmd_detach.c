/* SPDX-License-Identifier: BSD-2-Clause */
/* detach: undoes attach, for some interfaces or for all. Owns the command line and the order. */
#include <string.h>

#include "loader/commands.h"
#include "loader/steps/drain.h"
#include "loader/steps/iface.h"
#include "loader/steps/own/own.h"
#include "loader/steps/session_open.h"
#include "policy/takes.h"

enum { OPT_ALL = 3000, OPT_LOCAL, OPT_DRY_RUN, OPT_KEEP_FLOWS, OPT_WAIT };

static const struct option options[] = {
	{ "all", no_argument, NULL, OPT_ALL },
	{ "local", no_argument, NULL, OPT_LOCAL },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "keep-flows", no_argument, NULL, OPT_KEEP_FLOWS },
	{ "wait", no_argument, NULL, OPT_WAIT },
	APP_LONG_OPTIONS,
};

struct request {
	char **names;
	size_t n;
	bool all, local, dry_run, keep_flows, wait;
};

static bool find_iface(const struct iface_entry *ifaces, size_t n, const char *name,
		       struct iface_entry *ret_iface)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp((const char *)ifaces[i].value.name, name))
			continue;
		*ret_iface = ifaces[i];
		return true;
	}
	return false;
}

static int detach_one(struct session *session, const struct request *request,
		      const struct iface_entry *ifaces, size_t n, const char *name)
{
	struct iface_entry iface;
	struct device device;

	if (find_iface(ifaces, n, name, &iface))
		return request->keep_flows ? drain_iface(session, &iface) :
					     iface_off(session, &iface);
	if (device_by_name(&session->nl, name, &device)) {
		log_error("%s: no such interface (tproxy-loader status shows what is attached)",
			  name);
		return -ENODEV;
	}
	log_info("%s: not attached", name);
	return 0;
}

/* Busy flows have a socket of their own, which is reset; the others are forwarded from now on. */
static void report_udp(struct session *session, const struct request *request)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	struct policy policy __cleanup_policy = { 0 };
	struct policy_in_force takes = { &policy, 0 };
	struct iface_entry iface;
	size_t n = 0;

	if (request->keep_flows || policy_maps_ifaces(&session->state, &ifaces, &n) ||
	    policy_maps_read(&session->state, &policy))
		return;
	for (size_t i = 0; i < n; i++)
		if (request->all || (request->local && (ifaces[i].value.roles & TPROXY_ROLE_LOCAL)))
			takes.mask |= ifaces[i].value.mask;
	for (size_t i = 0; i < request->n; i++)
		if (find_iface(ifaces, n, request->names[i], &iface))
			takes.mask |= iface.value.mask;
	if (takes_udp(&takes))
		log_step("relayed UDP flows: forwarded to their servers, which see another source "
			 "(--keep-flows leaves them to the relay)");
}

static int detach_local(struct session *session, const struct request *request)
{
	struct iface_entry lo = { .ifindex = OWN_IFINDEX };

	if (!own_is_there(session)) {
		log_info("own traffic: not attached");
		return 0;
	}
	if (request->keep_flows && !policy_maps_iface_get(&session->state, OWN_IFINDEX, &lo.value))
		return drain_iface(session, &lo);
	return iface_own_off(session);
}

static int detach_named(struct session *session, const struct request *request)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err, result = session_ifaces(session, &ifaces, &n);

	for (size_t i = 0; i < request->n && ifaces; i++)
		result = first_error(result,
				     detach_one(session, request, ifaces, n, request->names[i]));
	if (request->local)
		result = first_error(result, detach_local(session, request));
	err = iface_last_off(session);
	return first_error(result, err);
}

static int detach_all(struct session *session, const struct request *request)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err;

	if (!request->keep_flows)
		return iface_everything_off(session);
	err = session_ifaces(session, &ifaces, &n);
	for (size_t i = 0; i < n && !err; i++)
		err = drain_iface(session, &ifaces[i]);
	return err;
}

static int parse_request(struct app *app, int argc, char **argv, struct request *request)
{
	const char *operand;
	int opt;

	request->names = argv; /* reused for the operands, which only move to the front */
	while ((opt = app_next(app, argc, argv, options, &operand)) != -1) {
		if (opt == '?')
			return EXIT_USAGE;
		if (!opt)
			argv[request->n++] = (char *)operand;
		request->all |= opt == OPT_ALL;
		request->local |= opt == OPT_LOCAL;
		request->dry_run |= opt == OPT_DRY_RUN;
		request->keep_flows |= opt == OPT_KEEP_FLOWS;
		request->wait |= opt == OPT_WAIT;
	}
	if (!(request->n || request->local) == !request->all)
		return app_usage_error("detach: which interfaces? (detach IF..., detach --local, "
				       "or detach --all, not both)");
	if (request->wait && !request->keep_flows)
		return app_usage_error("detach: --wait needs --keep-flows");
	return EXIT_DONE;
}

int cmd_detach(struct app *app, int argc, char **argv)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	struct request request = { 0 };
	bool present;
	int err, code = parse_request(app, argc, argv, &request);

	if (code)
		return code;
	if (!app_enter(app))
		return EXIT_FAILED;
	session.dry_run = request.dry_run;
	code = session_open_any(&session, app, &present);
	if (code)
		return code;
	if (!present) {
		log_info("%s: nothing is attached", app->pin_dir);
		return EXIT_DONE;
	}
	report_udp(&session, &request);
	err = request.all ? detach_all(&session, &request) : detach_named(&session, &request);
	if (request.keep_flows && !request.dry_run)
		err = first_error(err, drain_finish(&session, request.all, request.wait));
	return err ? EXIT_FAILED : EXIT_DONE;
}
