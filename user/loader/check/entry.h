/* SPDX-License-Identifier: BSD-2-Clause */
/* By which interface the flows of a client enter: that by which answers leave. Looks only. */
#ifndef TPROXY_LOADER_CHECK_ENTRY_H
#define TPROXY_LOADER_CHECK_ENTRY_H

#include "lib/parse.h"
#include "loader/app/session.h"

/* Is it attached, in whichever role? False without a state. */
bool entry_is_attached(const struct session *session, int ifindex);

/*
 * ret_name: IF_NAMESIZE bytes. The return route of the source, in the main table or in that of a
 * VRF; without one, the only attached interface. Returns an enum exit_code, after a report.
 */
int entry_of(struct session *session, const struct endpoint *src, char *ret_name);

#endif
