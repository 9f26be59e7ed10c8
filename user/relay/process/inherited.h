/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners that are open before we start: those of the relay that we take over from, or of
 * systemd. Checks that they are what we would have opened, sets the options that they lack, and
 * puts them into the set. Must not open sockets.
 */
#ifndef TPROXY_RELAY_PROCESS_INHERITED_H
#define TPROXY_RELAY_PROCESS_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/process/listener.h"

struct inherited {
	bool from_systemd;
	unsigned int count;
	unsigned int destroyed; /* listeners that were dead, and are closed */
	int fds[LISTENERS_MAX];
	bool way[LISTENERS_MAX]; /* a way of the first port, whatever its own port is */
};

/* Takes the sockets that systemd passes, if any. 0 or -errno. */
int inherited_from_systemd(struct inherited *ret_inherited);

/*
 * Puts each socket into its place in the set, which is new, and closes those without one and those
 * that somebody destroyed. 0, or
 * -errno with one line in ret_why (size bytes) if a socket of systemd cannot be used.
 */
int inherited_place(struct inherited *h, struct listener_set *set, const struct options *o,
		    char *ret_why, size_t size);

/* The opposite: lists the sockets of a set, which still owns them. */
void inherited_list(const struct listener_set *set, struct inherited *ret_inherited);

void inherited_close(struct inherited *h);

#endif
