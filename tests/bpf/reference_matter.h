/* SPDX-License-Identifier: BSD-2-Clause */
/* A decision of the reference under way: what its parts share. */
#ifndef REFERENCE_MATTER_H
#define REFERENCE_MATTER_H

#include "reference_lookup.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

/* What a decision is about, and what has become of it so far. */
struct matter {
	struct ref_world *w;
	const struct ref_packet *p;
	const struct ref_iface *iface; /* NULL: unknown */
	struct seen s;
	struct ref_answer *a;
};

static inline void count(struct matter *m, enum tproxy_counter counter)
{
	m->a->counts |= 1ULL << counter;
}

static inline void leave(struct matter *m, enum ref_exit exit, enum ref_verdict verdict)
{
	m->a->exit = exit;
	m->a->verdict = verdict;
}

static inline void leave_counted(struct matter *m, enum ref_exit exit, enum ref_verdict verdict,
				 enum tproxy_counter counter)
{
	leave(m, exit, verdict);
	count(m, counter);
}

/* ---- steering, in reference_steer.c --------------------------------------- */

enum steer { BY_ASSIGNMENT, BY_TICKET, BY_COOKIE };
/* Why the proxy does not get a flow start. */
enum lack { NO_LISTENER, NO_ASSIGNMENT, NO_ANSWER };

/* NULL: there is none that can take the flow. */
struct ref_socket *find_listener(const struct matter *m, int rule);
/* why: what is counted if it works. */
void steer(struct matter *m, int rule, enum steer how, enum tproxy_counter why);
void go_down(struct matter *m, const struct rule *r, enum lack lack);
/* Does the ACK complete a handshake that the listener keeps nothing of? */
bool has_cookie_of(const struct matter *m, const struct ref_socket *listener);

struct tproxy_flow_key key_of(const struct seen *s);
/* Where a flow that was given to a proxy is noted. */
struct tproxy_flow_key *began_place(struct ref_world *w, const struct tproxy_flow_key *key);

#endif
