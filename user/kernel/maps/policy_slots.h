/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two slots of the *_gen maps: each holds the maps of one generation, and the generation
 * number in the config map says which slot is live (even: 0, odd: 1). Opens, makes and exchanges
 * these maps and moves their pins. Knows nothing of their contents: generation.h fills them.
 */
#ifndef TPROXY_KERNEL_MAPS_POLICY_SLOTS_H
#define TPROXY_KERNEL_MAPS_POLICY_SLOTS_H

#include "kernel/state/state.h"

__u32 policy_slots_live(const struct state *state);
__u32 policy_slots_idle(const struct state *state);

/* An empty map like the one of fd, with field names for bpftool. Descriptor or -errno. */
int policy_slots_empty_map(int fd, const char *name);
/* Empty maps for a generation, like those of `state`; no slot holds them yet. */
int policy_slots_make(const struct state *state, struct state *ret_maps);
/*
 * The maps of a slot, opened by their ids; -1 for those that an older build did not fill. -ENOENT:
 * it is empty.
 */
int policy_slots_open(const struct state *state, __u32 slot, struct state *ret_maps);
/* Puts the maps into the slot. */
int policy_slots_fill(const struct state *state, const struct state *maps, __u32 slot);
/* `state` gets the maps, and their pins; `maps` what it had. */
int policy_slots_adopt(struct state *state, struct state *maps);
/*
 * Waits until no program uses the slot any more, which now holds `maps`. A program may still be
 * between two look-ups in the slot that was live until now, and the slot must not be filled during
 * them. An update of a map of maps waits for all programs that run.
 */
int policy_slots_wait(const struct state *state, const struct state *maps, __u32 slot);

/*
 * For readers, which hold no lock: `state` gets the maps of one generation, although the pins may
 * be about to move or were left behind. Without the right to open maps by id it keeps the pinned
 * ones.
 */
int policy_slots_follow(struct state *state);
/*
 * Maps for the live slot that states of older builds lack, once the programs of this build have
 * their outer maps. `state` gets them.
 */
int policy_slots_add(struct state *state);
/* The same, and moves pins that an interrupted replacement left behind to the live maps. */
int policy_slots_repair_pins(struct state *state);

#endif
