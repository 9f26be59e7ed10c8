/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all checks of one run share: the live policy, the attached interfaces, and the list of
 * problems that the run finds. Knows no check; checks.h runs them.
 */
#ifndef TPROXY_LOADER_CHECK_TOOLS_CHECKUP_H
#define TPROXY_LOADER_CHECK_TOOLS_CHECKUP_H

#include "kernel/maps/policy_maps.h"
#include "kernel/netfilter/model.h"
#include "lib/device.h"
#include "loader/app/command_lock.h"
#include "loader/app/problem.h"
#include "loader/app/session.h"
#include "loader/app/shell_word.h"
#include "policy/policy.h"

/* One attached interface, as the maps have it and as the kernel has it. */
struct checked_iface {
	struct iface_entry iface;
	struct device device; /* if it is there */
	bool there;           /* a device of that ifindex and name is in this namespace */
};

struct rule_probe; /* rule_probe.h */
struct asked;      /* asked.h */

#define CHECKUP_EVIDENCE_LEN 320

struct checkup {
	struct session *session;
	bool attached; /* there is a state; else only checks that need none run, see checks.h */
	int open_err;  /* why there is none: see session_try_to_read */
	char open_why[PINDIR_WHY_LEN];
	struct checked_iface *ifaces; /* without lo; owned */
	size_t n;
	struct tproxy_iface own;  /* the entry of lo; no role: own traffic is not attached */
	struct checked_iface lo;  /* the same with the device */
	struct policy policy;     /* the live one; owned */
	const char *ifname;       /* the only one that is checked; NULL: all. Set by checks_run */
	bool may_probe;           /* a probe packet may be sent where something looks wrong */
	bool must_probe;          /* and also everywhere else: --probe */
	bool locked;              /* the caller has the state's lock */
	struct command_lock lock; /* taken for a probe if the caller has none */
	unsigned int probes_sent, probes_arrived;
	struct rule_probe *rule_probes; /* of `doctor`; owned */
	size_t n_rule_probes, rule_probes_room;
	struct asked *asked; /* owned; when the first check asks, see asked.h */
	size_t n_asked;
	bool has_asked;
	int asked_error;
	struct firewall *firewall; /* owned; read when the first check asks, see filters.h */
	int firewall_error;
	uint64_t filters_ms;                 /* that flows were followed through it */
	struct problems problems;            /* owned */
	char evidence[CHECKUP_EVIDENCE_LEN]; /* of the check that runs; may be empty */
	bool unchecked;                      /* it could not look everywhere: evidence says why */
};

/* For a host where nothing is attached: session->state is not open. Never fails. */
void checkup_open_unattached(struct checkup *c, struct session *session);
/* Reads interfaces and policy. 0 or -errno; call checkup_close either way. */
int checkup_open(struct checkup *c, struct session *session);
/* Is this interface checked in this run? */
bool checkup_includes(const struct checkup *c, const struct checked_iface *iface);
/* Is it, and may new flows that enter by it meet the rule? One that drains takes none. */
bool checkup_takes(const struct checkup *c, const struct checked_iface *iface, int rule);
/* lo, if own traffic is attached and is checked in this run; else NULL. */
const struct checked_iface *checkup_own(const struct checkup *c);
/* Is it lo, and may what this host sends itself meet the rule? */
bool checkup_takes_own(const struct checkup *c, const struct checked_iface *iface, int rule);
/* For "tproxy-loader attach %s": an interface that is attached, quoted for a shell, or --local. */
const char *checkup_attached_word(const struct checkup *c, char buf[SHELL_WORD_LEN]);
/* A new check begins: no evidence. */
void checkup_begin(struct checkup *c);
/* What the check has seen that is well, in a few words, for `doctor`. Several are joined by ", ". */
void checkup_evidence(struct checkup *c, const char *fmt, ...) __printf(2, 3);
/* The same for what it could not look at: "/proc/1/ns cannot be read: Permission denied". */
void checkup_unchecked(struct checkup *c, const char *fmt, ...) __printf(2, 3);
/*
 * Is there a problem already that breaks such a flow? Then no further cause is searched. rule: its
 * name; classes: bits of enum tproxy_class.
 */
bool checkup_explains(const struct checkup *c, const struct checked_iface *iface, const char *rule,
		      __u8 classes);
/* May a probe be sent? If so, the lock is held from now on. */
bool checkup_may_probe(struct checkup *c);
void checkup_close(struct checkup *c);
#define __cleanup_checkup __attribute__((cleanup(checkup_close)))

#endif
