/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/namespaces.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "lib/util.h"

int namespaces_open(int ret_fds[NAMESPACE_MAX])
{
	__cleanup_close int mnt = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	__cleanup_close int net = mnt < 0 ? -1 : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (net < 0)
		return -errno;
	ret_fds[NAMESPACE_MNT] = take_fd(&mnt);
	ret_fds[NAMESPACE_NET] = take_fd(&net);
	return 0;
}

static int read_id(struct namespaces *own, enum namespace_kind kind, int fd)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) || fstat(fd, &st))
		return -errno;
	own->id[kind].dev = st.st_dev;
	own->id[kind].ino = st.st_ino;
	return fs.f_type == NSFS_MAGIC ? 0 : -EPROTO;
}

int namespaces_read(struct namespaces *ret_own)
{
	int fds[NAMESPACE_MAX];
	int err = namespaces_open(fds);

	if (err)
		return err;
	for (int kind = 0; kind < NAMESPACE_MAX; kind++) {
		err = first_error(err, read_id(ret_own, (enum namespace_kind)kind, fds[kind]));
		close(fds[kind]);
	}
	return err;
}

/* Ours are on nsfs, so a file with the same device is on nsfs, too. */
enum namespace_kind namespaces_compare(const struct namespaces *own, const int fds[NAMESPACE_MAX])
{
	int kind;

	for (kind = 0; kind < NAMESPACE_MAX; kind++) {
		struct stat st;

		if (fstat(fds[kind], &st) || st.st_dev != own->id[kind].dev ||
		    st.st_ino != own->id[kind].ino)
			break;
	}
	return (enum namespace_kind)kind;
}
