/* SPDX-License-Identifier: BSD-2-Clause */
/* --list: prints the open flows of the relays that run in a network namespace. */
#ifndef TPROXY_RELAY_FLOWS_LIST_H
#define TPROXY_RELAY_FLOWS_LIST_H

#include "relay/config/options.h"

/* The exit status of the process. Of the options, netns and json concern it. */
int list_flows(const struct options *o);

#endif
