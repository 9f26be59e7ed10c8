/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/exclusive.h"

#include "relay/net/sockopt.h"

#define LOOPBACK_IFINDEX 1 /* of every network namespace, include/net/flow.h */
#define DISCARD_PORT 9

/*
 * While it is bound to the loopback device, no packet of another one finds it (compute_score).
 * From there it cannot be connected to a peer elsewhere (ip6_route_output_flags looks at routes
 * of that device only), so its first peer is one whose packets come from nowhere: the kernel
 * drops loopback addresses that arrive on a device. Connecting a second time goes from peer to
 * peer directly.
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

/* Disconnected it would hear everybody: udp_disconnect keeps the address that was bound. */
int exclusive_leave(int fd)
{
	return sockopt_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, LOOPBACK_IFINDEX);
}
