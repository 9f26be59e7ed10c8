/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the socket of a flow towards its destination. Must not know sessions, nor make room for the
 * socket.
 */
#include "relay/config/settings.h"
#include "relay/net/sockopt.h"
#include "relay/udp/session.h"
#include "relay/upstream/cone.h"
#include "relay/upstream/upstream.h"

int onward_open(struct udp_engine *e, const union saddr *client, const union saddr *dst,
		struct upstream *ret_up)
{
	struct upstream_want want = { .type = SOCK_DGRAM,
				      .outlet = &session_egress(e, client, dst)->outlet,
				      .client = client,
				      .dst = e->full_cone ? client :
							    dst, /* it has none of its own */
				      .devices = &e->ctx->devices };
	int err;

	*ret_up = (struct upstream){ .fd = -1 };
	err = e->full_cone ? cone_open(&want, ret_up) : upstream_open(&want, ret_up);
	if (err)
		return err;
	/* Best effort: without them errors stay here, and datagrams get the default TTL. */
	sockopt_errors(ret_up->fd, dst->sa.sa_family);
	ip_fields_request(ret_up->fd, dst->sa.sa_family);
	return 0;
}
