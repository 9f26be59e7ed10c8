/* SPDX-License-Identifier: BSD-2-Clause */
/* By which interface the flows of a client enter: the one by which answers leave. Only looks. */
#ifndef TPROXY_LOADER_CHECK_TOOLS_ENTRY_H
#define TPROXY_LOADER_CHECK_TOOLS_ENTRY_H

#include "lib/parse.h"
#include "loader/app/session.h"

/* Is it attached, in any role? False without a state. */
bool entry_is_attached(const struct session *session, int ifindex);

/*
 * ret_name: IF_NAMESIZE bytes. Asks for the return route of the source, in the main table and in
 * those of VRFs; without one, takes the only attached interface. EXIT_DONE, or EXIT_USAGE after a
 * reported error.
 */
int entry_of(struct session *session, const struct endpoint *src, char *ret_name);

#endif
