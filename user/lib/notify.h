/* SPDX-License-Identifier: BSD-2-Clause */
/* sd_notify where libsystemd was there at build, nothing elsewhere. */
#ifndef TPROXY_LIB_NOTIFY_H
#define TPROXY_LIB_NOTIFY_H

#include <stdint.h>
#include <unistd.h>

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

/* After a start that took over from another process, this one is the service. */
static inline void notify_ready(void)
{
#ifdef HAVE_SYSTEMD
	sd_notifyf(0, "READY=1\nMAINPID=%d", (int)getpid());
#endif
}

/* How often systemd wants to hear WATCHDOG=1, in milliseconds; 0: it does not. */
static inline uint64_t notify_watchdog_ms(void)
{
#ifdef HAVE_SYSTEMD
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) > 0)
		return usec / 1000;
#endif
	return 0;
}

#endif
