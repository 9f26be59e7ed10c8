/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/drain.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "loader/steps/own/own.h"
#include "loader/steps/reset_flows.h"
#include "loader/steps/session_open.h"
#include "policy/takes.h"

#define POLL_MS 250
/* The relay checks four times a second whether an interface drains. */
#define RELAY_MS 1000

static int write_entry(struct session *session, __u32 ifindex, const struct tproxy_iface *value)
{
	int err = policy_maps_iface_set(&session->state, ifindex, value);

	if (err)
		log_error("%s: cannot write its entry: %s", value->name, strerror(-err));
	return err;
}

int drain_iface(struct session *session, const struct iface_entry *iface)
{
	struct tproxy_iface value = iface->value;
	int err;

	log_step("%s: no new flows", value.name);
	if (session->dry_run || (value.roles & TPROXY_ROLE_DRAINING))
		return 0;
	value.roles |= TPROXY_ROLE_DRAINING;
	err = write_entry(session, iface->ifindex, &value);
	return err || !(value.roles & TPROXY_ROLE_LOCAL) ? err : own_hooks_off(session);
}

static void pause_ms(long ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static int end_rules(struct session *session, const struct iface_entry *iface)
{
	struct tproxy_iface value = iface->value;

	if (!(value.roles & TPROXY_ROLE_DRAINING))
		return 0;
	value.mask = 0;
	value.roles &= ~(__u32)TPROXY_ROLE_POLICY;
	return write_entry(session, iface->ifindex, &value);
}

static bool takes_udp_on(const struct policy *policy, const struct iface_entry *iface)
{
	const struct policy_in_force takes = { policy, iface->value.mask };

	return (iface->value.roles & TPROXY_ROLE_DRAINING) && takes_udp(&takes);
}

/*
 * A UDP flow without a socket of its own is steered only by the rules. The relay sees the flag and
 * makes such sockets; until then the rules stay.
 */
static void wait_for_relay(struct session *session, const struct iface_entry *ifaces, size_t n)
{
	struct policy policy __cleanup_policy = { 0 };
	int err = policy_maps_read(&session->state, &policy);
	bool waits = err != 0;

	for (size_t i = 0; i < n && !waits; i++)
		waits = takes_udp_on(&policy, &ifaces[i]);
	if (!waits)
		return;
	log_step("wait for the relay to make sockets for its UDP flows");
	pause_ms(RELAY_MS);
}

static int end_all_rules(struct session *session)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0;
	int err = session_ifaces(session, &ifaces, &n);

	if (err)
		return err;
	wait_for_relay(session, ifaces, n);
	for (size_t i = 0; i < n && !err; i++)
		err = end_rules(session, &ifaces[i]);
	return err;
}

/* A command that attached it again meanwhile has cleared the flag: the interface stays. */
static int take_off(struct session *session, bool everything)
{
	__cleanup_free struct iface_entry *ifaces = NULL;
	size_t n = 0, left = 0;
	int err = session_ifaces(session, &ifaces, &n);

	for (size_t i = 0; i < n && !err; i++) {
		if (ifaces[i].value.roles & TPROXY_ROLE_DRAINING)
			err = iface_off(session, &ifaces[i]);
		else
			left++;
	}
	if (err || left)
		return err;
	return everything ? iface_everything_off(session) : iface_last_off(session);
}

/* Opens the state each time: another command may have replaced or removed it. */
static int count_flows(struct session *session, size_t *ret_flows)
{
	char why[PINDIR_WHY_LEN];
	int err = state_open(&session->state, session->app->pin_dir, why);

	*ret_flows = 0;
	if (!err)
		err = reset_flows_count(session, ret_flows);
	else
		err = 0;
	state_close(&session->state);
	return err;
}

static int wait_for_flows(struct session *session, bool show)
{
	size_t flows, shown = 0;
	int err;

	while (!(err = count_flows(session, &flows)) && flows) {
		if (show && flows != shown)
			log_step("waiting for %zu flow%s to end", flows, flows == 1 ? "" : "s");
		shown = flows;
		pause_ms(POLL_MS);
	}
	return err;
}

/* Waits without the lock, so that other commands work, and then reads everything again. */
static int wait_and_detach(struct app *app, bool everything, bool show)
{
	struct session session __cleanup_session = SESSION_CLOSED;
	bool present = false;
	int err = nl_open(&session.nl);

	if (err) {
		log_error("netlink: %s", strerror(-err));
		return err;
	}
	session.app = app;
	/* The wait may be interrupted; the interfaces then stay attached and draining. */
	signals_release_ends();
	err = wait_for_flows(&session, show);
	nl_close(&session.nl);
	if (err)
		return err;
	if (session_open_any(&session, app, &present))
		return -EIO;
	return present ? take_off(&session, everything) : 0;
}

/* The child has no terminal and no output. If it fails, clean or detach can do the rest. */
static int leave_to_child(struct app *app, bool everything)
{
	pid_t pid = fork();
	int null;

	if (pid < 0) {
		log_error("detach: cannot wait in the background: %s (use --wait)",
			  strerror(errno));
		return -errno;
	}
	if (pid) {
		log_info("established flows continue; process %d detaches when the last has ended",
			 (int)pid);
		return 0;
	}
	setsid();
	null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	log_init("tproxy-loader", LOG_QUIET);
	_exit(wait_and_detach(app, everything, false) ? EXIT_FAILED : EXIT_DONE);
}

int drain_finish(struct session *session, bool everything, bool wait)
{
	struct app *app = session->app;
	size_t flows;
	int err = end_all_rules(session);

	if (!err)
		err = reset_flows_count(session, &flows);
	if (err)
		return err;
	if (!flows)
		return take_off(session, everything);
	session_close(session);
	if (!wait)
		return leave_to_child(app, everything);
	return wait_and_detach(app, everything, true);
}
