/* SPDX-License-Identifier: BSD-2-Clause */
/* What own_on of own.h is asked for, and what it tells. */
#ifndef TPROXY_LOADER_STEPS_OWN_OWN_WANT_H
#define TPROXY_LOADER_STEPS_OWN_OWN_WANT_H

#include <linux/types.h>
#include <stdbool.h>

#include "kernel/hook/hook.h"
#include "kernel/own/proxies.h"
#include "policy/owner/owner.h"

/* What a call asks for; what it leaves out stays as it is, or is the default. */
struct own_want {
	__u32 mark, table;  /* 0: left out */
	bool has_bound;     /* deny_bound is given */
	bool deny_bound;    /* refuse sockets that are bound to a device */
	const char *cgroup; /* of the hooks; NULL: left out */
	/* Which cgroups are left alone; NULL: left out. */
	const struct owner_set *exclude;
	bool has_proxy_mark;
	__u32 proxy_mark;            /* sockets with it are left alone; 0: none */
	struct own_proxies *proxies; /* of a caller that stays; NULL: of one that ends */
	enum hook hook;              /* of lo; HOOK_NONE: left out */
	bool quiet; /* says nothing of what is left out for now: it was said before */
};

/* What a call has changed, OR. */
enum own_part {
	OWN_PART_PROGRAMS = 1 << 0, /* loaded */
	OWN_PART_LO = 1 << 1,       /* the program on lo */
	OWN_PART_HOOKS = 1 << 2,    /* on the cgroup */
	OWN_PART_RULES = 1 << 3,
	OWN_PART_ROUTES = 1 << 4,
	OWN_PART_SOURCE = 1 << 5, /* the source address of a route that was there */
};

#endif
