/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dump of NETLINK_ROUTE, read to its end before its callback sees it. The kernel marks a dump
 * whose subject changed meanwhile (NLM_F_DUMP_INTR), because entries after the change may have
 * been skipped. Such a dump is repeated, a bounded number of times.
 *
 * Where changes never pause, no dump is ever complete. Then the callback gets everything that any
 * of the tries saw, each message once. One try may miss an entry that was there all the time, but
 * not all tries do; and an entry that went meanwhile might as well have gone a moment later.
 */
#ifndef TPROXY_LIB_NL_DUMP_H
#define TPROXY_LIB_NL_DUMP_H

#include "lib/nl_reader.h"

/* Runs the reader's query, then its callback on each message. 0 or -errno. */
int nl_dump(struct nl_reader *reader);

#endif
