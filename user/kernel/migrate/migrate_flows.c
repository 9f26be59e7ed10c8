/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/migrate/migrate_flows.h"

#include <bpf/libbpf.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/migrate/vars.h"
#include "lib/log.h"

#define TAGS_ABI1 (1 << 16)

static int share_flows(const struct state *old, const struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, state_map_name(MAP_PROXIED));
	__cleanup_close int fd = vars_open_map(old->prog[PROG_INGRESS], "began");

	if (fd < 0)
		return fd;
	if (!map || !vars_map_fits(map, fd))
		return -EMEDIUMTYPE;
	return bpf_map__reuse_fd(map, fd);
}

/* The initial bytes of a section of variables, before the object is loaded. */
static int set_section(const struct bpf_object *obj, enum state_map which, const void *bytes,
		       size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, state_map_name(which));

	return map ? bpf_map__set_initial_value(map, bytes, size) : -ENOENT;
}

/* The old programs kept the rest in their .bss. */
static int take(struct migrate_flows *f, const struct state *old, struct bpf_object *obj)
{
	size_t size = TAGS_ABI1 * sizeof(*f->tags);
	__u32 cookie_at;
	__u64 cookie;
	int err;

	f->vars = vars_open(old->prog[PROG_INGRESS]);
	if (f->vars < 0)
		return f->vars;
	f->tags = malloc(size);
	if (!f->tags)
		return -ENOMEM;
	err = vars_find(f->vars, "began_tags", size, &f->tags_at);
	if (!err)
		err = vars_read(f->vars, f->tags_at, f->tags, size);
	if (!err)
		err = set_section(obj, MAP_PROXIED_TAGS, f->tags, size);
	if (!err)
		err = share_flows(old, obj);
	if (!err && !vars_find(f->vars, "cookie_seen", sizeof(cookie), &cookie_at) &&
	    !vars_read(f->vars, cookie_at, &cookie, sizeof(cookie)))
		err = set_section(obj, MAP_COOKIE, &cookie, sizeof(cookie));
	return err;
}

int migrate_flows_take(struct migrate_flows *f, const struct state *old, struct bpf_object *obj)
{
	int err = take(f, old, obj);

	if (err)
		log_debug("flows of proxies: cannot reach them: %s", strerror(-err));
	return err;
}

void migrate_flows_take_late(const struct migrate_flows *f, const struct state *next)
{
	size_t size = TAGS_ABI1 * sizeof(*f->tags);
	__cleanup_free __u16 *now = malloc(size);
	__u16 *live;

	if (!f->tags || !now || vars_read(f->vars, f->tags_at, now, size))
		return;
	live = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, next->map[MAP_PROXIED_TAGS], 0);
	if (live == MAP_FAILED)
		return;
	for (size_t i = 0; i < TAGS_ABI1; i++)
		if (now[i] != f->tags[i] && live[i] == f->tags[i])
			live[i] = now[i];
	munmap(live, size);
}

void migrate_flows_free(struct migrate_flows *f)
{
	cleanup_fd(&f->vars);
	free(f->tags);
	*f = MIGRATE_FLOWS_NONE;
}
