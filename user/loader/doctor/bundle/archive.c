/* SPDX-License-Identifier: BSD-2-Clause */
/* By zlib alone: libarchive would bring XML and Unicode libraries into every command. */
#include "loader/doctor/bundle/archive.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

#define FOLDER "tproxy-report/"
#define BLOCK 512

/* POSIX.1-1988 (ustar): numbers are octal text, and end in a zero. */
struct tar_header {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6], version[2];
	char user[32], group[32];
	char major[8], minor[8];
	char prefix[155];
	char zero[12]; /* padding */
};
_Static_assert(sizeof(struct tar_header) == BLOCK, "one block");

static void put_octal(char *field, size_t size, unsigned long long number)
{
	snprintf(field, size, "%0*llo", (int)size - 1, number);
}

static void fill_header(struct tar_header *h, const char *name, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)h;
	unsigned int sum = 0;

	memset(h, 0, sizeof(*h));
	snprintf(h->name, sizeof(h->name), FOLDER "%s", name);
	put_octal(h->mode, sizeof(h->mode), 0600);
	put_octal(h->uid, sizeof(h->uid), 0);
	put_octal(h->gid, sizeof(h->gid), 0);
	put_octal(h->size, sizeof(h->size), len);
	put_octal(h->mtime, sizeof(h->mtime), (unsigned long long)time(NULL));
	h->type = '0';
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	/* The sum of all bytes, with blanks in its own place. */
	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += bytes[i];
	put_octal(h->checksum, sizeof(h->checksum) - 1, sum);
}

static int write_error(void)
{
	return errno ? -errno : -EIO;
}

static int put(struct bundle_file *f, const void *data, size_t len)
{
	errno = 0;
	return len && gzwrite(f->gz, data, (unsigned int)len) != (int)len ? write_error() : 0;
}

int bundle_file_create(struct bundle_file *f, const char *path)
{
	__cleanup_close int copy = -1;

	*f = (struct bundle_file){ .path = path, .fd = -1 };
	f->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return -errno;
	/* zlib closes its own one; ours stays for fsync. */
	copy = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return -errno;
	f->gz = gzdopen(copy, "wb");
	if (!f->gz)
		return -ENOMEM;
	take_fd(&copy);
	return 0;
}

int bundle_file_add(struct bundle_file *f, const char *name, const char *text, size_t len)
{
	static const char zeros[BLOCK];
	struct tar_header header;
	int err;

	if (len > INT32_MAX)
		return -EFBIG;
	fill_header(&header, name, len);
	err = put(f, &header, sizeof(header));
	if (!err)
		err = put(f, text, len);
	return err ? err : put(f, zeros, (BLOCK - len % BLOCK) % BLOCK);
}

int bundle_file_finish(struct bundle_file *f)
{
	static const char end[2 * BLOCK];
	int err = put(f, end, sizeof(end)), closed;

	errno = 0;
	closed = gzclose(f->gz);
	f->gz = NULL;
	if (err || closed != Z_OK)
		return err ? err : write_error();
	if (fsync(f->fd))
		return -errno;
	return close(take_fd(&f->fd)) ? -errno : 0;
}

void bundle_file_close(struct bundle_file *f)
{
	if (f->gz)
		gzclose(f->gz);
	f->gz = NULL;
	if (f->fd < 0)
		return;
	unlink(f->path);
	close(take_fd(&f->fd));
}
