/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command works with: the state, a netlink socket, and the lock while the command changes
 * something. Opening one takes several steps: loader/steps/session_open.h.
 */
#ifndef TPROXY_LOADER_APP_SESSION_H
#define TPROXY_LOADER_APP_SESSION_H

#include "kernel/maps/policy_maps.h"
#include "kernel/routing/route.h"
#include "kernel/state/state.h"
#include "lib/device.h"
#include "lib/netlink.h"
#include "loader/app/app.h"
#include "loader/app/command_lock.h"

struct session {
	struct app *app;
	struct command_lock lock;
	struct state state;
	struct nl nl;
	struct route_key own_key; /* of own traffic, while it is attached; mask 0: unknown */
	bool dry_run;
	bool hold_rules; /* our routing rules stay where they are: another program moves its own */
};
#define SESSION_CLOSED                                                                             \
	(struct session)                                                                           \
	{                                                                                          \
		.lock = COMMAND_LOCK_NONE, .state = STATE_CLOSED                                   \
	}

/*
 * Checks the privileges and takes the lock; the state stays closed. Signals that end the process
 * stay blocked from here on, so that the command also reports what it has changed. EXIT_DONE, or
 * reports and returns the exit code.
 */
int session_lock(struct session *session, struct app *app);
void session_close(struct session *session);
#define __cleanup_session __attribute__((cleanup(session_close)))

/* Reports that this interface is not attached, or does not exist; returns EXIT_NOT_ATTACHED. */
int session_refuse_unattached(const char *ifname);
/* The attached interfaces, which the caller frees. 0, or a reported -errno. */
int session_ifaces(struct session *session, struct iface_entry **ret_ifaces, size_t *ret_n);
/*
 * Calls cb for every device, until it returns other than 0; returns that. A failure to list them is
 * reported here, one of cb by cb.
 */
int session_walk_devices(struct session *session, int (*cb)(const struct device *device, void *arg),
			 void *arg);

#endif
