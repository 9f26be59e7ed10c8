/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client of the flow server may ask for. The mode of the path admits root and the members of
 * group tproxy; root, and the user that the relay runs as, may also end flows.
 */
#ifndef TPROXY_RELAY_FLOWS_RIGHTS_H
#define TPROXY_RELAY_FLOWS_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/flows/proto.h"

bool rights_may_kill(uid_t uid);

/* 0, or the positive errno that the client gets. Logs who was refused. */
int rights_check(uid_t uid, const struct flows_request *request);

#endif
