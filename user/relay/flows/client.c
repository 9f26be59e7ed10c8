/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/flows/client.h"

#include <sys/socket.h>

#include "lib/util.h"

static int send_message(struct flow_client *c, const void *message, size_t len)
{
	ssize_t n = send(c->fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	c->progress = monotonic_ms();
	/* A part of it would be a message of its own. */
	return (size_t)n == len ? 0 : -EMSGSIZE;
}

static bool send_end(struct flow_client *c)
{
	c->state = CLIENT_ENDING;
	return send_message(c, &c->end, sizeof(c->end)) == -EAGAIN;
}

/* The walk goes to the same thread once more, to the next one, or is at its end. */
static bool walk_further(struct flow_client *c, const struct flow_client_ports *ports)
{
	if (c->walk.done) {
		c->walk.done = false;
		c->walk.cursor = 0;
		c->port++;
	}
	if (c->port >= ports->n) {
		c->end.matched = c->walk.matched;
		return send_end(c);
	}
	c->walk.message.head.count = 0;
	c->state = CLIENT_WALKING;
	flowport_send(ports->ports[c->port], &c->walk);
	return true;
}

static bool send_records(struct flow_client *c, const struct flow_client_ports *ports)
{
	const struct flows_message *message = &c->walk.message;
	size_t len = sizeof(message->head) + message->head.count * sizeof(*message->records);
	int err = message->head.count ? send_message(c, message, len) : 0;

	c->state = CLIENT_SENDING;
	return err ? err == -EAGAIN : walk_further(c, ports);
}

static void prepare_end(struct flow_client *c, int err)
{
	c->end = (struct flows_end){ .head = { .version = FLOWS_VERSION, .kind = FLOWS_END },
				     .err = err,
				     .passed_on = c->passed_on };
}

bool flow_client_start(struct flow_client *c, const struct flow_client_ports *ports)
{
	prepare_end(c, 0);
	c->walk.kind = (enum flows_kind)c->request.head.kind;
	c->walk.filter = c->request.filter;
	c->walk.message.head =
		(struct flows_head){ .version = FLOWS_VERSION, .kind = FLOWS_RECORDS };
	return walk_further(c, ports);
}

bool flow_client_returned(struct flow_client *c, const struct flow_client_ports *ports)
{
	return send_records(c, ports);
}

bool flow_client_writable(struct flow_client *c, const struct flow_client_ports *ports)
{
	return c->state == CLIENT_ENDING ? send_end(c) : send_records(c, ports);
}

bool flow_client_refuse(struct flow_client *c, int err)
{
	prepare_end(c, err);
	return send_end(c);
}

/* Its socket is empty: this is the first message. */
bool flow_client_tell(struct flow_client *c, const struct flow_teller *teller)
{
	struct flows_status status = { .head.version = 0 };

	if (!teller->describe)
		return flow_client_refuse(c, EPROTO);
	teller->describe(teller->arg, &status);
	status.head = (struct flows_head){ .version = FLOWS_VERSION, .kind = FLOWS_STATUS };
	prepare_end(c, 0);
	return !send_message(c, &status, sizeof(status)) && send_end(c);
}
