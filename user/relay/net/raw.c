/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/raw.h"

#include "lib/util.h"
#include "relay/net/sockopt.h"

/*
 * A raw socket gets a copy of every packet of its protocol for this host. Bound to loopback it gets
 * few, and the filter drops those; each packet that is sent names its source. (IPPROTO_RAW receives
 * nothing, but then we would have to fragment.) ICMPv6 is not bound: it is rare, and our own
 * errors, which name no source, would leave from ::1 (rawv6_sendmsg).
 */
int raw_open(sa_family_t family, int proto)
{
	union saddr loopback = saddr_loopback(family, 0);
	__cleanup_close int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
	int err;

	if (fd < 0)
		return -errno;
	err = sockopt_deafen(fd);
	if (!err)
		err = sockopt_transparent(fd, family);
	if (!err && proto != IPPROTO_ICMPV6 && bind(fd, &loopback.sa, saddr_len(&loopback)))
		err = -errno;
	return err ? err : take_fd(&fd);
}
