/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One run of all checks, with what each of them found. Works also where nothing is attached, or
 * where the state cannot be read: then only those checks run that need none. Prints and repairs
 * nothing.
 */
#ifndef TPROXY_LOADER_DOCTOR_EXAMINE_H
#define TPROXY_LOADER_DOCTOR_EXAMINE_H

#include "loader/check/checks.h"

/* One check. Its problems are `n` of the examination's, from number `first` on. */
struct examined {
	const struct check *check;
	bool ran;       /* false: it needs an attached interface */
	bool unchecked; /* it could not look everywhere */
	size_t first, n;
	enum verdict verdict;
	char evidence[CHECKUP_EVIDENCE_LEN];
};

struct examination {
	struct session session;
	struct checkup checkup;
	struct examined *items; /* checks_n of them; owned */
	size_t errors, warnings;
	bool locked; /* the caller has the state's lock */
};
#define EXAMINATION_CLOSED                                                                         \
	{                                                                                          \
		.session = SESSION_CLOSED, .checkup = {.lock = COMMAND_LOCK_NONE }                 \
	}

/*
 * ifname: only this interface, which must be attached; NULL: all. An enum exit_code: EXIT_DONE, or
 * after a reported error EXIT_NOT_ATTACHED (this interface is not) or EXIT_FAILED. Call
 * examination_close either way.
 */
int examine(struct examination *e, struct app *app, const char *ifname);
void examination_close(struct examination *e);
#define __cleanup_examination __attribute__((cleanup(examination_close)))

/* EXIT_BROKEN, EXIT_REMARKS, EXIT_NOT_ATTACHED or EXIT_DONE. */
int examination_exit_code(const struct examination *e);

#endif
