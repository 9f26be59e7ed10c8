/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaches or detaches an interface as a whole, by steps. The entry in the ifaces map is written
 * first and removed last, so that it shows what may have to be undone.
 */
#ifndef TPROXY_LOADER_STEPS_IFACE_H
#define TPROXY_LOADER_STEPS_IFACE_H

#include "kernel/hook/chain.h"
#include "loader/steps/steps.h"

struct iface_want {
	__u32 roles;      /* TPROXY_ROLE_POLICY, TPROXY_ROLE_DIVERT; added to those it has */
	tproxy_mask mask; /* rules in force, with the policy role */
	enum hook hook;   /* HOOK_NONE: the present one, else tcx where the kernel has it */
	bool follow;      /* also move after acknowledged programs that run later than ours */
};

/*
 * Is the interface of an entry in this namespace, perhaps with another name? Another device may
 * have its number now: it is the same if it has the name, or our program.
 */
bool iface_is_there(struct session *session, const struct iface_entry *iface,
		    struct device *ret_device);
/* Is it attached, in any role? False without a state. */
bool iface_is_attached(const struct session *session, int ifindex);
/* Programs that may run before ours on `from` may do so on `to` as well. */
int iface_inherit_after(struct session *session, __u32 from, __u32 to);
/* Do unacknowledged programs run before ours, although ours could be moved? */
bool iface_is_out_of_place(struct session *session, int ifindex);
/* The programs that run before ours. False if ours is not there. */
bool iface_chain(struct session *session, const struct device *device, struct chain *ret_chain);

/* Entry, routing, program. Repeating it repairs whatever is missing. */
int iface_on(struct session *session, const struct device *device, const struct iface_want *want);

/* Removes program, qdisc (if attach made it), rules and the entry; of lo, own traffic. */
int iface_off(struct session *session, const struct iface_entry *iface);

/* Own traffic, all of it, whatever is left; resets the flows that a proxy has. */
int iface_own_off(struct session *session);

/* Removes entries of the same name with another ifindex. */
int iface_forget_stale(struct session *session, const struct device *device);

/*
 * Without interfaces, removes the routes, and without own traffic the look-up program, too; the
 * policy stays.
 */
int iface_last_off(struct session *session);

/* Removes every trace of the session's state, in reverse order of attach. */
int iface_everything_off(struct session *session);

#endif
