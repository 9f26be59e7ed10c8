/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of the sockets at which relays answer who is connected, and which of them this network
 * namespace has. Must not know what is said there.
 */
#ifndef TPROXY_LIB_FLOWS_RELAYS_H
#define TPROXY_LIB_FLOWS_RELAYS_H

#include <net/if.h>
#include <stddef.h>

#define FLOWS_RELAY_LEN (8 + IF_NAMESIZE)
#define FLOWS_SOCKET_LEN (FLOWS_RELAY_LEN + 40)

/* A relay by its first port, and its device if it has one: "15002", "15002%eth0". */
struct flows_relay {
	char name[FLOWS_RELAY_LEN];
};

/* ret_socket: FLOWS_SOCKET_LEN bytes; its name in RUNDIR, for this network namespace. 0 or -errno. */
int flows_socket_name(const char *relay, char *ret_socket);

/*
 * Those that run in this network namespace, sorted; the caller frees them. Works for everybody who
 * may enter RUNDIR, though members of its group cannot list it: the kernel shows the paths. 0;
 * -EACCES: there is at least one, but RUNDIR is closed to us; or -errno.
 */
int flows_relays(struct flows_relay **ret_relays, size_t *ret_n);

#endif
