/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a bundle: each writes one text about this host. Must not know the archive. */
#ifndef TPROXY_LOADER_DOCTOR_BUNDLE_PARTS_H
#define TPROXY_LOADER_DOCTOR_BUNDLE_PARTS_H

#include <stdio.h>

#include "loader/doctor/examine.h"

struct bundle_part {
	const char *name; /* of the file in the archive */
	const char *what; /* for the list at the end */
	bool attached;    /* only if there is a state */
	/* Writes its own failures into the text: a part that fails must not stop the others. */
	void (*write)(FILE *out, struct examination *e);
};

extern const struct bundle_part bundle_parts[];
extern const size_t bundle_parts_n;

/* The last lines of a log. 0 or -errno. */
int bundle_log(FILE *out, const char *path);

#endif
