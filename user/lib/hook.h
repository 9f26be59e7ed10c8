/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching programs: tcx link where the kernel has it, else a clsact filter with
 * our own priority and handle; the sk_lookup link of the network namespace.
 * Touches nobody else's filter or link. Attachments outlive the process.
 */
#ifndef TPROXY_HOOK_H
#define TPROXY_HOOK_H

#include <stdbool.h>

#include "netlink.h"

enum hook { HOOK_NONE, HOOK_TCX, HOOK_CLSACT, HOOK_MAX };
extern const char *const hook_names[HOOK_MAX];

/* Does this kernel attach tcx links (6.6)? Asks it by an attachment that must fail. */
bool hook_tcx_supported(void);

/* What of ours is on the device. link_path: where its tcx link would be pinned. */
enum hook hook_present(int ifindex, const char *link_path);

/*
 * hook: HOOK_TCX or HOOK_CLSACT. 0 or -errno; a tcx link is pinned at link_path.
 * Replaces our own program in place if one is there.
 */
int hook_attach(enum hook hook, int ifindex, int prog_fd, const char *link_path);

/* Removes our program; HOOK_NONE only the pin of a dead link. 0 also when there was none. */
int hook_detach(enum hook hook, int ifindex, const char *link_path);

bool hook_qdisc_present(struct nl *nl, int ifindex);
/* Removes the clsact qdisc if no filter is left on it. */
int hook_qdisc_remove_if_empty(struct nl *nl, int ifindex);

/* The sk_lookup link of the current namespace; updated in place if it is there. */
int hook_lookup_attach(int prog_fd, const char *link_path);
bool hook_lookup_present(const char *link_path);
/* True if the pin is there, but the link was detached or its namespace is gone. */
bool hook_lookup_is_dead(const char *link_path);
int hook_lookup_detach(const char *link_path);

#endif
