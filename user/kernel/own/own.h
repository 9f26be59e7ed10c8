/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs for own traffic, beside a state: their maps, their pins, and which cgroup they are
 * meant for. They share all other maps with the state. Attaches nothing (own_hook.h).
 *
 * Pins: internal/own_* and internal/tokens, progs/own_*; links/own_* are those of the attachments.
 * internal/own_config is pinned last and removed first: while it is there, the rest is complete.
 */
#ifndef TPROXY_KERNEL_OWN_OWN_H
#define TPROXY_KERNEL_OWN_OWN_H

#include <limits.h>

#include "kernel/state/state.h"
#include "tproxy_own.h"

enum own_map {
	OWN_MAP_CONFIG,
	OWN_MAP_EXCLUDED, /* cgroups that are left alone */
	OWN_MAP_INCLUDED, /* cgroups that all rules are meant for */
	OWN_MAP_TASKS,    /* processes that are left alone */
	OWN_MAP_SOCK,
	OWN_MAP_TOKENS,
	OWN_MAP_PEERS,        /* who began a flow to a UDP service of this host */
	OWN_MAP_ARRIVED,      /* the same by socket, before it has read the datagram */
	OWN_MAP_NAMES_DEVICE, /* sockets that name a device for a datagram */
	OWN_MAP_PLACE,        /* the path of the cgroup; only user space has this one */
	OWN_MAP_MAX
};

enum own_prog {
	OWN_PROG_CONNECT4,
	OWN_PROG_CONNECT6,
	OWN_PROG_SENDMSG4,
	OWN_PROG_SENDMSG6,
	OWN_PROG_RECVMSG4,
	OWN_PROG_RECVMSG6,
	OWN_PROG_INGRESS,
	OWN_PROG_EGRESS,
	OWN_PROG_LO,
	OWN_PROG_MAX
};
#define OWN_HOOKS OWN_PROG_LO /* those before it are attached to a cgroup */

#define OWN_PLACE_LEN 512

struct own {
	int map[OWN_MAP_MAX];
	int prog[OWN_PROG_MAX];
	struct tproxy_own config;
	char cgroup[OWN_PLACE_LEN]; /* as given; empty: the root of cgroup2 */
};

#define OWN_CLOSED                                                                                 \
	(struct own)                                                                               \
	{                                                                                          \
		.map = { [0 ... OWN_MAP_MAX - 1] = -1 },                                           \
		.prog = { [0 ... OWN_PROG_MAX - 1] = -1 },                                         \
	}

const char *own_map_name(enum own_map map);
const char *own_prog_name(enum own_prog prog);

/* -ENOENT: own traffic is not attached. -EMEDIUMTYPE: one of the pins is missing. */
int own_open(const struct state *state, struct own *ret_own);
/* Only the configuration. -ENOENT as above. */
int own_read_config(const struct state *state, struct tproxy_own *ret_config);
/*
 * Of a set that is not complete, what is still there of own->config and own->cgroup; the rest is
 * the default.
 */
void own_salvage(const struct state *state, struct own *own);
void own_close(struct own *own);
#define __cleanup_own __attribute__((cleanup(own_close)))

/* Loads and pins all with own->config and own->cgroup; leftovers of the same names are removed. */
int own_create(const struct state *state, struct own *own);
/* own->config and own->cgroup take effect. */
int own_write(const struct own *own);

/*
 * Loads the embedded programs on the maps of *own, pins them as STATE_NEXT and puts them in place
 * of own->prog; the caller moves the attachments over and calls own_publish_progs.
 */
int own_reload(const struct state *state, struct own *own);
int own_publish_progs(const struct state *state);

/* Removes the pins of maps and programs. */
int own_remove(const struct state *state);

/* The path of a pin in links/; buf: STATE_PATH_LEN bytes. */
char *own_link_path(const struct state *state, enum own_prog prog, char *buf);

#endif
