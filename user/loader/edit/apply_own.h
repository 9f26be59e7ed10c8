/* SPDX-License-Identifier: BSD-2-Clause */
/* Own traffic as a configuration wants it. An undo of the policy is the caller's affair. */
#ifndef TPROXY_LOADER_EDIT_APPLY_OWN_H
#define TPROXY_LOADER_EDIT_APPLY_OWN_H

#include "loader/app/session.h"
#include "policy/config/config.h"

/*
 * local = yes: attaches or repairs it; if that fails, what was not attached before is not attached
 * after. local = no: detaches it, unless `waits`: the policy must be confirmed, and nothing would
 * bring it back. A file without the key leaves it as it is.
 */
int apply_own(struct session *session, const struct config *config, bool waits);
/* Attaches it only if it is wanted and nothing is there. */
int apply_own_missing(struct session *session, const struct config *config);

#endif
