/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One message of a SOCK_SEQPACKET socket, which may carry one descriptor. Neither side waits for the
 * other. Must not know what is in a message.
 */
#ifndef TPROXY_RELAY_PROCESS_CHANNEL_H
#define TPROXY_RELAY_PROCESS_CHANNEL_H

#include <stddef.h>
#include <sys/types.h>

/* fd: goes along; the caller keeps it. Negative: none. 0, or -errno (-EAGAIN: the peer is behind). */
int channel_send(int sock, const void *data, size_t len, int fd);

/*
 * The length, 0: the peer is gone, -EAGAIN: nothing to read, or another -errno. The caller owns
 * *ret_fd, which is always set: -1, or the descriptor that came along. Data beyond len are cut off.
 */
ssize_t channel_receive(int sock, void *data, size_t len, int *ret_fd);

#endif
