/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A state: all maps, programs and links in a pin directory (pindir_stage.h). Nothing is remembered
 * anywhere else. Creates and opens a state, and owns the descriptors of its maps and programs.
 *
 * Closing is not destroying: state_close closes descriptors only; maps, programs and links stay
 * pinned until pindir_remove. A process that changes a state holds its lock (lock.h).
 *
 * Layout of the pin directory:
 *   dst4 … config      the maps of the user contract
 *   internal/          maps that users need not edit
 *   progs/             programs, for interfaces that are attached later
 *   links/lookup       the sk_lookup link; links/N and links/N_egress: the tcx links of ifindex N
 */
#ifndef TPROXY_KERNEL_STATE_STATE_H
#define TPROXY_KERNEL_STATE_STATE_H

#include <limits.h>
#include <stdbool.h>

#include "kernel/state/pindir_stage.h"
#include "lib/util.h"
#include "tproxy.h"

enum state_map {
	MAP_DST4,
	MAP_DST6,
	MAP_SRC4,
	MAP_SRC6,
	MAP_PORTS,
	MAP_IFACES,
	MAP_RULES,
	MAP_SOCKS,
	MAP_COUNTERS,
	MAP_RULESTATS,
	MAP_CONFIG,
	MAP_LOCAL,
	MAP_TICKETS,
	MAP_FRAGS,
	MAP_POOLS,
	MAP_DST4_GEN,
	MAP_DST6_GEN,
	MAP_SRC4_GEN,
	MAP_SRC6_GEN,
	MAP_PORTS_GEN,
	MAP_IFACES_GEN,
	MAP_RULES_GEN,
	MAP_POOLS_GEN,
	MAP_OLDER,
	MAP_PROXIED,
	MAP_PROXIED_TAGS,
	MAP_COOKIE,
	MAP_ASKING,
	MAP_HEALTH,
	MAP_PROBE,
	MAP_AFTER,
	MAP_AUDITED,
	MAP_AUDIT_PLACES,
	MAP_WATCH_WANTED,
	MAP_WATCHERS,
	MAP_WATCH_RINGS,
	MAP_WATCH_PENDING,
	MAP_OWNERS,
	MAP_OWNERS_GEN,
	MAP_MAX
};

enum state_prog {
	PROG_INGRESS,
	PROG_LOOKUP,
	PROG_REPORT,
	PROG_EGRESS,
	PROG_AUDIT,
	PROG_WATCH,
	PROG_MAX
};

struct state {
	char dir[STATE_PATH_LEN]; /* as the user names it: for messages only */
	struct pindir pins;
	int map[MAP_MAX];
	int prog[PROG_MAX];
	struct tproxy_config config;
};

#define STATE_CLOSED                                                                               \
	(struct state)                                                                             \
	{                                                                                          \
		.pins = PINDIR_CLOSED, .map = { [0 ... MAP_MAX - 1] = -1 },                        \
		.prog = { [0 ... PROG_MAX - 1] = -1 },                                             \
	}

const char *state_map_name(enum state_map map);
/* Where it is pinned in the pin directory. */
const char *state_map_pin(enum state_map map);
/* The name of a program in the kernel. */
const char *state_prog_name(enum state_prog prog);

/* Opens the pin directory but nothing in it. -ENOENT: there is none. Errors as in pindir.h. */
int state_enter(struct state *state, const char *dir, char *ret_why);

/*
 * Opens maps and programs. -ENOENT: there is no state. -EPROTO: another ABI, see
 * state->config.abi; if it is an older one, all its pins are open, for migrate.h. -EMEDIUMTYPE: a
 * pin is not ours; ret_what, of PINDIR_WHY_LEN bytes, names it. -EUCLEAN: the directory is
 * refused; ret_what is the sentence for the user.
 */
int state_open(struct state *state, const char *dir, char *ret_what);

/*
 * Reads a config map of any ABI: the ABI comes first in the value, and values only grew.
 * -EMEDIUMTYPE: it is another map.
 */
int state_read_config(int fd, struct tproxy_config *ret_config);

/* Does it have an older ABI, which this build can migrate? */
bool state_is_older(const struct state *state);
/* Do states of this ABI have the map? */
bool state_map_is_in(enum state_map map, __u32 abi);
/*
 * Was it added without a change of the ABI? The state of an older build lacks it, and its
 * descriptor is -1 until the programs of this build take over.
 */
bool state_map_is_added(enum state_map map);
bool state_prog_is_added(enum state_prog prog);

/*
 * Opens what is needed to detach the interfaces of a broken state: config and ifaces. False if
 * these are gone too; close the state either way.
 */
bool state_salvage(struct state *state, const char *dir);

/*
 * Loads the programs, pins everything in the stage and publishes it. Sets abi, build and netns of
 * the config itself. Removes leftovers of an earlier attempt first. -EUCLEAN: ret_why is as in
 * pindir.h.
 */
int state_create(struct state *state, const char *dir, const struct tproxy_config *config,
		 char *ret_why);

/* CRC-32 of the embedded BPF objects. */
__u32 state_build(void);

/*
 * Loads the embedded programs on the maps of an open state, pins them as STATE_NEXT and puts them
 * in place of state->prog. The caller moves the attachments over and calls state_publish_progs.
 * Until then the state has build 0: after an interruption the next attach, of any build, replaces
 * all programs again.
 */
int state_reload(struct state *state);
int state_publish_progs(struct state *state);

/* The parts of loading that migrate.h needs. The object is not loaded; the caller closes it. */
struct bpf_object;
struct bpf_object *state_object(void);
/* `state` gets duplicates of the descriptors of its programs; the object closes its own. */
int state_keep_progs(const struct bpf_object *obj, struct state *state);
int state_pin_progs(const struct state *state, const struct pindir *pins, const char *suffix);

/* Closes maps, programs and the pin directory; its parent stays open. */
void state_forget(struct state *state);
void state_close(struct state *state);
#define __cleanup_state __attribute__((cleanup(state_close)))

/* Pins a map or a program; the pin must not exist. 0 or -errno. */
int state_pin(const struct pindir *pins, const char *name, int fd);
/* A descriptor of what is pinned, or -errno. */
int state_get(const struct pindir *pins, const char *name);

/* Of a map that one kind of program reads, so that another build may have made it otherwise. */
struct map_shape {
	__u32 type;       /* enum bpf_map_type */
	__u32 key, value; /* sizes */
};
/*
 * state_get of a map. -EMEDIUMTYPE: it has another shape, so its entries would not fit our structs.
 */
int state_get_map(const struct pindir *pins, const char *name, const struct map_shape *shape);

/* The path of a pin, valid while the state is open; buf: STATE_PATH_LEN bytes. */
char *state_link_path(const struct state *state, int ifindex, char *buf);
char *state_egress_path(const struct state *state, int ifindex, char *buf);
/* suffix: "", or STATE_NEXT for a program that takes over. 0 or -ENAMETOOLONG. */
#define STATE_NEXT "_next"
int state_prog_path(const struct state *state, enum state_prog prog, const char *suffix, char *buf);
char *state_lookup_path(const struct state *state, char *buf);

/* Inode number of the current network namespace, or 0. */
__u64 state_netns(void);
/* Its cookie, by which BPF programs know it, and that of a socket. 0: the kernel has none. */
__u64 state_netns_cookie(void);
__u64 state_netns_cookie_of(int socket);

#endif
