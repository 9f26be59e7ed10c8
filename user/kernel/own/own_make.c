/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the programs for own traffic on the maps of a state, and pins them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "kernel/own/own.h"
#include "kernel/state/own_object.h"

static void close_object(struct bpf_object **obj)
{
	bpf_object__close(*obj);
}
#define __cleanup_object __attribute__((cleanup(close_object)))

/* ---- load --------------------------------------------------------------- */

static int reuse(struct bpf_object *obj, const char *name, int fd)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	return map && fd >= 0 ? bpf_map__reuse_fd(map, fd) : 0;
}

/* The maps of the state, and those of *own that exist already. */
static int load(struct bpf_object *obj, const struct state *state, const struct own *own)
{
	int err = 0;

	for (int i = 0; i < MAP_MAX && !err; i++)
		err = reuse(obj, state_map_name(i), state->map[i]);
	for (int i = 0; i < OWN_MAP_MAX && !err; i++)
		err = reuse(obj, own_map_name(i), own->map[i]);
	return err ? err : bpf_object__load(obj);
}

static int open_object(struct bpf_object **ret_obj)
{
	__u32 seed;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return -errno;
	*ret_obj = own_object(seed);
	return *ret_obj ? 0 : -errno;
}

/* ---- keep and pin ------------------------------------------------------- */

static int duplicate(int fd)
{
	int copy = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 && fd >= 0 ? -errno : copy;
}

static int make_place(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, own_map_name(OWN_MAP_PLACE), sizeof(__u32),
				OWN_PLACE_LEN, 1, NULL);

	return fd < 0 ? -errno : fd;
}

/* What *own does not have yet. */
static int keep_maps(const struct bpf_object *obj, struct own *own)
{
	for (int i = 0; i < OWN_MAP_MAX; i++) {
		if (own->map[i] >= 0)
			continue;
		own->map[i] =
			i == OWN_MAP_PLACE ?
				make_place() :
				duplicate(bpf_object__find_map_fd_by_name(obj, own_map_name(i)));
		if (own->map[i] < 0)
			return own->map[i];
	}
	return 0;
}

static int keep_progs(const struct bpf_object *obj, struct own *own)
{
	for (int i = 0; i < OWN_PROG_MAX; i++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(obj, own_prog_name(i));
		int fd = prog ? duplicate(bpf_program__fd(prog)) : -ENOENT;

		if (fd < 0)
			return fd;
		cleanup_fd(&own->prog[i]);
		own->prog[i] = fd;
	}
	return 0;
}

static int pin_map(const struct state *state, const struct own *own, enum own_map map)
{
	char pin[32];
	int err;

	snprintf(pin, sizeof(pin), "internal/%s", own_map_name(map));
	err = state_pin(&state->pins, pin, own->map[map]);
	return err == -EEXIST ? 0 : err;
}

/* The configuration last: with it the rest is complete. */
static int pin_maps(const struct state *state, const struct own *own)
{
	int err = 0;

	for (int i = 0; i < OWN_MAP_MAX && !err; i++)
		if (i != OWN_MAP_CONFIG)
			err = pin_map(state, own, i);
	return err ? err : pin_map(state, own, OWN_MAP_CONFIG);
}

static int pin_progs(const struct state *state, const struct own *own, const char *suffix)
{
	char pin[48];
	int err = 0;

	for (int i = 0; i < OWN_PROG_MAX && !err; i++) {
		snprintf(pin, sizeof(pin), "progs/%s%s", own_prog_name(i), suffix);
		err = pindir_unlink(&state->pins, pin);
		if (!err)
			err = state_pin(&state->pins, pin, own->prog[i]);
	}
	return err;
}

/* ---- create ------------------------------------------------------------- */

int own_write(const struct own *own)
{
	__u32 zero = 0;

	if (bpf_map_update_elem(own->map[OWN_MAP_PLACE], &zero, own->cgroup, BPF_ANY) ||
	    bpf_map_update_elem(own->map[OWN_MAP_CONFIG], &zero, &own->config, BPF_ANY))
		return -errno;
	return 0;
}

int own_create(const struct state *state, struct own *own)
{
	struct bpf_object *obj __cleanup_object = NULL;
	int err = own_remove(state);

	if (!err)
		err = open_object(&obj);
	if (!err)
		err = load(obj, state, own);
	if (!err)
		err = keep_maps(obj, own);
	if (!err)
		err = keep_progs(obj, own);
	if (!err)
		err = own_write(own);
	if (!err)
		err = pin_progs(state, own, "");
	if (!err)
		err = pin_maps(state, own);
	if (err)
		own_remove(state);
	return err;
}

/* ---- replace ------------------------------------------------------------ */

int own_reload(const struct state *state, struct own *own)
{
	struct bpf_object *obj __cleanup_object = NULL;
	int err = open_object(&obj);

	if (!err)
		err = load(obj, state, own);
	if (!err)
		err = keep_maps(obj, own);
	if (!err)
		err = pin_maps(state, own);
	if (!err)
		err = keep_progs(obj, own);
	return err ? err : pin_progs(state, own, STATE_NEXT);
}

int own_publish_progs(const struct state *state)
{
	char from[48], to[48];
	int err = 0;

	for (int i = 0; i < OWN_PROG_MAX && !err; i++) {
		snprintf(from, sizeof(from), "progs/%s" STATE_NEXT, own_prog_name(i));
		snprintf(to, sizeof(to), "progs/%s", own_prog_name(i));
		err = pindir_rename(&state->pins, from, to);
	}
	return err;
}
