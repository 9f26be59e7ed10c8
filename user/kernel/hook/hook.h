/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaches programs: by a tcx link where the kernel has it, else by a clsact filter; the sk_lookup
 * program to the network namespace. Ours is what identity says (program.h, the ids of links), not
 * what has our name or number: filters and links of others are left alone. Attachments outlive the
 * process.
 */
#ifndef TPROXY_KERNEL_HOOK_HOOK_H
#define TPROXY_KERNEL_HOOK_HOOK_H

#include <stdbool.h>

#include "kernel/hook/side.h"
#include "kernel/state/pindir_stage.h"
#include "kernel/state/program.h"
#include "lib/netlink.h"

enum hook { HOOK_NONE, HOOK_TCX, HOOK_CLSACT, HOOK_MAX };
extern const char *const hook_names[HOOK_MAX];

/* A side of a device, as one state sees it. */
struct hook_site {
	struct nl *nl;
	int ifindex;
	enum hook_side side;
	int prog_fd;                    /* that hook_attach attaches; not owned */
	char link_path[STATE_PATH_LEN]; /* where the pin of its tcx link is, or would be */
	struct owner owner;
};

/* prog: of `state`, or with `next` of the state that takes over from it; next may be NULL. */
void hook_site_make(struct hook_site *ret_site, struct nl *nl, int ifindex,
		    const struct state *state, const struct state *next);
/* The same for the egress, where tproxy_egress sees the answers to audited flows. */
void hook_site_make_egress(struct hook_site *ret_site, struct nl *nl, int ifindex,
			   const struct state *state, const struct state *next);

/* Is this one of our programs? id 0: no program. */
bool hook_is_ours(const struct hook_site *site, __u32 prog_id);

/* By which hook our program is on the device. */
enum hook hook_present(const struct hook_site *site);

/* Does our tcx link still work, but on a device that left this network namespace? */
bool hook_moved_away(const struct hook_site *site);

/* Where a program belongs: chain.h finds it. */
struct hook_place {
	bool move;      /* also if ours is attached already, at another place */
	__u32 after;    /* tcx: id of the program to follow; 0: first */
	__u32 priority; /* clsact */
};

/*
 * hook: HOOK_TCX or HOOK_CLSACT. 0 or -errno; a tcx link is pinned. If our program is there, it is
 * replaced without a gap. place: NULL keeps its place.
 */
int hook_attach(const struct hook_site *site, enum hook hook, const struct hook_place *place);

/*
 * Removes our program. With HOOK_NONE it removes only a link that is on no device of this
 * namespace, wherever it is. 0 also when there was none.
 */
int hook_detach(const struct hook_site *site, enum hook hook);

/* The sk_lookup link of the current namespace. Attaching updates it in place if it is there. */
int hook_lookup_attach(const struct state *state);
bool hook_lookup_present(const struct state *state);
/* True if the pin is there, but the link was detached or its namespace is gone. */
bool hook_lookup_is_dead(const struct state *state);
int hook_lookup_detach(const struct state *state);
/* Gives the link of `state`, if it is there, the program of the state that takes over. */
int hook_lookup_move(const struct state *state, const struct state *next);

#endif
