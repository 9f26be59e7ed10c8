/* SPDX-License-Identifier: BSD-2-Clause */
/* Creates states, and replaces the programs of one by those of this build. */
#include "kernel/state/state.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <string.h>
#include <zlib.h>

#include "kernel/state/own_object.h"
#include "kernel/state/pindir_stage.h"
#include "tproxy.skel.h"

/* ---- create ------------------------------------------------------------- */

__u32 state_build(void)
{
	size_t size;
	const void *bytes = tproxy_bpf__elf_bytes(&size);

	return own_object_crc((__u32)crc32(crc32(0, NULL, 0), bytes, (unsigned int)size));
}

static int pin_maps(struct bpf_object *obj, const struct pindir *pins)
{
	for (int i = 0; i < MAP_MAX; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, state_map_name(i));
		int err = map ? state_pin(pins, state_map_pin(i), bpf_map__fd(map)) : -ENOENT;

		if (err)
			return err;
	}
	return 0;
}

struct bpf_object *state_object(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "tproxy_bpf");
	size_t size;
	const void *bytes = tproxy_bpf__elf_bytes(&size);

	return bpf_object__open_mem(bytes, size, &opts);
}

int state_keep_progs(const struct bpf_object *obj, struct state *state)
{
	for (int i = 0; i < PROG_MAX; i++) {
		struct bpf_program *prog =
			bpf_object__find_program_by_name(obj, state_prog_name(i));
		int fd = prog ? fcntl(bpf_program__fd(prog), F_DUPFD_CLOEXEC, 0) : -1;

		if (fd < 0)
			return -errno;
		if (state->prog[i] >= 0)
			close(state->prog[i]);
		state->prog[i] = fd;
	}
	return 0;
}

int state_pin_progs(const struct state *state, const struct pindir *pins, const char *suffix)
{
	char name[64];

	for (int i = 0; i < PROG_MAX; i++) {
		int err;

		snprintf(name, sizeof(name), "progs/%s%s", state_prog_name(i), suffix);
		err = state_pin(pins, name, state->prog[i]);
		if (err)
			return err;
	}
	return 0;
}

static int fill_stage(struct tproxy_bpf *skel, const struct pindir *stage,
		      const struct tproxy_config *config)
{
	struct state loaded = STATE_CLOSED;
	__u32 zero = 0;
	int err = bpf_map__update_elem(skel->maps.config, &zero, sizeof(zero), config,
				       sizeof(*config), 0);

	if (!err)
		err = pin_maps(skel->obj, stage);
	if (!err)
		err = state_keep_progs(skel->obj, &loaded);
	if (!err)
		err = state_pin_progs(&loaded, stage, "");
	state_close(&loaded);
	return err;
}

static int publish_new(struct state *state, struct tproxy_bpf *skel,
		       const struct tproxy_config *config, char *ret_why)
{
	struct pindir stage __cleanup_pindir = PINDIR_CLOSED;
	int err = pindir_stage(&state->pins, &stage, ret_why);

	if (!err)
		err = fill_stage(skel, &stage, config);
	return err ? err : pindir_publish(&stage, &state->pins, ret_why);
}

int state_create(struct state *state, const char *dir, const struct tproxy_config *config,
		 char *ret_why)
{
	struct tproxy_config full = *config;
	struct tproxy_bpf *skel;
	int err;

	full.abi = TPROXY_ABI;
	full.build = state_build();
	full.netns = state_netns();
	pindir_remove_stage(&state->pins);
	skel = tproxy_bpf__open_and_load();
	if (!skel)
		return -errno;
	err = publish_new(state, skel, &full, ret_why);
	tproxy_bpf__destroy(skel);
	if (err) {
		pindir_remove_stage(&state->pins);
		return err;
	}
	return state_open(state, dir, ret_why);
}

/* ---- replace ------------------------------------------------------------ */

static int reuse_maps(struct bpf_object *obj, const struct state *state)
{
	for (int i = 0; i < MAP_MAX; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, state_map_name(i));
		int err = map ? 0 : -ENOENT;

		if (!err && state->map[i] >= 0)
			err = bpf_map__reuse_fd(map, state->map[i]);
		if (err)
			return err;
	}
	return 0;
}

static int write_build(struct state *state, __u32 build)
{
	__u32 zero = 0;

	state->config.build = build;
	return bpf_map_update_elem(state->map[MAP_CONFIG], &zero, &state->config, BPF_ANY);
}

/* Maps that the state of an older build lacks. */
static int keep_added(const struct bpf_object *obj, struct state *state)
{
	for (int i = 0; i < MAP_MAX; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, state_map_name(i));
		int err;

		if (!state_map_is_added(i) || state->map[i] >= 0)
			continue;
		err = state_pin(&state->pins, state_map_pin(i), bpf_map__fd(map));
		if (err)
			return err;
		state->map[i] = state_get(&state->pins, state_map_pin(i));
		if (state->map[i] < 0)
			return state->map[i];
	}
	return 0;
}

/* Pinned before anything is attached: an interruption must not leave unknown programs. */
static int pin_next(const struct state *state)
{
	char pin[64];

	for (int i = 0; i < PROG_MAX; i++) {
		snprintf(pin, sizeof(pin), "progs/%s" STATE_NEXT, state_prog_name(i));
		pindir_unlink(&state->pins, pin);
	}
	return state_pin_progs(state, &state->pins, STATE_NEXT);
}

int state_reload(struct state *state)
{
	struct tproxy_bpf *skel = tproxy_bpf__open();
	int err;

	if (!skel)
		return -errno;
	err = reuse_maps(skel->obj, state);
	if (!err)
		err = tproxy_bpf__load(skel);
	if (!err)
		err = keep_added(skel->obj, state);
	if (!err)
		err = state_keep_progs(skel->obj, state);
	if (!err)
		err = pin_next(state);
	if (!err)
		err = write_build(state, 0);
	tproxy_bpf__destroy(skel);
	return err;
}

int state_publish_progs(struct state *state)
{
	char from[64], to[64];
	int err = 0;

	for (int i = 0; i < PROG_MAX && !err; i++) {
		snprintf(from, sizeof(from), "progs/%s" STATE_NEXT, state_prog_name(i));
		snprintf(to, sizeof(to), "progs/%s", state_prog_name(i));
		err = pindir_rename(&state->pins, from, to);
	}
	return err ? err : write_build(state, state_build());
}
