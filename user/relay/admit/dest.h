/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decides which original destinations are refused, and why. Pure: the caller says what is local
 * and which ports are ours. Must not open, log or count.
 */
#ifndef TPROXY_RELAY_ADMIT_DEST_H
#define TPROXY_RELAY_ADMIT_DEST_H

#include "relay/net/addr.h"
#include "relay/net/localaddr.h"
#include "relay/net/port_set.h"

enum dest_verdict {
	DEST_OK,
	DEST_OWN_LISTENER,
	DEST_UNSPECIFIED,
	DEST_LOOPBACK,
	DEST_LINK_LOCAL,
	DEST_MULTICAST,
	DEST_BROADCAST,
	DEST_ROUTER,
	DEST_MAX
};

/* For the log: "own-listener", "loopback" … NULL for DEST_OK. */
extern const char *const dest_reasons[DEST_MAX];

enum dest_allow {
	DEST_ALLOW_LOCAL = 1 << 0,      /* lifts every refusal except that of our own listeners */
	DEST_ALLOW_LINK_LOCAL = 1 << 1, /* 169.254.0.0/16, which Linux forwards, unlike fe80::/10 */
};

/*
 * dst: not IPv4-mapped, see saddr_from. kind: what dst is to this host. own: ports of our
 * listeners of this protocol. allowed: enum dest_allow, OR.
 */
enum dest_verdict dest_check(const union saddr *dst, enum local_kind kind,
			     const struct port_set *own, unsigned int allowed);

#endif
