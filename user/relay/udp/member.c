/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What others see of a session: its record, and in the table of all flows of the thread how it is
 * described and ended by hand.
 */
#include "relay/loop/flowview.h"
#include "relay/udp/session.h"

static union saddr session_server(const struct session *s)
{
	static const union saddr none;

	return saddr_equal(&s->to, &s->dst) ? none : s->to;
}

struct flow_record session_record(const struct session *s)
{
	return (struct flow_record){ .id = s->id,
				     .proto = IPPROTO_UDP,
				     .client = s->client,
				     .dst = s->dst,
				     .server = session_server(s),
				     .source = s->source,
				     .loop = s->loop,
				     .bytes_up = s->to_dst.bytes,
				     .bytes_down = s->to_client.bytes,
				     .datagrams_up = s->to_dst.datagrams,
				     .datagrams_down = s->to_client.datagrams,
				     .duration_ms = s->last - s->begin,
				     .relayed = true };
}

static struct session *session_of(const struct flow_member *member)
{
	return container_of(member, struct session, member);
}

static void session_describe(const struct flow_member *member, struct flow_view *ret_view)
{
	const struct session *s = session_of(member);
	uint64_t now = s->e->w->now;

	*ret_view = (struct flow_view){ .record = session_record(s),
					.idle_ms = now - s->last,
					.state = FLOWS_OPEN };
	ret_view->record.duration_ms = now - s->begin;
}

static void session_kill(struct flow_member *member)
{
	session_finish(session_of(member), END_KILLED, 0);
}

const struct flow_ops session_flow_ops = { .describe = session_describe, .end = session_kill };
