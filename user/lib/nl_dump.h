/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dump of NETLINK_ROUTE that is read to its end before anybody looks at it. The kernel marks
 * a dump during which its subject changed (NLM_F_DUMP_INTR): one that came after the change may
 * have been passed over. Such a dump is repeated, a bounded number of times.
 *
 * Where changes never pause no dump is ever whole. Then everything that any of the tries saw is
 * given, each message once: what was there all the time is missed by one try, not by all of
 * them, and what went meanwhile might as well have gone a moment later.
 */
#ifndef TPROXY_LIB_NL_DUMP_H
#define TPROXY_LIB_NL_DUMP_H

#include "lib/netlink.h"

/* Runs the reader's query, then its callback on each message. 0 or -errno. */
int nl_dump(struct nl_reader *reader);

#endif
