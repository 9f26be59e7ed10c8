/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `status` shows: everything is read back from the kernel when it is asked, nothing is
 * remembered. Read once, printed as text or as JSON; the judgement is that of checks.h.
 */
#ifndef TPROXY_LOADER_SHOW_STATUS_H
#define TPROXY_LOADER_SHOW_STATUS_H

#include "kernel/hook/chain.h"
#include "kernel/hook/hook.h"
#include "kernel/maps/pools.h"
#include "loader/check/checkup.h"
#include "loader/check/listening.h"

struct iface_view {
	const struct checked_iface *checked;
	const char *name;
	bool up;
	enum hook hook;
	const char *routing4, *routing6; /* "ok", or what is wrong; asked now */
	char vrf[IF_NAMESIZE];           /* whose member it is; or empty */
	struct chain chain;              /* who runs before our program */
};

struct status {
	struct checkup checkup;    /* session, policy, and what was found */
	struct iface_view *ifaces; /* owned */
	size_t n;
	struct pool_table pools;
	struct listening listening;
	__u64 counters[TPROXY_COUNT_MAX];
	bool lookup;
	size_t older; /* UDP flows */
};

struct status_want {
	const char *ifname; /* this one only, or NULL */
	bool probe;         /* everywhere; then the state's lock is the caller's */
};
/* 0 or -errno; call status_close either way. */
int status_look(struct status *s, struct session *session, const struct status_want *want);
void status_close(struct status *s);
#define __cleanup_status __attribute__((cleanup(status_close)))

/* Does a rule concern any flow that enters an attached interface? */
bool status_intercepts(const struct status *s);

void status_print_text(const struct status *s);
/* Returns an enum exit_code. */
int status_print_json(const struct status *s);

extern const struct counter_text {
	const char *name, *meaning;
} counter_texts[TPROXY_COUNT_MAX];

#endif
