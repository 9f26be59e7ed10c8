/* SPDX-License-Identifier: BSD-2-Clause */
/* Look-ups of the reference: addresses, sockets, rules. */
#ifndef REFERENCE_LOOKUP_H
#define REFERENCE_LOOKUP_H

#include "reference.h"
#include "reference_packet.h"

bool addr_same(const struct ref_addr *a, const struct ref_addr *b);
bool end_same(const struct ref_end *a, const struct ref_end *b);
bool addr_is_any(const struct ref_addr *a);
bool addr_stays_local(const struct ref_addr *a);

bool world_owns(const struct ref_world *w, const struct ref_addr *a); /* by the local map */
bool world_forwards(const struct ref_world *w, const struct ref_addr *from,
		    const struct ref_addr *to);
/* The same, and no route says otherwise. */
bool world_has(const struct ref_world *w, const struct ref_addr *from, const struct ref_addr *to);

enum ref_owner {
	REF_NOBODY,
	REF_HAS_PEER,
	REF_IN_TIME_WAIT,
	REF_BOUND_HERE, /* to exactly this address */
};
/* ret_socket: the socket in question, if there is one; may be NULL. */
enum ref_owner world_owner(struct ref_world *w, __u8 proto, const struct ref_end *from,
			   const struct ref_end *to, const struct ref_socket **ret_socket);

/* As iptables' TPROXY target: a socket that listens there; connections are ignored. */
struct ref_socket *world_listener(struct ref_world *w, __u8 proto, const struct ref_end *from,
				  const struct ref_end *to);

/* Is there a rule for the addresses, for any protocol and port? iface NULL: unknown. */
bool world_has_rule(const struct ref_world *w, const struct ref_iface *iface, const struct seen *s);
/* Is there a rule for the source, for any destination, protocol and port? */
bool world_has_rule_from(const struct ref_world *w, const struct ref_iface *iface,
			 const struct ref_addr *from);
/* Number of the first rule that matches the flow, or -1. */
int world_rule(const struct ref_world *w, const struct ref_iface *iface, const struct seen *s);

#endif
