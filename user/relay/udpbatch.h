/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receives several datagrams with one call, whole, with where they came from and
 * where they were going. Owns the buffers; must not know what datagrams mean.
 */
#ifndef TPROXY_RELAY_UDPBATCH_H
#define TPROXY_RELAY_UDPBATCH_H

#include <stddef.h>

#include "relay/addr.h"

struct udp_batch;

struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch *b);

/* Number of datagrams, 0: nothing there, or -errno. What was in the batch before is gone. */
int udp_batch_receive(struct udp_batch *b, int fd);

const union saddr *udp_batch_from(const struct udp_batch *b, int i);
const void *udp_batch_data(const struct udp_batch *b, int i, size_t *ret_len);

/* Original destination, from a listener's datagram. False if the kernel gave none. */
bool udp_batch_dst(struct udp_batch *b, int i, union saddr *ret_dst);

#endif
