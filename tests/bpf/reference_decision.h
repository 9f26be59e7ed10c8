/* SPDX-License-Identifier: BSD-2-Clause */
/* State of one decision, and the functions that the reference's files share. */
#ifndef REFERENCE_DECISION_H
#define REFERENCE_DECISION_H

#include "reference_lookup.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

struct decision {
	struct ref_world *w;
	const struct ref_packet *p;
	const struct ref_iface *iface; /* NULL: unknown */
	struct seen s;
	struct ref_answer *a;
};

static inline void count(struct decision *d, enum tproxy_counter counter)
{
	d->a->counts |= 1ULL << counter;
}

static inline void leave(struct decision *d, enum ref_exit exit, enum ref_verdict verdict)
{
	d->a->exit = exit;
	d->a->verdict = verdict;
}

static inline void leave_counted(struct decision *d, enum ref_exit exit, enum ref_verdict verdict,
				 enum tproxy_counter counter)
{
	leave(d, exit, verdict);
	count(d, counter);
}

/* ---- reference.c -------------------------------------------------------- */

bool is_older(const struct ref_world *w, const struct ref_end *from, const struct ref_end *to);

/* ---- reference_icmp.c --------------------------------------------------- */

void decide_icmp(struct decision *d);

/* ---- reference_steer.c -------------------------------------------------- */

enum steer { BY_ASSIGNMENT, BY_TICKET, BY_COOKIE };
/* Why the proxy does not get a flow start. */
enum lack { NO_LISTENER, NO_ASSIGNMENT, NO_ANSWER };

/* NULL: there is none that can take the flow. */
struct ref_socket *find_listener(const struct decision *d, int rule);
/* why: what is counted if it works. */
void steer(struct decision *d, int rule, enum steer how, enum tproxy_counter why);
void go_down(struct decision *d, const struct rule *r, enum lack lack);
bool can_refuse(const struct decision *d);
/* Does the ACK complete a handshake by SYN cookie? */
bool has_cookie_of(const struct decision *d, const struct ref_socket *listener);

struct tproxy_flow_key key_of(const struct seen *s);
/* The entry in which a flow that was given to a proxy is noted. */
struct tproxy_flow_key *proxied_entry(struct ref_world *w, const struct tproxy_flow_key *key);

#endif
