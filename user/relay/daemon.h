/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main thread while the relay runs: signals, new settings, the registrar's reports, a relay
 * that takes over, systemd's watchdog. Must not touch flows: threads get orders.
 */
#ifndef TPROXY_RELAY_DAEMON_H
#define TPROXY_RELAY_DAEMON_H

#include "relay/admit/budget.h"
#include "relay/config/options.h"
#include "relay/counts.h"
#include "relay/flows/server.h"
#include "relay/log/pathlog.h"
#include "relay/mend.h"
#include "relay/process/handover.h"
#include "relay/process/takeover.h"
#include "relay/watchdog.h"

#define DAEMON_WHY_LEN 1024

struct daemon {
	int argc; /* the settings are read from these again */
	char **argv;
	struct options options;
	struct listener_set listeners;
	struct registrar registrar;
	struct mend mend;
	struct takeover takeover; /* from the relay before us; used at the start */
	struct handover handover;
	struct counts counts;
	struct run_names names; /* of our path sockets */
	struct relay relay;
	struct pausing pausing;
	int flows_fd; /* the path socket of the flow server, which takes it; -1: none */
	struct flow_server flows;
	struct flow_port *ports[OPTIONS_MAX_WORKERS];
	struct budget budget;
	struct pathlog paths;
	pthread_mutex_t settings_lock;
	pthread_mutex_t gate;
	struct relay_thread threads[OPTIONS_MAX_WORKERS];
	unsigned int opened; /* threads */
	unsigned int running;
	int signals;
	uint64_t began;          /* ms of CLOCK_MONOTONIC */
	int status;              /* of the process, at its end */
	enum thread_order order; /* that the threads have */
	uint64_t drain_end;      /* ms of CLOCK_MONOTONIC: we wait for retired relays until then */
	struct watchdog watchdog;
};

/* Returns when all threads have ended. */
void daemon_run(struct daemon *d);

#endif
