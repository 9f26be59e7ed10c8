/* SPDX-License-Identifier: BSD-2-Clause */
/* By which interface the flows of a client enter: the one by which answers leave. Reads only. */
#ifndef TPROXY_LOADER_CHECK_TOOLS_ENTRY_H
#define TPROXY_LOADER_CHECK_TOOLS_ENTRY_H

#include "lib/parse.h"
#include "loader/app/session.h"

/*
 * ifindex, or -errno: -EADDRINUSE for an address of this host. Asks for the return route of the
 * source, in the main table and in those of VRFs.
 */
int entry_find(struct session *session, const struct endpoint *src);

/*
 * ret_name: IF_NAMESIZE bytes. The same; without a return route, takes the only attached interface.
 * EXIT_DONE, or EXIT_USAGE after a reported error.
 */
int entry_of(struct session *session, const struct endpoint *src, char *ret_name);

#endif
