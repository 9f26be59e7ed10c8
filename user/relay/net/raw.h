/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw sockets that only send; each packet names its own source address. They need CAP_NET_RAW. Must
 * not know what is sent.
 */
#ifndef TPROXY_RELAY_NET_RAW_H
#define TPROXY_RELAY_NET_RAW_H

#include "relay/net/addr.h"

/* Non-blocking, transparent, and receives nothing. The descriptor or -errno. */
int raw_open(sa_family_t family, int proto);

#endif
