/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/shim/shim.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "lib/cgroup2.h"
#include "shim.skel.h"

#define PIN_SHIMS "internal/shims"

/* The value of internal/shims; the key is the path, SHIM_PATH_LEN bytes. */
struct shim_value {
	__u64 id;
	__u32 adopted;
	__u32 zero;
};

static void cleanup_shim(struct shim_bpf **skel)
{
	shim_bpf__destroy(*skel);
}
#define __cleanup_shim __attribute__((cleanup(cleanup_shim)))

/* ---- paths -------------------------------------------------------------- */

/* No part is "..", which would lead to another cgroup, or empty. */
static bool is_plain(const char *path)
{
	for (const char *part = path; part; part = strchr(part + 1, '/'))
		if (!strcmp(part, "/..") || !strncmp(part, "/../", 4) || !strncmp(part, "//", 2))
			return false;
	return true;
}

int shim_path(const char *text, char *ret_path)
{
	size_t len;

	text = cgroup2_below_mount(text);
	if (*text && *text != '/')
		return -EINVAL;
	len = strlen(text);
	while (len && text[len - 1] == '/')
		len--;
	if (len >= SHIM_PATH_LEN - 1)
		return -ENAMETOOLONG;
	snprintf(ret_path, SHIM_PATH_LEN, "%.*s", len ? (int)len : 1, len ? text : "/");
	return is_plain(ret_path) ? 0 : -EINVAL;
}

static char *link_pin(__u64 id, char *buf, size_t size)
{
	snprintf(buf, size, "links/shim_%llu", (unsigned long long)id);
	return buf;
}

/* ---- the map ------------------------------------------------------------ */

static int open_map(const struct state *state)
{
	static const struct map_shape shape = { BPF_MAP_TYPE_HASH, SHIM_PATH_LEN,
						sizeof(struct shim_value) };

	return state_get_map(&state->pins, PIN_SHIMS, &shape);
}

static int make_map(const struct state *state)
{
	__cleanup_close int fd = open_map(state);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int err;

	if (fd != -ENOENT)
		return take_fd(&fd);
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "shims", SHIM_PATH_LEN, sizeof(struct shim_value),
			    SHIM_MAX, &opts);
	if (fd < 0)
		return -errno;
	err = state_pin(&state->pins, PIN_SHIMS, fd);
	return err ? err : take_fd(&fd);
}

static int remember(const struct state *state, const char *path, const struct shim_value *value)
{
	__cleanup_close int fd = make_map(state);
	char key[SHIM_PATH_LEN] = "";

	if (fd < 0)
		return fd;
	snprintf(key, sizeof(key), "%s", path);
	return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
}

static int recall(const struct state *state, const char *path, struct shim_value *ret_value)
{
	__cleanup_close int fd = open_map(state);
	char key[SHIM_PATH_LEN] = "";

	if (fd < 0)
		return fd;
	snprintf(key, sizeof(key), "%s", path);
	return bpf_map_lookup_elem(fd, key, ret_value) ? -errno : 0;
}

static int forget(const struct state *state, const char *path)
{
	__cleanup_close int fd = open_map(state);
	char key[SHIM_PATH_LEN] = "";

	if (fd < 0)
		return fd;
	snprintf(key, sizeof(key), "%s", path);
	return bpf_map_delete_elem(fd, key) && errno != ENOENT ? -errno : 0;
}

/* ---- attaching ---------------------------------------------------------- */

static int load(const struct state *state, struct shim_bpf *skel)
{
	const __u64 cookie = state_netns_cookie();
	int err;

	if (!cookie)
		return -EOPNOTSUPP;
	*(__u64 *)&skel->rodata->netns_cookie = cookie;
	err = bpf_map__reuse_fd(skel->maps.local, state->map[MAP_LOCAL]);
	return err ? err : shim_bpf__load(skel);
}

static int attach(const struct state *state, int cgroup, __u64 id)
{
	struct shim_bpf *skel __cleanup_shim = shim_bpf__open();
	__cleanup_close int link = -1;
	char pin[64];
	int err;

	if (!skel)
		return -errno;
	err = load(state, skel);
	if (err)
		return err;
	link = bpf_link_create(bpf_program__fd(skel->progs.tproxy_shim), cgroup,
			       BPF_CGROUP_GETSOCKOPT, NULL);
	if (link < 0)
		return -errno;
	return state_pin(&state->pins, link_pin(id, pin, sizeof(pin)), link);
}

static bool is_attached(const struct state *state, __u64 id)
{
	char pin[64];
	__cleanup_close int link = state_get(&state->pins, link_pin(id, pin, sizeof(pin)));
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);

	/* The id is 0 once the cgroup is gone. */
	return link >= 0 && !bpf_obj_get_info_by_fd(link, &info, &len) &&
	       info.type == BPF_LINK_TYPE_CGROUP && info.cgroup.cgroup_id == id;
}

static int unpin(const struct state *state, __u64 id)
{
	char pin[64];

	return pindir_unlink(&state->pins, link_pin(id, pin, sizeof(pin)));
}

/* ---- commands ----------------------------------------------------------- */

int shim_on(const struct state *state, const char *path, bool adopted, bool *ret_made)
{
	struct shim_value old = { 0 }, value = { .adopted = adopted };
	__cleanup_close int cgroup = cgroup2_open(path);
	int err = cgroup < 0 ? cgroup : cgroup2_id_of(cgroup, &value.id);

	if (err)
		return err;
	/* One that was asked for by itself stays when an adoption ends. */
	if (!recall(state, path, &old) && !old.adopted)
		value.adopted = 0;
	*ret_made = !is_attached(state, value.id);
	/* The path first: what is attached can then be removed, whatever happens. */
	err = remember(state, path, &value);
	if (err || !*ret_made)
		return err;
	if (old.id && old.id != value.id)
		unpin(state, old.id);
	unpin(state, value.id);
	return attach(state, cgroup, value.id);
}

int shim_off(const struct state *state, const char *path, bool *ret_was)
{
	struct shim_value value;
	int err = recall(state, path, &value);

	*ret_was = !err;
	if (err)
		return err == -ENOENT ? 0 : err;
	err = unpin(state, value.id);
	return err ? err : forget(state, path);
}

int shim_list(const struct state *state, struct shim *ret_shims)
{
	__cleanup_close int fd = open_map(state);
	char key[SHIM_PATH_LEN];
	void *at = NULL;
	int n = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	while (n < SHIM_MAX && !bpf_map_get_next_key(fd, at, key)) {
		struct shim *shim = &ret_shims[n];
		struct shim_value value;
		__u64 now;

		memcpy(shim->path, key, sizeof(shim->path));
		at = shim->path;
		if (bpf_map_lookup_elem(fd, key, &value))
			continue;
		shim->path[sizeof(shim->path) - 1] = '\0';
		shim->id = value.id;
		shim->adopted = value.adopted;
		shim->alive = !cgroup2_id(shim->path, &now) && now == value.id &&
			      is_attached(state, value.id);
		n++;
	}
	return n;
}
