/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `monitor` knows of the state, to see what changes. The state reports events (heard.c). What
 * nobody reports is read once a second: the state itself (look.c), interfaces (ifaces.c), the policy
 * and edits by hand (policy.c), listeners (proxies.c), counters (drops.c). All of these read only.
 */
#ifndef TPROXY_LOADER_MONITOR_MONITOR_H
#define TPROXY_LOADER_MONITOR_MONITOR_H

#include "kernel/events/listen.h"
#include "loader/app/session.h"
#include "loader/monitor/out.h"

enum iface_presence { IFACE_THERE, IFACE_GONE, IFACE_BACK /* a new device of that name */ };

struct monitored_iface {
	__u32 ifindex;
	char name[TPROXY_IFNAME_LEN]; /* printable */
	enum iface_presence presence;
	bool said;           /* that it was attached */
	unsigned int missed; /* looks since it is no longer attached */
	bool seen;           /* at this look */
};

/* The policy as it was read, and what is not explained yet. */
struct monitored_policy {
	bool read;
	struct tables tables;
	struct policy policy; /* of these tables */
	__u32 generation;     /* when they were read */
	uint64_t due;         /* when they are read again, as monotonic_ms */
	bool reported;        /* a command has reported a change since */
	bool suspected;       /* they differ from `before`, which no command has reported */
	struct tables before;
};

struct monitoring {
	struct app *app;
	struct monitor_out out;
	struct event_listener listener;
	bool started; /* the first look is over */
	bool present; /* there is a state */
	bool looked;  /* at this state before */
	int deaf;     /* why the events of its commands are not heard: -errno; 0: they are */
	__u32 state;  /* id of its map config */
	__u32 generation;
	bool unheard; /* another generation is live, and no command has reported it yet */
	__u32 armed;  /* generation that has to be confirmed; 0: none */
	bool hurry;   /* the next look is due soon */
	bool held; /* a policy is new: events wait until a look has read the names of its rules */
	__u64 counters[TPROXY_COUNT_MAX];
	struct monitored_iface *ifaces; /* owned */
	size_t n_ifaces, room;
	struct monitored_policy policy;
	char names[TPROXY_MAX_RULES][TPROXY_NAME_LEN]; /* of rules, printable; "": none */
	__u8 down[TPROXY_MAX_RULES];                   /* classes without a listener, as bits */
};

/*
 * One look at everything. The first one says where the monitor begins; it is false after a reported
 * error.
 */
bool monitoring_look(struct monitoring *m);
/* For the listener; arg: the struct monitoring. */
int monitoring_heard(const struct tproxy_event *event, void *arg);
void monitoring_close(struct monitoring *m);

/* ---- parts of a look, silent at the first one of a state ---------------- */

void monitoring_look_ifaces(struct monitoring *m, const struct session *session);
void monitoring_look_policy(struct monitoring *m, const struct session *session);
void monitoring_look_proxies(struct monitoring *m, const struct session *session);
void monitoring_look_drops(struct monitoring *m, const struct session *session);
/* The state is gone: those that were not reported. */
void monitoring_detached_all(struct monitoring *m);
void monitoring_forget_ifaces(struct monitoring *m);
void monitoring_forget_policy(struct monitoring *m);

/* ---- what was heard ----------------------------------------------------- */

/* False: a look was faster, and has said it. */
bool monitoring_iface_on(struct monitoring *m, __u32 ifindex, const char *name);
void monitoring_iface_off(struct monitoring *m, __u32 ifindex);
/* The printable name, or the number; buf: TPROXY_IFNAME_LEN bytes. */
char *monitoring_iface_name(const struct monitoring *m, __u32 ifindex, char *buf);

#endif
