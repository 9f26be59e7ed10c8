/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Brings a state of an older ABI up to date without a gap: replaces programs where they are
 * attached, and checks and repairs rules and routes.
 */
#ifndef TPROXY_LOADER_STEPS_MIGRATE_H
#define TPROXY_LOADER_STEPS_MIGRATE_H

#include "loader/app/session.h"

/* The session's state: as state_open left it with -EPROTO. Reports its failure. */
int migrate_state(struct session *session);

#endif
