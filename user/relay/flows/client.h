/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client of the flow server, from its request to the last message. Never waits; must not decide
 * who may come, nor how long it may take.
 */
#ifndef TPROXY_RELAY_FLOWS_CLIENT_H
#define TPROXY_RELAY_FLOWS_CLIENT_H

#include <sys/types.h>

#include "relay/loop/flowwalk.h"

enum flow_client_state {
	CLIENT_FREE = 0,
	CLIENT_ASKING,  /* its request has not come */
	CLIENT_WALKING, /* the walk is away */
	CLIENT_SENDING, /* its socket is full */
	CLIENT_ENDING,  /* the same, and the message is the end */
	CLIENT_LEAVING, /* it is gone, but the walk is still away */
};

struct flow_client {
	enum flow_client_state state;
	int fd;
	uid_t uid;         /* of who connected */
	uint64_t progress; /* ms: when it last asked or took something */
	uint64_t begin;    /* ms */
	uint32_t passed_on;
	unsigned int port; /* of the walk */
	struct flows_request request;
	struct flows_end end;
	struct flow_walk walk;
};

/* What the relay says about itself. describe NULL: nothing. */
struct flow_teller {
	void (*describe)(const void *arg, struct flows_status *ret_status);
	const void *arg;
};

/* Where its walks go. */
struct flow_client_ports {
	struct flow_port **ports;
	unsigned int n;
};

/* The request is there. Each of these returns false when the client is done, and can be dropped. */
bool flow_client_start(struct flow_client *c, const struct flow_client_ports *ports);

/* The walk came back. */
bool flow_client_returned(struct flow_client *c, const struct flow_client_ports *ports);

/* The socket takes more. */
bool flow_client_writable(struct flow_client *c, const struct flow_client_ports *ports);

/* Answers with the status of the relay instead of flows. */
bool flow_client_tell(struct flow_client *c, const struct flow_teller *teller);

/* Answers without any flow; err: positive errno. */
bool flow_client_refuse(struct flow_client *c, int err);

#endif
