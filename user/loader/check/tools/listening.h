/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which listeners the flows of a rule get, class by class: the relay's sockets in the socket map,
 * or the listener of the port that the rule names, as the data path would find it
 * (bpf/listener.bpf.h). Changes and reports nothing.
 */
#ifndef TPROXY_LOADER_CHECK_TOOLS_LISTENING_H
#define TPROXY_LOADER_CHECK_TOOLS_LISTENING_H

#include "kernel/state/state.h"
#include "lib/device.h"
#include "lib/listeners.h"
#include "policy/policy.h"

struct listening {
	struct listeners listeners; /* owned */
	__u64 slots[TPROXY_CLASS_MAX]
		   [TPROXY_GROUP_WAYS]; /* cookies of the relay's; 0: empty, dead */
	__u8 dead; /* the classes of which a slot has a socket that takes no flow, as bits */
};

/* 0 or -errno; close it either way. */
int listening_open(struct listening *l, const struct state *state);
void listening_close(struct listening *l);
#define __cleanup_listening __attribute__((cleanup(listening_close)))

extern const char *const listening_class_names[TPROXY_CLASS_MAX];
enum tproxy_class listening_class(__u8 protocol, __u8 family);
__u8 listening_protocol(enum tproxy_class cls);
__u8 listening_family(enum tproxy_class cls);

/* The classes that a rule's flows may have by its services and prefixes, as bits. */
__u8 listening_wanted(const struct rule *rule);
/* The classes for which the relay has any socket that takes flows, as bits. */
__u8 listening_relay(const struct listening *l);

enum found {
	FOUND_OK,
	FOUND_NONE,
	FOUND_PARTLY,    /* some ways of the relay's class are empty */
	FOUND_OPAQUE,    /* it is not transparent but must be */
	FOUND_ELSEWHERE, /* it takes no flow that enters by this device */
	FOUND_UNKNOWN,   /* the kernel does not list such sockets */
	FOUND_MAX
};
extern const char *const found_names[FOUND_MAX];

/* device: where the flow enters; NULL: anywhere. *ret_listener is the one found, or NULL. */
enum found listening_find(const struct listening *l, const struct rule *rule, enum tproxy_class cls,
			  const struct device *device, const struct listener **ret_listener);

#endif
