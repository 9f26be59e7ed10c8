/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The path socket ….flows: lists open flows, tells the state of the relay, and ends flows. Runs in the
 * main thread and never waits: few clients at a time, each with the memory of one message and a limit
 * of time; the threads do the walking. Owns these sockets. Must know neither threads nor flows.
 */
#ifndef TPROXY_RELAY_FLOWS_SERVER_H
#define TPROXY_RELAY_FLOWS_SERVER_H

#include "relay/flows/client.h"

#define FLOWS_CLIENTS 8
#define FLOWS_CLIENTS_MEMBERS 6 /* of others than root and our own user */
#define FLOWS_CLIENTS_UID 2     /* of one other user */

/*
 * Other processes whose flows belong to the answer, such as relays that this one has replaced.
 * Each gets the client's socket with the request, and sends its own records and its own end.
 */
struct flow_others {
	/* How many got it; fd stays ours. NULL: there are no others. */
	unsigned int (*pass_on)(void *arg, int fd, const struct flows_request *request);
	void *arg;
};

struct flow_server {
	int poll_fd; /* readable: flow_server_run */
	int listen_fd;
	int timer_fd; /* ticks while there is a time-out to look at */
	int spare;    /* given up for a client when flows have taken all descriptors */
	bool ticking;
	bool paused;          /* the listener: too many have come */
	bool retired;         /* another relay serves the listener */
	unsigned int arrived; /* clients, since `since` */
	uint64_t since;       /* ms */
	struct flow_walk_home home;
	struct flow_port **ports; /* the threads' */
	unsigned int n_ports;
	struct flow_others others;
	struct flow_teller teller;
	struct flow_client *clients; /* FLOWS_CLIENTS */
};

/*
 * Takes over listen_fd, which is -1 if there is no socket to listen at. The ports have to stay.
 * 0 or -errno; flow_server_close in any case.
 */
int flow_server_open(struct flow_server *server, int listen_fd, struct flow_port **ports,
		     unsigned int n_ports);
void flow_server_run(struct flow_server *server);

/* Another relay has the listener. Clients that are passed on to us are still answered. */
void flow_server_retire(struct flow_server *server);

/* A client whose request the relay that replaced us has read. Takes over fd. */
void flow_server_adopt(struct flow_server *server, int fd, const struct flows_request *request);

/* After the threads have ended. */
void flow_server_close(struct flow_server *server);

#endif
