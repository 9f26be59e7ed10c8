/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Says to the programs for own traffic that this relay is a proxy, by the map own_tasks: they leave
 * its connections alone, whatever cgroup or user it has. So it can never be its own client. It
 * stays noted until its process has ended. Must not know sockets.
 */
#ifndef TPROXY_RELAY_PROCESS_OWN_NOTE_H
#define TPROXY_RELAY_PROCESS_OWN_NOTE_H

#include <stdbool.h>

#include "lib/own_task.h"
#include "relay/process/pins.h"

struct own_note {
	struct own_task tasks[2]; /* the relay, and its helper process */
	unsigned int n;
	struct file_id noted; /* the map that we are in */
	struct file_id failed;
};

/* Adds the calling process, and forgets that the others are noted. 0 or -errno. */
int own_note_add_self(struct own_note *note);

/*
 * Enters the processes if the map is there and they are not in it yet: before listeners are
 * registered, or before those of another relay are taken over. 1: entered now. 0, or -errno, once
 * for each map.
 */
int own_note_sync(struct own_note *note, const struct pins *pins);

#endif
