/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Audited flows, which the data path forwards and counts: the helper reads the pinned table about
 * once a second, in batches, and sends the relay a report of each flow that has begun or ended. An
 * entry changes only after the relay has confirmed that the record is written, so a relay that is
 * restarted or killed continues where the last one stopped. When the state is removed or gets
 * another table, no relay could continue: then flows that are open have their end, too. Of several
 * relays one reads: it holds a lock. Must not know how a record looks.
 */
#ifndef TPROXY_RELAY_PROCESS_AUDITING_H
#define TPROXY_RELAY_PROCESS_AUDITING_H

#include "relay/process/helper.h"
#include "relay/process/pins.h"

#define AUDIT_BATCH 64

/* What happens to an entry when the relay has confirmed its report. */
struct audit_pending {
	struct tproxy_flow_key flow;
	uint64_t begin_ns;
	bool ended; /* it is deleted; else its begin is noted as logged */
};

struct auditing {
	struct file_id table; /* that is open */
	int map, prog, lock;  /* -1: not open */
	bool begins;          /* are reported, too */
	bool last;            /* look at this table: it has lost its pin */
	uint64_t last_ns;     /* when that was noticed */
	uint32_t found;       /* flows to report, in this pass of the last look */
	int err;              /* negative: why the program does not change the table; 0: it does */
	bool told;            /* that */
	bool mute;            /* a begin cannot be noted */
	bool useless;         /* an entry cannot be deleted: no more are reported */
	uint64_t due;         /* ms of CLOCK_MONOTONIC: the next look at the table */
	bool walking;         /* in the middle of the table, at `at` */
	uint32_t at;          /* the kernel's token */
	struct audit_pending pending[2 * AUDIT_BATCH];
	unsigned int sent, confirmed;
	uint64_t sent_at; /* ms */
};

void auditing_init(struct auditing *a);
/* Bounded work. Reports go to sock, see channel_send. */
void auditing_turn(struct auditing *a, const struct pins *pins, int sock);
/* The relay has written the record of the oldest report that it had not confirmed yet. */
void auditing_confirm(struct auditing *a);
/* Another relay may read the table from now on. */
void auditing_stop(struct auditing *a);

#endif
