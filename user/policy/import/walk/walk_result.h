/* SPDX-License-Identifier: BSD-2-Clause */
/* What a walk through the chains finds. */
#ifndef TPROXY_POLICY_IMPORT_WALK_WALK_RESULT_H
#define TPROXY_POLICY_IMPORT_WALK_WALK_RESULT_H

#include "policy/import/walk/draft.h"

/* Bits of `notes`: what a whole rule set has, said once. */
enum walk_note {
	WALK_NO_MARK,       /* TPROXY of a packet without a mark */
	WALK_OTHER_MARK,    /* OUTPUT sets a mark, but none that leads to a TPROXY line */
	WALK_NOT_TAKEN,     /* own traffic that comes back by lo, and no line takes it */
	WALK_POLICY_DROP,   /* a chain drops what no line decides about */
	WALK_ESTABLISHED,   /* UDP flows are left alone after the first answer */
	WALK_OTHER_PROTOS,  /* a DROP is also for other protocols than TCP and UDP */
	WALK_REDIRECT,      /* own traffic is redirected */
	WALK_REDIRECT_UDP,  /* datagrams are */
	WALK_SOURCE,        /* own traffic by source address */
	WALK_PROXY_BITS,    /* OUTPUT spares packets by some bits of a mark */
	WALK_ANY_ADDRESS,   /* TPROXY to a port of whatever address */
	WALK_OWN_ADDRESSES, /* flows to this host itself are intercepted */
	WALK_TOO_LONG,      /* there are too many paths through the chains */
	WALK_NOTE_MAX
};

struct walk_result {
	unsigned int notes;
	__u32 proxy_mark;          /* that proxies set on their own packets; 0: none */
	struct drafts routed, own; /* owned */
};

#endif
