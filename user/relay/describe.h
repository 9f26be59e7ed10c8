/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of this relay, for those who ask its flow server: version, descriptors, ports, log,
 * upstreams. Must not decide what of it is a problem.
 */
#ifndef TPROXY_RELAY_DESCRIBE_H
#define TPROXY_RELAY_DESCRIBE_H

#include "lib/flows/proto.h"

/* daemon: struct daemon. The main thread only. Leaves the head to the caller. */
void describe_relay(const void *daemon, struct flows_status *ret_status);

#endif
