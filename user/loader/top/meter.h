/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes frames from samples: of the calling thread (meter.c), or once in each interval by a thread
 * of its own (collector.c), so that a relay that does not answer cannot hold up the screen.
 */
#ifndef TPROXY_LOADER_TOP_METER_H
#define TPROXY_LOADER_TOP_METER_H

#include "loader/top/frame.h"

struct top_meter {
	struct top_source source;
	struct top_sample last; /* the previous one */
	bool started;
};

/* Takes a sample. The first frame has no rates. 0 or -ENOMEM; top_frame_free in any case. */
int top_meter_read(struct top_meter *meter, struct top_frame *ret_frame);
void top_meter_close(struct top_meter *meter);

/* ---- in a thread -------------------------------------------------------- */

struct top_collector;

/* Lasts until the process ends. 0 or -errno. The caller blocks signals that it waits for before. */
int top_collector_start(struct app *app, unsigned int interval_ms,
			struct top_collector **ret_collector);
int top_collector_fd(const struct top_collector *collector); /* readable: there is a frame */
/* The latest frame, once: *frame is replaced. False: there is no newer one. */
bool top_collector_take(struct top_collector *collector, struct top_frame *frame);

#endif
