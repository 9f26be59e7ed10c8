/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/doctor/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

#define FOLDER "tproxy-report/"

static int fail(struct bundle_file *f, int err)
{
	if (!*f->why)
		snprintf(f->why, sizeof(f->why), "%s", strerror(-err));
	return err;
}

static int fail_archive(struct bundle_file *f)
{
	const int err = archive_errno(f->archive);
	const char *text = archive_error_string(f->archive);

	if (err > 0)
		return fail(f, -err);
	if (!*f->why)
		snprintf(f->why, sizeof(f->why), "%s", text ? text : "unknown");
	return -EIO;
}

int bundle_file_create(struct bundle_file *f, const char *path)
{
	*f = (struct bundle_file){ .path = path, .fd = -1 };
	f->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return fail(f, -errno);
	f->archive = archive_write_new();
	if (!f->archive)
		return fail(f, -ENOMEM);
	if (archive_write_add_filter_gzip(f->archive) != ARCHIVE_OK ||
	    archive_write_set_format_ustar(f->archive) != ARCHIVE_OK ||
	    archive_write_open_fd(f->archive, f->fd) != ARCHIVE_OK)
		return fail_archive(f);
	return 0;
}

static int add(struct bundle_file *f, struct archive_entry *entry, const char *text, size_t len)
{
	if (archive_write_header(f->archive, entry) != ARCHIVE_OK)
		return fail_archive(f);
	if (archive_write_data(f->archive, text, len) != (la_ssize_t)len)
		return fail_archive(f);
	return 0;
}

int bundle_file_add(struct bundle_file *f, const char *name, const char *text, size_t len)
{
	struct archive_entry *entry = archive_entry_new();
	char path[96];
	int err;

	if (!entry)
		return fail(f, -ENOMEM);
	snprintf(path, sizeof(path), FOLDER "%s", name);
	archive_entry_set_pathname(entry, path);
	archive_entry_set_size(entry, (la_int64_t)len);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0600);
	archive_entry_set_mtime(entry, time(NULL), 0);
	err = add(f, entry, text, len);
	archive_entry_free(entry);
	return err;
}

int bundle_file_finish(struct bundle_file *f)
{
	if (archive_write_close(f->archive) != ARCHIVE_OK)
		return fail_archive(f);
	if (fsync(f->fd))
		return fail(f, -errno);
	if (close(take_fd(&f->fd)))
		return fail(f, -errno);
	return 0;
}

void bundle_file_close(struct bundle_file *f)
{
	if (f->archive)
		archive_write_free(f->archive);
	f->archive = NULL;
	if (f->fd < 0)
		return;
	unlink(f->path);
	close(take_fd(&f->fd));
}
