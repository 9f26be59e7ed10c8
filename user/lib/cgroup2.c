/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cgroup2.h"

#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"

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

/* The handle of its directory is the id that the kernel's bpf_get_current_cgroup_id returns. */
static int id_of(const char *dir, __u64 *ret_id)
{
	union {
		struct file_handle handle;
		__u8 room[sizeof(struct file_handle) + sizeof(*ret_id)];
	} h = { .handle.handle_bytes = sizeof(*ret_id) };
	int mount;

	if (name_to_handle_at(AT_FDCWD, dir, &h.handle, &mount, 0))
		return -errno;
	memcpy(ret_id, h.handle.f_handle, sizeof(*ret_id));
	return 0;
}

int cgroup2_id(const char *path, __u64 *ret_id)
{
	char dir[PATH_MAX];
	size_t len;
	int err = cgroup2_mount(dir, sizeof(dir));

	if (err)
		return err;
	len = strlen(dir);
	if ((size_t)snprintf(dir + len, sizeof(dir) - len, "%s", path) >= sizeof(dir) - len)
		return -ENAMETOOLONG;
	return id_of(dir, ret_id);
}
