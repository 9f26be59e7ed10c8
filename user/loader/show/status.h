/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `status` shows. Everything is read from the kernel once, for this call, then printed as
 * text or as JSON. The verdict comes from checks.h.
 */
#ifndef TPROXY_LOADER_SHOW_STATUS_H
#define TPROXY_LOADER_SHOW_STATUS_H

#include "kernel/adopt/records.h"
#include "kernel/hook/chain.h"
#include "kernel/hook/hook.h"
#include "kernel/maps/pools.h"
#include "loader/check/tools/checkup.h"
#include "loader/check/tools/listening.h"
#include "loader/show/own_view.h"

struct iface_view {
	const struct checked_iface *checked;
	const char *name;
	bool up;
	enum hook hook;
	const char *routing4, *routing6; /* "ok", or what is wrong now */
	char vrf[IF_NAMESIZE];           /* the one it is a member of, or empty */
	struct chain chain;              /* programs that run before ours */
};

struct status {
	struct checkup checkup;    /* session, policy, and the problems found */
	struct iface_view *ifaces; /* owned */
	size_t n;
	struct own_view own;
	struct pool_table pools;
	struct listening listening;
	struct records records; /* of adopted programs */
	__u64 counters[TPROXY_COUNT_MAX];
	bool lookup;
	size_t older; /* UDP flows */
};

struct status_want {
	const char *ifname; /* this one only, or NULL */
	bool probe;         /* on every interface; the caller holds the lock of the state */
};
/* 0 or -errno; call status_close either way. */
int status_read(struct status *s, struct session *session, const struct status_want *want);
void status_close(struct status *s);
#define __cleanup_status __attribute__((cleanup(status_close)))

/* True if a rule takes or drops flows on an attached interface, or there are pools. */
bool status_intercepts(const struct status *s);

void status_print_text(const struct status *s);
/* The caller prints it, or drops the reference. */
struct json_object *status_json(const struct status *s);
/* Returns an enum exit_code. */
int status_print_json(const struct status *s);

extern const struct counter_text {
	const char *name, *meaning;
} counter_texts[TPROXY_COUNT_MAX];

#endif
