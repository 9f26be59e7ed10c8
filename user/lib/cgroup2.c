/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cgroup2.h"

#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"

#define FILEID_KERNFS 0xfe /* enum fid_type, include/linux/exportfs.h */

int cgroup2_mount(char *buf, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char text[2 * PATH_MAX];
	struct mntent entry;
	int err = -ENODEV;

	if (!mounts)
		return -errno;
	while (err && getmntent_r(mounts, &entry, text, sizeof(text)))
		if (!strcmp(entry.mnt_type, "cgroup2"))
			err = (size_t)snprintf(buf, size, "%s", entry.mnt_dir) < size ?
				      0 :
				      -ENAMETOOLONG;
	endmntent(mounts);
	return err;
}

static bool is_below(const char *path, const char *dir)
{
	const size_t len = strlen(dir);

	return len > 1 && !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

const char *cgroup2_below_mount(const char *path)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const char *below = path;
	char text[2 * PATH_MAX];
	struct mntent entry;

	if (!mounts)
		return path;
	while (below == path && getmntent_r(mounts, &entry, text, sizeof(text)))
		if (!strcmp(entry.mnt_type, "cgroup2") && is_below(path, entry.mnt_dir))
			below += strlen(entry.mnt_dir);
	endmntent(mounts);
	return below;
}

/* The handle of its directory is the id that the kernel's bpf_get_current_cgroup_id returns. */
static int id_at(int fd, const char *path, int flags, __u64 *ret_id)
{
	union {
		struct file_handle handle;
		__u8 room[sizeof(struct file_handle) + sizeof(*ret_id)];
	} h = { .handle.handle_bytes = sizeof(*ret_id) };
	int mount;

	if (name_to_handle_at(fd, path, &h.handle, &mount, flags))
		return -errno;
	memcpy(ret_id, h.handle.f_handle, sizeof(*ret_id));
	return 0;
}

/* The mount, with a path below it. */
static int full_path(const char *path, char *buf, size_t size)
{
	int err = cgroup2_mount(buf, size);
	size_t len = err ? 0 : strlen(buf);

	if (err)
		return err;
	return (size_t)snprintf(buf + len, size - len, "%s", path) < size - len ? 0 : -ENAMETOOLONG;
}

int cgroup2_id(const char *path, __u64 *ret_id)
{
	char dir[PATH_MAX];
	int err = full_path(path, dir, sizeof(dir));

	return err ? err : id_at(AT_FDCWD, dir, 0, ret_id);
}

int cgroup2_id_of(int fd, __u64 *ret_id)
{
	return id_at(fd, "", AT_EMPTY_PATH, ret_id);
}

int cgroup2_open(const char *path)
{
	char dir[PATH_MAX];
	int err = full_path(path, dir, sizeof(dir));
	int fd = err ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return err ? err : fd < 0 ? -errno : fd;
}

int cgroup2_of(pid_t pid, char *buf, size_t size)
{
	__cleanup_file FILE *file = NULL;
	char line[PATH_MAX + 8];

	snprintf(line, sizeof(line), "/proc/%d/cgroup", (int)pid);
	file = fopen(line, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::/", 4))
			continue;
		line[strcspn(line, "\n")] = '\0';
		return (size_t)snprintf(buf, size, "%s", line + 3) < size ? 0 : -ENAMETOOLONG;
	}
	return -ENODEV;
}

int cgroup2_path(__u64 id, char *buf, size_t size)
{
	union {
		struct file_handle handle;
		__u8 room[sizeof(struct file_handle) + sizeof(id)];
	} h = { .handle = { .handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS } };
	char mount[PATH_MAX], link[64], path[PATH_MAX];
	__cleanup_close int root = cgroup2_open("");
	__cleanup_close int fd = -1;
	size_t len;
	ssize_t n;

	memcpy(h.handle.f_handle, &id, sizeof(id));
	fd = root < 0 ? -1 : open_by_handle_at(root, &h.handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return root < 0 ? root : -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0 || cgroup2_mount(mount, sizeof(mount)))
		return -ENOENT;
	path[n] = '\0';
	len = strlen(mount);
	if (strncmp(path, mount, len) || (path[len] && path[len] != '/'))
		return -ENOENT;
	return (size_t)snprintf(buf, size, "%s", path + len) < size ? 0 : -ENAMETOOLONG;
}
