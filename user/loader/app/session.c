/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/session.h"

#include <net/if.h>
#include <string.h>

#include "loader/app/privileges.h"

int session_lock(struct session *session, struct app *app)
{
	session->app = app;
	if (!privileges_attach()) {
		log_error("permission denied: CAP_BPF and CAP_NET_ADMIN are needed (run as root)");
		return EXIT_FAILED;
	}
	session->lock.to_the_end = true;
	return command_lock_wait(&session->lock, app) ? EXIT_DONE : EXIT_FAILED;
}

void session_close(struct session *session)
{
	nl_close(&session->nl);
	state_close(&session->state);
	command_lock_release(&session->lock);
}

int session_refuse_unattached(const char *ifname)
{
	if (if_nametoindex(ifname))
		log_error("%s: not attached (tproxy-loader attach %s)", ifname, ifname);
	else
		log_error("%s: no such interface (tproxy-loader status shows what is attached)",
			  ifname);
	return EXIT_NOT_ATTACHED;
}

int session_ifaces(struct session *session, struct iface_entry **ret_ifaces, size_t *ret_n)
{
	int err = policy_maps_ifaces(&session->state, ret_ifaces, ret_n);

	if (err)
		log_error("%s: cannot read what is attached: %s (try again)", session->state.dir,
			  strerror(-err));
	return err;
}

int session_walk_devices(struct session *session, int (*cb)(const struct device *device, void *arg),
			 void *arg)
{
	__cleanup_free struct device *devices = NULL;
	size_t n = 0;
	int err = device_list(&session->nl, &devices, &n);

	if (err)
		log_error("interfaces: cannot list them: %s (try again)", strerror(-err));
	for (size_t i = 0; i < n && !err; i++)
		err = cb(&devices[i], arg);
	return err;
}
