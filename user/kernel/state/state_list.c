/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/state/state_list.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <string.h>

#include "lib/util.h"
#include "tproxy_own.h"

#define DEFAULT_PARENT "/sys/fs/bpf"
#define MAX_LOOKUPS 64

static int append(struct state_list *states, const struct listed_state *state)
{
	int err;

	for (size_t i = 0; i < states->n; i++)
		if (states->items[i].config_map == state->config_map)
			return 0;
	err = array_room((void **)&states->items, states->n, &states->room, sizeof(*states->items));
	if (!err)
		states->items[states->n++] = *state;
	return err;
}

/* ---- by directories ----------------------------------------------------- */

static bool is_stage(const char *name)
{
	const char *end = strstr(name, "_stage");

	return end && !end[sizeof("_stage") - 1];
}

/* The programs for own traffic are pinned beside the others (kernel/own). */
static void find_own(const struct state *state, struct listed_state *found)
{
	__cleanup_close int fd = state_get(&state->pins, "internal/own_config");
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), zero = 0;
	struct tproxy_own own;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || info.value_size != sizeof(own) ||
	    bpf_map_lookup_elem(fd, &zero, &own))
		return;
	found->own_mark = own.mark;
	found->own_table = own.table;
}

/* A directory of another user is no state: that user could not load our programs (pindir.h). */
static int add_dir(struct state_list *states, const char *dir)
{
	struct state state __cleanup_state = STATE_CLOSED;
	struct listed_state found = { 0 };

	if (!state_salvage(&state, dir) || state.config.netns != state_netns())
		return 0;
	found.config = state.config;
	found.config_map = program_map_id(state.map[MAP_CONFIG]);
	snprintf(found.dir, sizeof(found.dir), "%s", dir);
	find_own(&state, &found);
	return append(states, &found);
}

static int add_dirs(struct state_list *states, const char *parent)
{
	__cleanup_dir DIR *dir = opendir(parent);
	char path[STATE_PATH_LEN];
	struct dirent *entry;
	int err = 0;

	while (dir && !err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || is_stage(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);
		err = add_dir(states, path);
	}
	return err;
}

/* ---- by programs of the namespace --------------------------------------- */

/* The ids of the program's maps config and socks, if it has them. */
static void find_maps(const struct program *program, struct listed_state *state)
{
	for (size_t i = 0; i < program->n; i++) {
		__cleanup_close int fd = bpf_map_get_fd_by_id(program->maps[i]);
		struct bpf_map_info info = { 0 };
		__u32 len = sizeof(info);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
			continue;
		if (!strcmp(info.name, state_map_name(MAP_SOCKS)))
			state->socks_map = info.id;
		if (!state_read_config(fd, &state->config))
			state->config_map = info.id;
	}
}

static int add_lookup(struct state_list *states, __u32 prog_id)
{
	struct listed_state state = { 0 };
	struct program program;
	int err = program_by_id(prog_id, &program);

	if (err == -ENOENT)
		return 0;
	if (err) {
		states->blind = err;
		return 0;
	}
	if (strcmp(program.name, state_prog_name(PROG_LOOKUP)))
		return 0;
	find_maps(&program, &state);
	if (!state.config_map)
		return 0;
	for (size_t i = 0; i < states->n; i++)
		if (states->items[i].config_map == state.config_map)
			states->items[i].socks_map = state.socks_map;
	return append(states, &state);
}

static int add_lookups(struct state_list *states)
{
	__cleanup_close int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	__u32 ids[MAX_LOOKUPS] = { 0 }, n = MAX_LOOKUPS, flags;
	int err = 0;

	if (netns < 0 || bpf_prog_query(netns, BPF_SK_LOOKUP, 0, &flags, ids, &n)) {
		states->blind = -errno;
		return 0;
	}
	for (__u32 i = 0; i < n && !err; i++)
		err = add_lookup(states, ids[i]);
	return err;
}

/* ---- the whole ---------------------------------------------------------- */

void state_list_free(struct state_list *states)
{
	free(states->items);
	*states = (struct state_list){ 0 };
}

int state_list_read(const char *pin_dir, struct state_list *ret_states)
{
	const char *slash = strrchr(pin_dir, '/');
	char parent[STATE_PATH_LEN];
	struct state_list states = { 0 };
	int err;

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - pin_dir) : 0, pin_dir);
	err = add_dirs(&states, parent);
	if (!err && strcmp(parent, DEFAULT_PARENT))
		err = add_dirs(&states, DEFAULT_PARENT);
	if (!err)
		err = add_lookups(&states);
	if (err)
		state_list_free(&states);
	else
		*ret_states = states;
	return err;
}

const struct listed_state *state_list_owner(const struct state_list *states,
					    const struct program *program)
{
	for (size_t i = 0; i < states->n; i++)
		if (program_uses(program, states->items[i].config_map) ||
		    program_uses(program, states->items[i].socks_map))
			return &states->items[i];
	return NULL;
}

const struct listed_state *state_list_by_key(const struct state_list *states, __u32 mark,
					     __u32 mask, __u32 table)
{
	for (size_t i = 0; i < states->n; i++) {
		const struct tproxy_config *config = &states->items[i].config;

		if (config->mark == mark && config->mask == mask && config->table == table)
			return &states->items[i];
		if (mark && states->items[i].own_mark == mark && mask == mark &&
		    states->items[i].own_table == table)
			return &states->items[i];
	}
	return NULL;
}

bool state_list_has_table(const struct state_list *states, __u32 table)
{
	for (size_t i = 0; i < states->n; i++)
		if (states->items[i].config.table == table || states->items[i].own_table == table)
			return true;
	return false;
}

char *listed_state_text(const struct listed_state *state, char *buf, size_t size)
{
	if (*state->dir)
		snprintf(buf, size, "the state in %s", state->dir);
	else
		snprintf(buf, size, "a state that is pinned elsewhere");
	return buf;
}
