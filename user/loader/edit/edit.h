/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame of every command that edits the live policy: open, read, change, write or show.
 * Must not know what is changed.
 */
#ifndef TPROXY_LOADER_EDIT_EDIT_H
#define TPROXY_LOADER_EDIT_EDIT_H

#include "kernel/maps/policy_maps.h"
#include "loader/app/app.h"

enum { OPT_SHOW_BPFTOOL = 3500, OPT_RULE };

struct edit {
	struct app *app;
	bool show_bpftool;
	unsigned int learn; /* seconds */
	bool renumbers;     /* rules get other numbers: replace the policy as a whole */
	/* Changes the policy. 0, or a reported -errno. */
	int (*change)(struct policy *policy, void *arg);
	void *arg;
};

/* Runs the edit in the namespace of app. Returns an enum exit_code. */
int edit_run(const struct edit *edit);

#endif
