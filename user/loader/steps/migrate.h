/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The step that brings a state of the ABI before ours up to date, without a gap: programs are
 * replaced where they are attached, rules and routes are looked at and repaired.
 */
#ifndef TPROXY_LOADER_STEPS_MIGRATE_H
#define TPROXY_LOADER_STEPS_MIGRATE_H

#include "loader/app/session.h"

/* The session's state: as state_open left it with -EPROTO. Reports its failure. */
int migrate_state(struct session *session);

#endif
