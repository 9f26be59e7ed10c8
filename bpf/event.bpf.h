/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events: one function to which `monitor` attaches. Without a monitor an event costs a call; with
 * several, each has a ring buffer of its own. For rare things only. Reports; decides nothing.
 */
#ifndef TPROXY_EVENT_BPF_H
#define TPROXY_EVENT_BPF_H

#include "tproxy.h"

/*
 * The monitor goes by the name. A global function keeps its BTF and can be attached to; the
 * barrier keeps the compiler from leaving out a call that does nothing.
 */
__noinline int tproxy_event(struct tproxy_event *event)
{
	if (!event)
		return 0;
	asm volatile("" ::: "memory");
	return (int)event->type;
}

#endif
