/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flows of relays that have retired, as far as the limits of this one count them. Owns which
 * segment of counts belongs to which process. Must not know limits, nor talk to those relays.
 */
#ifndef TPROXY_RELAY_COUNTS_H
#define TPROXY_RELAY_COUNTS_H

#include "relay/admit/clients.h"
#include "relay/process/retired.h"

struct counts {
	unsigned int count;
	struct {
		pid_t pid;
		struct segment *segment;
	} items[RETIRED_MAX];
};

/* Counts their flows until counts_forget. Logs those whose counts cannot be read. */
void counts_adopt(struct counts *counts, struct clients *clients, const struct retired_list *list);

/* This process has ended. */
void counts_forget(struct counts *counts, struct clients *clients, pid_t pid);

#endif
