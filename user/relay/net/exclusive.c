/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/exclusive.h"

#include "relay/net/sockopt.h"

#define LOOPBACK_IFINDEX 1 /* of every network namespace, include/net/flow.h */
#define DISCARD_PORT 9

/*
 * While the socket is bound to the loopback device, no packet of another device finds it
 * (compute_score). In that state it cannot connect to a peer elsewhere (ip6_route_output_flags
 * considers routes of that device only), so it first connects to a loopback address: the kernel
 * drops packets from such an address that arrive on a device. The second connect changes from peer
 * to peer directly.
 */
int exclusive_connect(int fd, const union saddr *local, const union saddr *peer, int device)
{
	union saddr nobody = saddr_loopback(local->sa.sa_family, DISCARD_PORT);
	int err = sockopt_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, LOOPBACK_IFINDEX);

	if (err)
		return err;
	if (bind(fd, &local->sa, saddr_len(local)) || connect(fd, &nobody.sa, saddr_len(&nobody)))
		return -errno;
	err = sockopt_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, device);
	if (err)
		return err;
	return connect(fd, &peer->sa, saddr_len(peer)) ? -errno : 0;
}

/* Not by disconnecting: udp_disconnect keeps the bound address, so it would receive from all. */
int exclusive_leave(int fd)
{
	return sockopt_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, LOOPBACK_IFINDEX);
}
