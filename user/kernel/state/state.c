/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/state/state.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define CONFIG_MAX_SIZE 256 /* of the config map's value, in any ABI */

static const struct {
	const char *name; /* in the BPF object */
	const char *pin;  /* below the pin directory */
	__u32 since;      /* the first ABI that pins it; 0: all */
	bool added;       /* after that ABI was published: the state of an older build lacks it */
} maps[MAP_MAX] = {
	[MAP_DST4] = { "dst4", "dst4", 0 },
	[MAP_DST6] = { "dst6", "dst6", 0 },
	[MAP_SRC4] = { "src4", "src4", 0 },
	[MAP_SRC6] = { "src6", "src6", 0 },
	[MAP_PORTS] = { "ports", "ports", 0 },
	[MAP_IFACES] = { "ifaces", "ifaces", 0 },
	[MAP_RULES] = { "rules", "rules", 0 },
	[MAP_SOCKS] = { "socks", "socks", 0 },
	[MAP_COUNTERS] = { "counters", "counters", 0 },
	[MAP_RULESTATS] = { "rulestats", "rulestats", 0 },
	[MAP_CONFIG] = { "config", "config", 0 },
	[MAP_LOCAL] = { "local", "internal/local", 0 },
	[MAP_TICKETS] = { "tickets", "internal/tickets", 0 },
	[MAP_FRAGS] = { "frags", "internal/frags", 0 },
	[MAP_POOLS] = { "pools", "internal/pools", 0 },
	[MAP_DST4_GEN] = { "dst4_gen", "internal/dst4_gen", 0 },
	[MAP_DST6_GEN] = { "dst6_gen", "internal/dst6_gen", 0 },
	[MAP_SRC4_GEN] = { "src4_gen", "internal/src4_gen", 0 },
	[MAP_SRC6_GEN] = { "src6_gen", "internal/src6_gen", 0 },
	[MAP_PORTS_GEN] = { "ports_gen", "internal/ports_gen", 0 },
	[MAP_IFACES_GEN] = { "ifaces_gen", "internal/ifaces_gen", 0 },
	[MAP_RULES_GEN] = { "rules_gen", "internal/rules_gen", 0 },
	[MAP_POOLS_GEN] = { "pools_gen", "internal/pools_gen", 0 },
	[MAP_OLDER] = { "older", "internal/older", 2 },
	[MAP_PROXIED] = { "began", "internal/began", 2 },
	[MAP_PROXIED_TAGS] = { ".data.tags", "internal/began_tags", 2 },
	[MAP_COOKIE] = { ".data.cookie", "internal/cookie", 2 },
	[MAP_ASKING] = { ".data.asking", "internal/asking", 2 },
	[MAP_HEALTH] = { "health", "internal/health", 3 },
	[MAP_PROBE] = { "probe", "internal/probe", 3 },
	[MAP_AFTER] = { "after", "internal/after", 3 },
	[MAP_AUDITED] = { "audited", "internal/audited", 3, true },
	[MAP_AUDIT_PLACES] = { "audit_places", "internal/audit_places", 3, true },
	[MAP_WATCH_WANTED] = { ".data.watch", "internal/watch", 3, true },
	[MAP_WATCHERS] = { "watchers", "internal/watchers", 3, true },
	[MAP_WATCH_RINGS] = { "watch_rings", "internal/watch_rings", 3, true },
	[MAP_WATCH_PENDING] = { "watch_pending", "internal/watch_pending", 3, true },
	[MAP_OWNERS] = { "owners", "owners", 3, true },
	[MAP_OWNERS_GEN] = { "owners_gen", "internal/owners_gen", 3, true },
};

static const struct {
	const char *name;
	bool added; /* after its ABI was published: the state of an older build lacks it */
} progs[PROG_MAX] = {
	[PROG_INGRESS] = { "tproxy_ingress", false }, [PROG_LOOKUP] = { "tproxy_lookup", false },
	[PROG_REPORT] = { "tproxy_report", true },    [PROG_EGRESS] = { "tproxy_egress", true },
	[PROG_AUDIT] = { "tproxy_audit", true },      [PROG_WATCH] = { "tproxy_watch", true },
};

const char *state_map_name(enum state_map map)
{
	return maps[map].name;
}

const char *state_map_pin(enum state_map map)
{
	return maps[map].pin;
}

bool state_map_is_in(enum state_map map, __u32 abi)
{
	return maps[map].since <= abi;
}

bool state_map_is_added(enum state_map map)
{
	return maps[map].added;
}

char *state_egress_path(const struct state *state, int ifindex, char *buf)
{
	char name[32];

	snprintf(name, sizeof(name), "links/%d_egress", ifindex);
	pindir_path(&state->pins, name, buf);
	return buf;
}

char *state_link_path(const struct state *state, int ifindex, char *buf)
{
	char name[24];

	snprintf(name, sizeof(name), "links/%d", ifindex);
	pindir_path(&state->pins, name, buf);
	return buf;
}

const char *state_prog_name(enum state_prog prog)
{
	return progs[prog].name;
}

bool state_prog_is_added(enum state_prog prog)
{
	return progs[prog].added;
}

int state_prog_path(const struct state *state, enum state_prog prog, const char *suffix, char *buf)
{
	char name[64];

	snprintf(name, sizeof(name), "progs/%s%s", progs[prog].name, suffix);
	return pindir_path(&state->pins, name, buf);
}

char *state_lookup_path(const struct state *state, char *buf)
{
	pindir_path(&state->pins, "links/lookup", buf);
	return buf;
}

__u64 state_netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
}

__u64 state_netns_cookie_of(int socket)
{
	__u64 cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) ? 0 : cookie;
}

__u64 state_netns_cookie(void)
{
	__cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? 0 : state_netns_cookie_of(fd);
}

int state_pin(const struct pindir *pins, const char *name, int fd)
{
	char path[STATE_PATH_LEN];
	int err = pindir_path(pins, name, path);

	if (err)
		return err;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

int state_get(const struct pindir *pins, const char *name)
{
	char path[STATE_PATH_LEN];
	int fd, err = pindir_path(pins, name, path);

	if (err)
		return err;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

int state_get_map(const struct pindir *pins, const char *name, const struct map_shape *shape)
{
	__cleanup_close int fd = state_get(pins, name);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (info.type != shape->type || info.key_size != shape->key ||
	    info.value_size != shape->value)
		return -EMEDIUMTYPE;
	return take_fd(&fd);
}

/* ---- open --------------------------------------------------------------- */

/* A pin of a map with another name is not ours. */
static bool map_is_ours(int fd, enum state_map which)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) &&
	       !strncmp(info.name, maps[which].name, sizeof(info.name) - 1);
}

static int open_pin(const struct state *state, const char *pin, int *ret_fd)
{
	int fd = state_get(&state->pins, pin);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int state_read_config(int fd, struct tproxy_config *ret_config)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), zero = 0;
	__u8 value[CONFIG_MAX_SIZE] = { 0 };

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || !map_is_ours(fd, MAP_CONFIG) ||
	    info.value_size > sizeof(value))
		return -EMEDIUMTYPE;
	if (bpf_map_lookup_elem(fd, &zero, value))
		return -errno;
	memcpy(ret_config, value, sizeof(*ret_config));
	return 0;
}

static int open_config(struct state *state)
{
	int err = open_pin(state, maps[MAP_CONFIG].pin, &state->map[MAP_CONFIG]);

	if (!err)
		err = state_read_config(state->map[MAP_CONFIG], &state->config);
	if (err)
		return err;
	return state->config.abi == TPROXY_ABI ? 0 : -EPROTO;
}

static int open_progs(struct state *state, char *ret_what)
{
	for (int i = 0; i < PROG_MAX; i++) {
		int err;

		snprintf(ret_what, PINDIR_WHY_LEN, "progs/%s", progs[i].name);
		err = open_pin(state, ret_what, &state->prog[i]);
		if (err && !(err == -ENOENT && progs[i].added))
			return err;
	}
	return 0;
}

static int open_pins(struct state *state, char *ret_what)
{
	int err, other;

	snprintf(ret_what, PINDIR_WHY_LEN, "%s", maps[MAP_CONFIG].pin);
	other = open_config(state);
	if (other && (other != -EPROTO || !state_is_older(state)))
		return other;
	for (int i = 0; i < MAP_MAX; i++) {
		if (i == MAP_CONFIG || !state_map_is_in(i, state->config.abi))
			continue;
		snprintf(ret_what, PINDIR_WHY_LEN, "%s", maps[i].pin);
		err = open_pin(state, maps[i].pin, &state->map[i]);
		if (err == -ENOENT && maps[i].added)
			continue;
		if (!err && !map_is_ours(state->map[i], i))
			err = -EMEDIUMTYPE;
		if (err)
			return err;
	}
	err = open_progs(state, ret_what);
	return err ? err : other;
}

/* Without a bpffs nothing is attached; but a directory that exists there is an error. */
static int open_parent(struct state *state, const char *dir, char *ret_why)
{
	int err = pindir_open_parent(&state->pins, dir, ret_why);

	if (err == -EMEDIUMTYPE && access(dir, F_OK))
		return -ENOENT;
	switch (err) {
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE: /* these say nothing about the directory */
		snprintf(ret_why, PINDIR_WHY_LEN, "it");
		return err;
	default:
		return !err || err == -ENOENT || err == -EACCES ? err : -EUCLEAN;
	}
}

int state_enter(struct state *state, const char *dir, char *ret_why)
{
	int err = 0;

	snprintf(state->dir, sizeof(state->dir), "%s", dir);
	if (state->pins.parent < 0)
		err = open_parent(state, dir, ret_why);
	if (!err && state->pins.dir < 0)
		err = pindir_enter(&state->pins, ret_why);
	return err;
}

int state_open(struct state *state, const char *dir, char *ret_what)
{
	int err = state_enter(state, dir, ret_what);

	if (err)
		return err;
	err = open_pins(state, ret_what);
	/* A state without one of its pins is broken, not absent. */
	return err == -ENOENT ? -EMEDIUMTYPE : err;
}

bool state_is_older(const struct state *state)
{
	return state->config.abi && state->config.abi < TPROXY_ABI;
}

bool state_salvage(struct state *state, const char *dir)
{
	char why[PINDIR_WHY_LEN];
	int err = state_enter(state, dir, why);

	if (!err)
		err = open_config(state);
	return (!err || (err == -EPROTO && state_is_older(state))) &&
	       !open_pin(state, maps[MAP_IFACES].pin, &state->map[MAP_IFACES]) &&
	       map_is_ours(state->map[MAP_IFACES], MAP_IFACES);
}

void state_forget(struct state *state)
{
	for (int i = 0; i < MAP_MAX; i++) {
		cleanup_fd(&state->map[i]);
		state->map[i] = -1;
	}
	for (int i = 0; i < PROG_MAX; i++) {
		cleanup_fd(&state->prog[i]);
		state->prog[i] = -1;
	}
	pindir_leave(&state->pins);
	state->config = (struct tproxy_config){ 0 };
}

void state_close(struct state *state)
{
	state_forget(state);
	pindir_close(&state->pins);
	*state = STATE_CLOSED;
}
