/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a configuration the live policy: what `apply` and `watch --config` share. */
#ifndef TPROXY_LOADER_EDIT_APPLY_H
#define TPROXY_LOADER_EDIT_APPLY_H

#include "lib/device.h"
#include "loader/edit/changes.h"
#include "loader/edit/conffile.h"
#include "loader/edit/edits.h"
#include "loader/steps/steps.h"
#include "policy/config/config.h"

struct apply {
	const struct config *config;
	const char *path;               /* of its file, for messages */
	struct conffile_report *report; /* gets warnings about this host; may be NULL */
	__u64 confirm_within;           /* ns; 0: for good */
	bool progress;                  /* show it: a user may watch */
	unsigned int learn;             /* seconds to watch for older UDP flows; 0: learn nothing */
	bool no_watch;                  /* learn only what is known at once */
	bool may_empty;                 /* the file may remove all rules and pools */
	struct changes *changes;        /* gets the changes; may be NULL */
	struct edits *edits;            /* gets edits that the new policy drops; may be NULL */
	/* results */
	bool changed;    /* a new generation is live */
	size_t attached; /* interfaces and roles */
	__u64 memory;    /* bytes that the live policy takes in the kernel; 0: unknown */
};

/*
 * Replaces the policy as a whole, then attaches the interfaces that the file names and that are
 * not attached yet; others stay as they are. present: see session_open_any. Reports its failure;
 * until the new policy is live the old one is unchanged. -ENODATA: the file has neither rule nor
 * pool, the live policy has some, and may_empty is not set.
 */
int apply_config(struct session *session, struct apply *apply, bool present);

#endif
