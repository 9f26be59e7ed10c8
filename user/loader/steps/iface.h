/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One interface attached or detached as a whole, out of steps. The entry in the
 * ifaces map is written first and removed last: whoever finds it knows what may
 * have to be undone.
 */
#ifndef TPROXY_LOADER_STEPS_IFACE_H
#define TPROXY_LOADER_STEPS_IFACE_H

#include "kernel/hook/chain.h"
#include "loader/steps/steps.h"

struct iface_want {
	__u32 roles;      /* TPROXY_ROLE_POLICY, TPROXY_ROLE_DIVERT; added to what is there */
	tproxy_mask mask; /* rules in force, with the policy role */
	enum hook hook;   /* HOOK_NONE: what is there, else tcx where the kernel has it */
	bool follow;      /* move after acknowledged programs that run later than ours */
};

/*
 * Is the interface of an entry in this namespace, under whatever name? Another device may have
 * its number now: the same one is known by its name, or by our program on it.
 */
bool iface_is_there(struct session *session, const struct iface_entry *iface,
		    struct device *ret_device);
/* The programs that may run before ours there may so here, too. */
int iface_inherit_after(struct session *session, __u32 from, __u32 to);
/* Are programs that were not acknowledged before ours, though they need not be? */
bool iface_is_out_of_place(struct session *session, int ifindex);
/* Who runs before ours; false without ours. */
bool iface_chain(struct session *session, const struct device *device, struct chain *ret_chain);

/* Entry, routing, program. Repeating it repairs whatever is missing. */
int iface_on(struct session *session, const struct device *device, const struct iface_want *want);

/* Removes program, qdisc (if attach made it), rules and the entry. */
int iface_off(struct session *session, const struct iface_entry *iface);

/* Entries of the same name whose device is gone or another one now. */
int iface_forget_stale(struct session *session, const struct device *device);

/* Rules in use: the mask of an interface with the policy role. */
tproxy_mask iface_active_rules(const struct policy *policy);

/* Without interfaces nothing needs the look-up program and the routes; the policy stays. */
int iface_last_off(struct session *session);

/* Every trace of the session's state, in reverse order of attach. */
int iface_everything_off(struct session *session);

#endif
