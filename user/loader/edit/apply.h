/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration made the live policy: what `apply` and `watch --config` share. */
#ifndef TPROXY_LOADER_EDIT_APPLY_H
#define TPROXY_LOADER_EDIT_APPLY_H

#include "policy/config/config.h"
#include "lib/device.h"
#include "loader/edit/changes.h"
#include "loader/edit/conffile.h"
#include "loader/edit/edits.h"
#include "loader/steps/steps.h"

struct apply {
	const struct config *config;
	const char *path;               /* that it was read from, for messages */
	struct conffile_report *report; /* gets warnings about this host; may be NULL */
	__u64 confirm_within;           /* ns; 0: for good */
	bool progress;                  /* somebody looks */
	unsigned int learn;             /* seconds to watch for older UDP flows; 0: learn nothing */
	bool no_watch;                  /* learn only what can be known at once */
	bool may_empty;                 /* no rule and no pool where there are some now */
	struct changes *changes;        /* told of; may be NULL */
	struct edits *edits;            /* that the new policy drops, told of; may be NULL */
	/* results */
	bool changed;    /* a new generation is live */
	size_t attached; /* interfaces and roles */
	__u64 memory;    /* bytes the live policy takes in the kernel; 0: not known */
};

/*
 * First the policy as a whole, then interfaces that the file names and that are not
 * attached yet; others stay as they are. present: see session_open_any. Reports its
 * failure; until the policy is live the old one is untouched. -ENODATA: the file has neither
 * rule nor pool, the live policy has, and that was not asked for.
 */
int apply_config(struct session *session, struct apply *apply, bool present);

#endif
