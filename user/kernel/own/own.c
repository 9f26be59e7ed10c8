/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens and removes the pins; own_make.c loads and makes them. */
#include "kernel/own/own.h"

#include <bpf/bpf.h>
#include <string.h>

#include "lib/util.h"

/* In the BPF object, except for the last one. */
static const char *const maps[OWN_MAP_MAX] = {
	[OWN_MAP_CONFIG] = "own_config",
	[OWN_MAP_EXCLUDED] = "own_excluded",
	[OWN_MAP_INCLUDED] = "own_included",
	[OWN_MAP_TASKS] = "own_tasks",
	[OWN_MAP_SOCK] = "own_sock",
	[OWN_MAP_TOKENS] = "tokens",
	[OWN_MAP_PEERS] = "own_peers",
	[OWN_MAP_ARRIVED] = "own_arrived",
	[OWN_MAP_NAMES_DEVICE] = "own_names_device",
	[OWN_MAP_PLACE] = "own_place",
};

static const char *const progs[OWN_PROG_MAX] = {
	[OWN_PROG_CONNECT4] = "own_connect4",
	[OWN_PROG_CONNECT6] = "own_connect6",
	[OWN_PROG_SENDMSG4] = "own_sendmsg4",
	[OWN_PROG_SENDMSG6] = "own_sendmsg6",
	[OWN_PROG_RECVMSG4] = "own_recvmsg4",
	[OWN_PROG_RECVMSG6] = "own_recvmsg6",
	[OWN_PROG_INGRESS] = "own_ingress",
	[OWN_PROG_EGRESS] = "own_egress",
	[OWN_PROG_LO] = "own_lo",
};

const char *own_map_name(enum own_map map)
{
	return maps[map];
}

const char *own_prog_name(enum own_prog prog)
{
	return progs[prog];
}

char *own_link_path(const struct state *state, enum own_prog prog, char *buf)
{
	char name[32];

	snprintf(name, sizeof(name), "links/%s", progs[prog]);
	pindir_path(&state->pins, name, buf);
	return buf;
}

/* ---- open --------------------------------------------------------------- */

static int get_map(const struct state *state, enum own_map map)
{
	char pin[32];

	snprintf(pin, sizeof(pin), "internal/%s", maps[map]);
	return state_get(&state->pins, pin);
}

static int get_prog(const struct state *state, enum own_prog prog)
{
	char pin[32];

	snprintf(pin, sizeof(pin), "progs/%s", progs[prog]);
	return state_get(&state->pins, pin);
}

/* The path of the cgroup, see OWN_MAP_PLACE. */
static int get_place(const struct state *state)
{
	static const struct map_shape shape = { BPF_MAP_TYPE_ARRAY, sizeof(__u32), OWN_PLACE_LEN };

	return state_get_map(&state->pins, "internal/own_place", &shape);
}

static int read_config(int fd, struct tproxy_own *ret_config)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), zero = 0;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || strcmp(info.name, maps[OWN_MAP_CONFIG]) ||
	    info.value_size != sizeof(*ret_config))
		return -EMEDIUMTYPE;
	return bpf_map_lookup_elem(fd, &zero, ret_config) ? -errno : 0;
}

int own_read_config(const struct state *state, struct tproxy_own *ret_config)
{
	__cleanup_close int fd = state->pins.dir < 0 ? -ENOENT : get_map(state, OWN_MAP_CONFIG);

	return fd < 0 ? fd : read_config(fd, ret_config);
}

static int read_place(struct own *own)
{
	__u32 zero = 0;

	if (bpf_map_lookup_elem(own->map[OWN_MAP_PLACE], &zero, own->cgroup))
		return -errno;
	own->cgroup[sizeof(own->cgroup) - 1] = '\0';
	return 0;
}

static int open_rest(const struct state *state, struct own *own)
{
	for (int i = 0; i < OWN_MAP_MAX; i++) {
		if (i == OWN_MAP_CONFIG)
			continue;
		own->map[i] = i == OWN_MAP_PLACE ? get_place(state) : get_map(state, i);
		if (own->map[i] < 0)
			return own->map[i];
	}
	for (int i = 0; i < OWN_PROG_MAX; i++) {
		own->prog[i] = get_prog(state, i);
		if (own->prog[i] < 0)
			return own->prog[i];
	}
	return read_place(own);
}

int own_open(const struct state *state, struct own *ret_own)
{
	struct own own __cleanup_own = OWN_CLOSED;
	int err;

	if (state->pins.dir < 0)
		return -ENOENT;
	own.map[OWN_MAP_CONFIG] = get_map(state, OWN_MAP_CONFIG);
	if (own.map[OWN_MAP_CONFIG] < 0)
		return own.map[OWN_MAP_CONFIG];
	err = read_config(own.map[OWN_MAP_CONFIG], &own.config);
	if (!err)
		err = open_rest(state, &own);
	if (err)
		return err == -ENOENT ? -EMEDIUMTYPE : err;
	*ret_own = own;
	own = OWN_CLOSED;
	return 0;
}

/* The first 96 bits of IPv6 tokens: a unique local prefix. */
static const __u8 token_prefix[12] = { 0xfd, 0x74, 0x70, 0x72, 0x6f, 0x78, 0x79 };

void own_salvage(const struct state *state, struct own *own)
{
	struct own found __cleanup_own = OWN_CLOSED;

	own->config = (struct tproxy_own){ .mark = TPROXY_OWN_DEFAULT_MARK,
					   .table = state->config.table + 1 };
	memcpy(own->config.token6, token_prefix, sizeof(token_prefix));
	if (state->pins.dir < 0)
		return;
	found.map[OWN_MAP_CONFIG] = get_map(state, OWN_MAP_CONFIG);
	found.map[OWN_MAP_PLACE] = get_place(state);
	if (found.map[OWN_MAP_CONFIG] >= 0 &&
	    !read_config(found.map[OWN_MAP_CONFIG], &found.config))
		own->config = found.config;
	if (found.map[OWN_MAP_PLACE] >= 0 && !read_place(&found))
		memcpy(own->cgroup, found.cgroup, sizeof(own->cgroup));
}

void own_close(struct own *own)
{
	for (int i = 0; i < OWN_MAP_MAX; i++)
		cleanup_fd(&own->map[i]);
	for (int i = 0; i < OWN_PROG_MAX; i++)
		cleanup_fd(&own->prog[i]);
	*own = OWN_CLOSED;
}

/* ---- remove ------------------------------------------------------------- */

int own_remove(const struct state *state)
{
	char pin[48];
	int result = 0;

	for (int i = 0; i < OWN_MAP_MAX; i++) {
		snprintf(pin, sizeof(pin), "internal/%s", maps[i]);
		result = first_error(result, pindir_unlink(&state->pins, pin));
	}
	for (int i = 0; i < OWN_PROG_MAX; i++) {
		snprintf(pin, sizeof(pin), "progs/%s", progs[i]);
		result = first_error(result, pindir_unlink(&state->pins, pin));
		snprintf(pin, sizeof(pin), "progs/%s" STATE_NEXT, progs[i]);
		result = first_error(result, pindir_unlink(&state->pins, pin));
	}
	return result;
}
