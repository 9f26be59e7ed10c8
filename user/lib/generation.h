/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replacing a whole policy at once: the idle slot of the *_gen maps is filled with
 * new inner maps, one write to the config map makes it live, the pins follow. A
 * packet sees the old policy or the new one. For changes that would renumber
 * rules; smaller ones are edited in place (live.h).
 */
#ifndef TPROXY_GENERATION_H
#define TPROXY_GENERATION_H

#include "policy.h"
#include "state.h"

/*
 * Makes `to` the live policy of an open, locked state and state->map its maps.
 * Counters follow the rules by name. On failure the old policy stays live:
 * -ENOMEM, -E2BIG, -ENOSPC (map or bpffs full) or what the kernel said.
 */
int generation_replace(struct state *state, const struct policy *from, const struct policy *to);

/*
 * Points pins that were left behind by an interrupted replacement at the live maps.
 * Part of opening a state for writing.
 */
int generation_repair_pins(struct state *state);

#endif
