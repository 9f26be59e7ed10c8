/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching programs: tcx link where the kernel has it, else a clsact filter; the sk_lookup
 * link of the network namespace. Ours is what identity says (program.h, the ids of links), not a
 * name or number: nobody else's filter or link is touched. Attachments outlive the process.
 */
#ifndef TPROXY_KERNEL_HOOK_HOOK_H
#define TPROXY_KERNEL_HOOK_HOOK_H

#include <stdbool.h>

#include "lib/netlink.h"
#include "kernel/state/program.h"
#include "kernel/state/pindir_stage.h"

enum hook { HOOK_NONE, HOOK_TCX, HOOK_CLSACT, HOOK_MAX };
extern const char *const hook_names[HOOK_MAX];

/* The ingress of a device, seen by one state. */
struct hook_site {
	struct nl *nl;
	int ifindex;
	char link_path[STATE_PATH_LEN]; /* where its tcx link is, or would be pinned */
	struct owner owner;
};

/* Fills a site; `to`: a state that takes over from the other one, or NULL. */
void hook_site_make(struct hook_site *ret_site, struct nl *nl, int ifindex,
		    const struct state *state, const struct state *to);

/* What of ours is on the device. */
enum hook hook_present(const struct hook_site *site);

/* Is our tcx link at work, but on a device that left this network namespace? */
bool hook_moved_away(const struct hook_site *site);

/* Where a program is to be: see place.h. */
struct place {
	bool move;      /* also if ours is there already, at another place */
	__u32 after;    /* tcx: id of the program to follow; 0: first */
	__u32 priority; /* clsact */
};

/*
 * hook: HOOK_TCX or HOOK_CLSACT. 0 or -errno; a tcx link is pinned. Ours is replaced without a
 * gap if it is there. place: NULL keeps its place.
 */
int hook_attach(const struct hook_site *site, enum hook hook, int prog_fd,
		const struct place *place);

/*
 * Removes our program; HOOK_NONE only a link that is on no device here, wherever it is. 0 also
 * when there was none.
 */
int hook_detach(const struct hook_site *site, enum hook hook);

/* The sk_lookup link of the current namespace; updated in place if it is there. */
int hook_lookup_attach(int prog_fd, const char *link_path);
bool hook_lookup_present(const char *link_path);
/* True if the pin is there, but the link was detached or its namespace is gone. */
bool hook_lookup_is_dead(const char *link_path);
int hook_lookup_detach(const char *link_path);

#endif
