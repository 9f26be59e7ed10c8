/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which programs a packet meets before ours: XDP, tcx programs and tc filters, on the interface
 * and on the devices below it (the ports of a bond or bridge, the parent of a VLAN). Whether one
 * of them drops or redirects packets cannot be seen from outside. Reads only; also finds the place
 * of our program among them.
 */
#ifndef TPROXY_KERNEL_HOOK_CHAIN_H
#define TPROXY_KERNEL_HOOK_CHAIN_H

#include "kernel/hook/after.h"
#include "kernel/hook/hook.h"
#include "lib/device.h"

#define CHAIN_MAX 32

struct chain_program {
	char device[IF_NAMESIZE]; /* it is attached to */
	char what[32];            /* "tcx program", "native XDP program", "u32 filter" … */
	/* Of the program, or the kind of another filter; empty: it cannot be read. */
	char name[TPROXY_PROG_LEN];
	__u32 id;          /* 0: not a BPF program */
	__u32 priority;    /* of a filter, else 0 */
	bool acknowledged; /* by attach --after */
};

struct chain {
	struct chain_program items[CHAIN_MAX]; /* in the order in which they run */
	size_t n;
	size_t more; /* for which there was no room */
	int blind;   /* -errno of what could not be read, or 0 */
};

/* hook: by which our program is on this device. */
void chain_read(const struct hook_site *site, const struct device *device, enum hook hook,
		const struct after *after, struct chain *ret_chain);

/*
 * The place directly after the last acknowledged program that runs before ours, or with `follow`
 * the last one at all; without any, the first. For a filter it is the first priority from there on
 * that is free or that BPF programs share.
 */
int chain_place(const struct hook_site *site, enum hook hook, const struct after *after,
		bool follow, struct hook_place *ret_place);

/* The first that was not acknowledged, or NULL. */
const struct chain_program *chain_unknown(const struct chain *chain);

/* Is one of them known by this name, or by "id:N"? */
bool chain_has(const struct chain *chain, const char *name);

/* "tcx program NAME (id N)" into buf. Returns buf. */
char *chain_text(const struct chain_program *program, char *buf, size_t size);

#endif
