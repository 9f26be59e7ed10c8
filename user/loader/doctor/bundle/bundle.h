/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor --bundle: an archive for a report of a bug. Every part is text that is made here, with
 * passwords replaced (redact.h); parts.h has what is in it, archive.h the file.
 */
#ifndef TPROXY_LOADER_DOCTOR_BUNDLE_BUNDLE_H
#define TPROXY_LOADER_DOCTOR_BUNDLE_BUNDLE_H

#include "loader/app/app.h"

struct bundle_want {
	const char *path; /* must not exist */
	const char *log;  /* of the relay, to add its last lines; NULL: none */
};

/* Runs the checks and packs. An enum exit_code: EXIT_DONE also where there are problems. */
int doctor_bundle(struct app *app, const char *ifname, const struct bundle_want *want);

#endif
