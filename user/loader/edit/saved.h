/* SPDX-License-Identifier: BSD-2-Clause */
/* The live policy as a configuration: what `save` prints. Changes nothing. */
#ifndef TPROXY_LOADER_EDIT_SAVED_H
#define TPROXY_LOADER_EDIT_SAVED_H

#include "kernel/state/state.h"
#include "policy/config/config.h"

/* 0 or -errno; the caller frees the configuration either way. */
int saved_config(const struct state *state, struct config *config);

#endif
