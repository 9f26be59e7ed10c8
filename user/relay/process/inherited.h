/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners that are open before we start: those of the relay we take over from,
 * or of systemd. Checks that they are what we would have opened, and makes them
 * so where that is only a matter of options.
 */
#ifndef TPROXY_RELAY_PROCESS_INHERITED_H
#define TPROXY_RELAY_PROCESS_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/process/listener.h"

struct inherited {
	bool from_systemd;
	unsigned int count;
	int fds[LISTENERS_MAX];
	bool way[LISTENERS_MAX]; /* one of the first port's ways, whatever its own port is */
};

/* Takes the sockets that systemd passes, if any. 0 or -errno. */
int inherited_from_systemd(struct inherited *ret_heritage);

/*
 * Puts each socket where the set wants it, and closes what has no place. 0, or
 * -errno with one line in ret_why (size bytes) if one of systemd's cannot be used.
 */
int inherited_place(struct inherited *h, struct listener_set *set, const struct options *o,
		    char *ret_why, size_t size);

/* Lists the sockets of a set, which still owns them: what inherited_place would have. */
void inherited_list(const struct listener_set *set, struct inherited *ret_heritage);

void inherited_close(struct inherited *h);

#endif
