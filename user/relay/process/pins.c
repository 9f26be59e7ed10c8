/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/pins.h"

#include <bpf/bpf.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/own_task.h"
#include "lib/pindir.h"
#include "lib/util.h"

#define CONFIG_ROOM 1024 /* more than any version of struct tproxy_config will take */

bool file_id_get(const char *path, struct file_id *ret_id)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	*ret_id = (struct file_id){ .dev = st.st_dev, .ino = st.st_ino };
	return true;
}

bool file_id_same(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

void pins_init(struct pins *pins, const char *dir)
{
	char copy[PATH_MAX];

	pins->dir = dir;
	snprintf(copy, sizeof(copy), "%s", dir);
	snprintf(pins->parent, sizeof(pins->parent), "%s", dirname(copy));
	snprintf(pins->socks, sizeof(pins->socks), "%s/socks", dir);
	snprintf(pins->config, sizeof(pins->config), "%s/config", dir);
	snprintf(pins->ifaces, sizeof(pins->ifaces), "%s/ifaces", dir);
	snprintf(pins->local, sizeof(pins->local), "%s/internal/local", dir);
	snprintf(pins->internal, sizeof(pins->internal), "%s/internal", dir);
	snprintf(pins->audited, sizeof(pins->audited), "%s/internal/audited", dir);
	snprintf(pins->audit, sizeof(pins->audit), "%s/progs/tproxy_audit", dir);
	snprintf(pins->own_tasks, sizeof(pins->own_tasks), "%s/internal/own_tasks", dir);
}

/* The state belongs to one network namespace; sockets of another one cannot be assigned there. */
static bool same_netns(const struct tproxy_config *config)
{
	struct file_id own;

	return !config->netns || !file_id_get("/proc/self/ns/net", &own) ||
	       own.ino == config->netns;
}

/* Others could make a directory of that name on a bpffs: they must not get our listeners. */
static int check_dir(const struct pins *pins)
{
	char why[PINDIR_WHY_LEN];

	return pindir_check(pins->dir, why);
}

int pins_read_config(const struct pins *pins, struct tproxy_config *ret_config)
{
	union {
		struct tproxy_config config;
		char room[CONFIG_ROOM]; /* the kernel writes the whole value, of any ABI */
	} value;
	int err = check_dir(pins);
	__cleanup_close int fd = err ? -1 : bpf_obj_get(pins->config);
	__u32 key = 0;

	if (fd < 0)
		return err ? err : -errno;
	if (bpf_map_lookup_elem(fd, &key, &value))
		return -errno;
	if (value.config.abi != TPROXY_ABI)
		return -EPROTO;
	if (!same_netns(&value.config))
		return -EXDEV;
	*ret_config = value.config;
	return 0;
}

bool pins_any_detaching(const struct pins *pins)
{
	__cleanup_close int map = bpf_obj_get(pins->ifaces);
	struct tproxy_iface value;
	__u32 key, *prev = NULL;

	for (; map >= 0 && !bpf_map_get_next_key(map, prev, &key); prev = &key)
		if (!bpf_map_lookup_elem(map, &key, &value) && (value.roles & TPROXY_ROLE_DRAINING))
			return true;
	return false;
}

void pins_note_addresses(const struct pins *pins, const struct addrset *addresses)
{
	__cleanup_close int map = check_dir(pins) ? -1 : bpf_obj_get(pins->local);
	__u8 one = 1;

	for (size_t i = 0; map >= 0 && i < addresses->n; i++)
		bpf_map_update_elem(map, &addresses->items[i], &one, BPF_ANY);
}

int pins_open_own_tasks(const struct pins *pins)
{
	int err = check_dir(pins);

	return err ? err : own_task_map(pins->own_tasks);
}
