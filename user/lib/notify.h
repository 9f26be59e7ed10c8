/* SPDX-License-Identifier: BSD-2-Clause */
/* sd_notify where libsystemd was there at build, nothing elsewhere. */
#ifndef TPROXY_NOTIFY_H
#define TPROXY_NOTIFY_H

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

/* state: "READY=1", "STOPPING=1", "WATCHDOG=1". Does nothing outside systemd. */
static inline void notify_systemd(const char *state)
{
#ifdef HAVE_SYSTEMD
	sd_notify(0, state);
#else
	(void)state;
#endif
}

#endif
