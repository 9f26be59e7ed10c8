/* SPDX-License-Identifier: BSD-2-Clause */
/* What a start logs about itself: what it serves, and what may surprise later. Changes nothing. */
#ifndef TPROXY_RELAY_STARTLOG_H
#define TPROXY_RELAY_STARTLOG_H

#include "relay/daemon.h"

void startlog_started(const struct daemon *d);

/* Source addresses that are not on this host. The threads know its addresses. */
void startlog_absent_sources(const struct daemon *d);

/* After the change of user: whether SIGHUP can read the file again, and who we are. */
void startlog_config_access(const struct options *o);
void startlog_nobody(const struct options *o);

#endif
