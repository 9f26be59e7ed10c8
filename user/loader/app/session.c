/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/session.h"

#include <cap-ng.h>

static bool have_capabilities(void)
{
	if (capng_get_caps_process())
		return false;
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) &&
	       (capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF) ||
		capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN));
}

int session_lock(struct session *session, struct app *app)
{
	session->app = app;
	if (!have_capabilities()) {
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
