/* SPDX-License-Identifier: BSD-2-Clause */
/* Creates a session's state, or brings it up to this build: what attach, apply and watch share. */
#ifndef TPROXY_LOADER_STEPS_SETUP_H
#define TPROXY_LOADER_STEPS_SETUP_H

#include "loader/steps/steps.h"

struct setup {
	__u32 mark, table; /* 0: the default, or what the state has */
	bool keep_build;   /* do not replace the programs of another build */
};

/*
 * If no state is `present` (see session_open_any), checks that mark and table are free and creates
 * it. Else checks that mark and table fit, and replaces programs of another build if allowed. Then
 * refreshes the local addresses. *ret_created: the caller removes the state on a later failure.
 */
int setup_state(struct session *session, const struct setup *want, bool present, bool *ret_created);

#endif
