/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw sockets that only send, from whatever address each packet names. Need
 * CAP_NET_RAW. Must not know what is sent.
 */
#ifndef TPROXY_RELAY_NET_RAW_H
#define TPROXY_RELAY_NET_RAW_H

#include "relay/net/addr.h"

/* Non-blocking, deaf, transparent. The descriptor or -errno. */
int raw_open(sa_family_t family, int proto);

#endif
