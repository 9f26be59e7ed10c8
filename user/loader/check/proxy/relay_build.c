/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the relay run the program that is installed? After an upgrade the old one may run on. */
#include <limits.h>
#include <string.h>

#include "loader/check/list.h"
#include "loader/check/tools/listening.h"

#define DELETED " (deleted)"

static void report(struct checkup *c, const struct holder *relay)
{
	struct problem *p =
		problem_add(&c->problems, "relay-outdated", VERDICT_DEGRADED, NULL, NULL);

	problem_text(p,
		     "%s (pid %d) runs a program that was replaced or removed since it was started",
		     relay->comm, (int)relay->pid);
	problem_next(p, "systemctl restart tproxy-relay; or start it again by hand, which takes "
			"over without losing a connection");
}

/* False if it cannot be found out. */
static bool check_process(struct checkup *c, const struct holder *relay)
{
	char path[64], exe[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)relay->pid);
	len = readlink(path, exe, sizeof(exe) - 1);
	if (len < 0)
		return false;
	exe[len] = '\0';
	if ((size_t)len > strlen(DELETED) && !strcmp(exe + len - strlen(DELETED), DELETED))
		report(c, relay);
	else
		checkup_evidence(c, "pid %d: %s", (int)relay->pid, exe);
	return true;
}

static const struct listener *first_of_relay(const struct listening *l)
{
	const struct listener *listener = NULL;

	for (int cls = 0; cls < TPROXY_CLASS_MAX && !listener; cls++)
		for (int way = 0; way < TPROXY_GROUP_WAYS && !listener; way++)
			if (l->slots[cls][way])
				listener = listeners_by_cookie(&l->listeners, l->slots[cls][way]);
	return listener;
}

void check_relay_build(struct checkup *c)
{
	struct listening l __cleanup_listening = { .slots = { { 0 } } };
	const struct listener *listener;
	struct holder relay;

	if (listening_open(&l, &c->session->state)) {
		checkup_unchecked(c, "listeners cannot be listed");
		return;
	}
	listener = first_of_relay(&l);
	if (!listener)
		checkup_evidence(c, "no relay is registered");
	else if (!listener_holder(listener, &relay) || !check_process(c, &relay))
		checkup_unchecked(c, "the process of the relay cannot be seen from here");
}
