/* SPDX-License-Identifier: BSD-2-Clause */
/* sd_notify if libsystemd was present at build time; else nothing happens. */
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

/* Ready; and process pid is the service now, also after it took over from another one. */
static inline void notify_ready_for(pid_t pid)
{
#ifdef HAVE_SYSTEMD
	sd_notifyf(0, "READY=1\nMAINPID=%d", (int)pid);
#else
	(void)pid;
#endif
}

/* Another process is the service from now on; it may not be able to say so itself. */
static inline void notify_successor(pid_t pid)
{
#ifdef HAVE_SYSTEMD
	sd_notifyf(0, "MAINPID=%d", (int)pid);
#else
	(void)pid;
#endif
}

/* How often systemd expects WATCHDOG=1, in milliseconds; 0: never. */
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
