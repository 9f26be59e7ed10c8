/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the rest of the relay logs: a record for each flow, and messages of the daemon. Decides
 * which of them are written: by level, and by rate where others could cause a flood. Must not
 * decide what happens to a flow.
 */
#ifndef TPROXY_RELAY_LOG_RECORD_H
#define TPROXY_RELAY_LOG_RECORD_H

#include "lib/util.h"
#include "relay/log/flowrecord.h"
#include "relay/log/level.h"
#include "relay/log/limit.h"

/* Before any of the functions below. path NULL: standard output. 0 or -errno. */
int record_open(const char *path, enum record_format format, enum record_level level);

/*
 * What may change while the relay runs: whether the beginning of flows is logged with level info
 * instead of debug, and the IPv6 prefix that is one client. Any thread.
 */
void record_choose(bool begin, uint8_t prefix6);

/* Are the beginnings of flows logged? */
bool record_has_begins(void);

/* Safe in any thread; never block. */
void record_flow_start(const struct flow_record *flow);
void record_say(enum record_level level, const char *fmt, ...) __printf(2, 3);

/*
 * Level info. Each relayed flow has its record. Those of flows that failed without an answer are
 * bounded for each client and end (throttle.h), since a peer can cause any number of them.
 */
void record_flow_end(const struct flow_record *flow);

/*
 * Lines that were left out, here and by record_limit_take, are counted. When record_due_fd is
 * readable, record_report writes the counts that are due; record_report_all writes all of them, at
 * the end. The main thread only.
 */
int record_due_fd(void);
void record_report(void);
void record_report_all(void);

/* Frees what record_open made. No other thread may log any more; nothing is left out from now on. */
void record_close(void);

#endif
