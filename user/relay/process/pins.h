/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pinned maps as the relay sees them: where they are, whether they are ours, and what the
 * configuration in them says. Writes local addresses only. Must not know sockets.
 */
#ifndef TPROXY_RELAY_PROCESS_PINS_H
#define TPROXY_RELAY_PROCESS_PINS_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/addrset.h"
#include "tproxy.h"

/* Paths; the directory and what is in it may come and go. */
struct pins {
	const char *dir;
	char parent[PATH_MAX];
	char socks[PATH_MAX + 8];
	char config[PATH_MAX + 8];
	char ifaces[PATH_MAX + 8];
	char local[PATH_MAX + 16];
	char internal[PATH_MAX + 16]; /* a directory */
	char audited[PATH_MAX + 24];
	char audit[PATH_MAX + 24]; /* the program tproxy_audit */
	char own_tasks[PATH_MAX + 24];
};

/* Borrows dir. */
void pins_init(struct pins *pins, const char *dir);

/*
 * 0, -EPROTO: other ABI, -EXDEV: other network namespace, -EUCLEAN: others may change it, or
 * what the kernel said.
 */
int pins_read_config(const struct pins *pins, struct tproxy_config *ret_config);

/* An interface is being detached: its flows stay until they end. */
bool pins_any_detaching(const struct pins *pins);

/*
 * Notes addresses of this host for the data path: without forwarding the kernel does not say
 * what is local (bpf_fib_lookup), and rules would take their flows. An address that is gone stays
 * noted until the loader removes it; nothing is forwarded there meanwhile. Best effort.
 */
void pins_note_addresses(const struct pins *pins, const struct addrset *addresses);

/* A descriptor of the map own_tasks, or -errno; -EUCLEAN: others may change the directory. */
int pins_open_own_tasks(const struct pins *pins);

/* A file, whatever its name is now. All 0: none. */
struct file_id {
	dev_t dev;
	ino_t ino;
};

bool file_id_get(const char *path, struct file_id *ret_id);
bool file_id_same(const struct file_id *a, const struct file_id *b);

#endif
