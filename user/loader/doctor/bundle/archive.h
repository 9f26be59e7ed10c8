/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A new .tar.gz that only its owner may read. If anything fails, no file is left. Knows nothing of
 * what is packed.
 */
#ifndef TPROXY_LOADER_DOCTOR_BUNDLE_ARCHIVE_H
#define TPROXY_LOADER_DOCTOR_BUNDLE_ARCHIVE_H

#include <stddef.h>
#include <zlib.h>

struct bundle_file {
	const char *path;
	gzFile gz; /* owned; NULL: closed */
	int fd;    /* owned; -1: closed */
};

/* Each: 0 or -errno. -EEXIST: there is such a file; it stays. */
int bundle_file_create(struct bundle_file *f, const char *path);
int bundle_file_add(struct bundle_file *f, const char *name, const char *text, size_t len);
/* Writes all to the disk. */
int bundle_file_finish(struct bundle_file *f);
/* Removes the file unless it was finished. */
void bundle_file_close(struct bundle_file *f);
#define __cleanup_bundle_file __attribute__((cleanup(bundle_file_close)))

#endif
