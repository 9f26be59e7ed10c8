/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices that a configuration names: checks them, lists them, attaches them. */
#ifndef TPROXY_LOADER_EDIT_APPLY_DEVICES_H
#define TPROXY_LOADER_EDIT_APPLY_DEVICES_H

#include "lib/device.h"
#include "loader/app/session.h"
#include "policy/config/config.h"

/* Interfaces that will be attached for their rules. */
struct apply_devices {
	struct device *items; /* owned by the caller */
	size_t n, room;
};

/* -EOPNOTSUPP, reported, if one that is named in full cannot be served. */
int apply_check_devices(struct session *session, const struct config *config);
int apply_collect_devices(struct session *session, const struct config *config,
			  struct apply_devices *devices);
/* Attaches those that are there and not attached yet. */
int apply_interfaces(struct session *session, const struct config *config);
/* Those named in full that are not there. */
void apply_report_absent(struct session *session, const struct name_set *names);

#endif
