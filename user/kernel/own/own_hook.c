/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/own/own_hook.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "lib/cgroup2.h"

static const enum bpf_attach_type types[OWN_HOOKS] = {
	[OWN_PROG_CONNECT4] = BPF_CGROUP_INET4_CONNECT,
	[OWN_PROG_CONNECT6] = BPF_CGROUP_INET6_CONNECT,
	[OWN_PROG_SENDMSG4] = BPF_CGROUP_UDP4_SENDMSG,
	[OWN_PROG_SENDMSG6] = BPF_CGROUP_UDP6_SENDMSG,
	[OWN_PROG_RECVMSG4] = BPF_CGROUP_UDP4_RECVMSG,
	[OWN_PROG_RECVMSG6] = BPF_CGROUP_UDP6_RECVMSG,
	[OWN_PROG_INGRESS] = BPF_CGROUP_INET_INGRESS,
	[OWN_PROG_EGRESS] = BPF_CGROUP_INET_EGRESS,
};

/* ---- which cgroup ------------------------------------------------------- */

static int open_dir(const char *path)
{
	__cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs))
		return -errno;
	return fs.f_type == CGROUP2_SUPER_MAGIC ? take_fd(&fd) : -EMEDIUMTYPE;
}

int own_cgroup_open(const char *path)
{
	char dir[PATH_MAX];
	size_t len;
	int fd, err = cgroup2_mount(dir, sizeof(dir));

	if (err)
		return err;
	len = strlen(dir);
	if ((size_t)snprintf(dir + len, sizeof(dir) - len, "%s%s", *path == '/' ? "" : "/", path) >=
	    sizeof(dir) - len)
		return -ENAMETOOLONG;
	fd = open_dir(dir);
	return fd == -ENOENT && *path == '/' ? open_dir(path) : fd;
}

/* ---- links -------------------------------------------------------------- */

static int open_link(const struct state *state, enum own_prog prog, struct bpf_link_info *ret_info)
{
	char path[STATE_PATH_LEN];
	__cleanup_close int link = bpf_obj_get(own_link_path(state, prog, path));
	__u32 len = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	if (link < 0 || bpf_obj_get_info_by_fd(link, ret_info, &len))
		return -errno;
	return take_fd(&link);
}

__u64 own_hook_cgroup(const struct state *state, enum own_prog prog)
{
	struct bpf_link_info info;
	__cleanup_close int link = open_link(state, prog, &info);

	return link < 0 || info.type != BPF_LINK_TYPE_CGROUP ? 0 : info.cgroup.cgroup_id;
}

bool own_hook_is_on(const struct state *state, enum own_prog prog, int cgroup)
{
	__u64 id;

	return !cgroup2_id_of(cgroup, &id) && own_hook_cgroup(state, prog) == id;
}

bool own_hook_runs(const struct state *state, const struct own *own, enum own_prog prog)
{
	struct bpf_link_info info;
	__cleanup_close int link = open_link(state, prog, &info);
	struct program program;

	return link < 0 || program_by_fd(own->prog[prog], &program) || info.prog_id == program.id;
}

int own_hook_move(const struct state *state, const struct own *own, enum own_prog prog)
{
	struct bpf_link_info info;
	__cleanup_close int link = open_link(state, prog, &info);

	if (link < 0 || !info.cgroup.cgroup_id)
		return 0;
	return bpf_link_update(link, own->prog[prog], NULL) ? -errno : 0;
}

int own_hook_off(const struct state *state, enum own_prog prog)
{
	char path[STATE_PATH_LEN];
	__cleanup_close int link = bpf_obj_get(own_link_path(state, prog, path));

	if (link < 0)
		return errno == ENOENT ? 0 : -errno;
	/* ENOLINK: the cgroup is gone. */
	if (bpf_link_detach(link) && errno != ENOLINK)
		return -errno;
	return unlink(path) ? -errno : 0;
}

/*
 * On two cgroups at once a program would meet its own tokens, so a link on another cgroup goes
 * before the new one comes.
 */
int own_hook_on(const struct state *state, const struct own *own, enum own_prog prog, int cgroup)
{
	char path[STATE_PATH_LEN];
	__cleanup_close int link = -1;
	int err;

	if (own_hook_is_on(state, prog, cgroup))
		return own_hook_move(state, own, prog);
	err = own_hook_off(state, prog);
	if (err)
		return err;
	link = bpf_link_create(own->prog[prog], cgroup, types[prog], NULL);
	if (link < 0)
		return -errno;
	return bpf_obj_pin(link, own_link_path(state, prog, path)) ? -errno : 0;
}

/* ---- lo ----------------------------------------------------------------- */

void own_site_make(struct hook_site *ret_site, struct nl *nl, const struct state *state,
		   const struct own *own)
{
	hook_site_make(ret_site, nl, OWN_IFINDEX, state, NULL);
	ret_site->prog_fd = own ? own->prog[OWN_PROG_LO] : -1;
	own_link_path(state, OWN_PROG_LO, ret_site->link_path);
}
