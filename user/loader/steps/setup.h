/* SPDX-License-Identifier: BSD-2-Clause */
/* Brings a session's state into being, or up to this build: the part attach and watch share. */
#ifndef TPROXY_LOADER_STEPS_SETUP_H
#define TPROXY_LOADER_STEPS_SETUP_H

#include "loader/steps/steps.h"

struct setup {
	__u32 mark, table; /* 0: the default, or what the state has */
	bool keep_build;   /* leave the programs of another build where they are */
};

/*
 * Creates the state if it is not `present` (see session_open_any), after a check that
 * nobody else uses mark and table; else checks that it fits the wish, replaces
 * programs of another build if it may, and makes the local addresses true.
 * *ret_created: the caller undoes it on a later failure.
 */
int setup_state(struct session *session, const struct setup *want, bool present, bool *ret_created);

#endif
