/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/state/living.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <string.h>

#include "lib/util.h"

#define DEFAULT_PARENT "/sys/fs/bpf"
#define MAX_LOOKUPS 64

static int append(struct living *living, const struct living_state *state)
{
	int err;

	for (size_t i = 0; i < living->n; i++)
		if (living->items[i].maps[0] == state->maps[0])
			return 0;
	err = array_room((void **)&living->items, living->n, &living->room, sizeof(*living->items));
	if (!err)
		living->items[living->n++] = *state;
	return err;
}

/* ---- by directories ----------------------------------------------------- */

static bool is_stage(const char *name)
{
	const char *end = strstr(name, "_stage");

	return end && !end[sizeof("_stage") - 1];
}

/* A directory of another user is no state: that user could not load our programs (pindir.h). */
static int add_dir(struct living *living, const char *dir)
{
	struct state state __cleanup_state = STATE_CLOSED;
	struct living_state found = { 0 };

	if (!state_salvage(&state, dir) || state.config.netns != state_netns())
		return 0;
	found.config = state.config;
	found.maps[0] = program_map_id(state.map[MAP_CONFIG]);
	snprintf(found.dir, sizeof(found.dir), "%s", dir);
	return append(living, &found);
}

static int add_dirs(struct living *living, const char *parent)
{
	__cleanup_dir DIR *dir = opendir(parent);
	char path[STATE_PATH_LEN];
	struct dirent *entry;
	int err = 0;

	while (dir && !err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || is_stage(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);
		err = add_dir(living, path);
	}
	return err;
}

/* ---- by programs of the namespace --------------------------------------- */

/* The ids of the program's maps config and socks, if it has them. */
static void find_maps(const struct program *program, struct living_state *state)
{
	for (size_t i = 0; i < program->n; i++) {
		__cleanup_close int fd = bpf_map_get_fd_by_id(program->maps[i]);
		struct bpf_map_info info = { 0 };
		__u32 len = sizeof(info);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
			continue;
		if (!strcmp(info.name, state_map_name(MAP_SOCKS)))
			state->maps[1] = info.id;
		if (!state_read_config(fd, &state->config))
			state->maps[0] = info.id;
	}
}

static int add_lookup(struct living *living, __u32 prog_id)
{
	struct living_state state = { 0 };
	struct program program;
	int err = program_by_id(prog_id, &program);

	if (err == -ENOENT)
		return 0;
	if (err) {
		living->blind = err;
		return 0;
	}
	if (strcmp(program.name, "tproxy_lookup"))
		return 0;
	find_maps(&program, &state);
	if (!state.maps[0])
		return 0;
	for (size_t i = 0; i < living->n; i++)
		if (living->items[i].maps[0] == state.maps[0])
			living->items[i].maps[1] = state.maps[1];
	return append(living, &state);
}

static int add_lookups(struct living *living)
{
	__cleanup_close int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	__u32 ids[MAX_LOOKUPS] = { 0 }, n = MAX_LOOKUPS, flags;
	int err = 0;

	if (netns < 0 || bpf_prog_query(netns, BPF_SK_LOOKUP, 0, &flags, ids, &n)) {
		living->blind = -errno;
		return 0;
	}
	for (__u32 i = 0; i < n && !err; i++)
		err = add_lookup(living, ids[i]);
	return err;
}

/* ---- the whole ---------------------------------------------------------- */

void living_free(struct living *living)
{
	free(living->items);
	*living = (struct living){ 0 };
}

int living_read(const char *pin_dir, struct living *ret_living)
{
	const char *slash = strrchr(pin_dir, '/');
	char parent[STATE_PATH_LEN];
	struct living living = { 0 };
	int err;

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - pin_dir) : 0, pin_dir);
	err = add_dirs(&living, parent);
	if (!err && strcmp(parent, DEFAULT_PARENT))
		err = add_dirs(&living, DEFAULT_PARENT);
	if (!err)
		err = add_lookups(&living);
	if (err)
		living_free(&living);
	else
		*ret_living = living;
	return err;
}

const struct living_state *living_owner(const struct living *living, const struct program *program)
{
	for (size_t i = 0; i < living->n; i++)
		if (program_uses(program, living->items[i].maps[0]) ||
		    program_uses(program, living->items[i].maps[1]))
			return &living->items[i];
	return NULL;
}

const struct living_state *living_by_key(const struct living *living, __u32 mark, __u32 mask,
					 __u32 table)
{
	for (size_t i = 0; i < living->n; i++) {
		const struct tproxy_config *config = &living->items[i].config;

		if (config->mark == mark && config->mask == mask && config->table == table)
			return &living->items[i];
	}
	return NULL;
}

bool living_has_table(const struct living *living, __u32 table)
{
	for (size_t i = 0; i < living->n; i++)
		if (living->items[i].config.table == table)
			return true;
	return false;
}

char *living_text(const struct living_state *state, char *buf, size_t size)
{
	if (*state->dir)
		snprintf(buf, size, "the state in %s", state->dir);
	else
		snprintf(buf, size, "a state that is pinned elsewhere");
	return buf;
}
