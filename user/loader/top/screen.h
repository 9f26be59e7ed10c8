/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top on a terminal: keys (keys.c), drawing (draw.c) and the loop (screen.c). Only these files use
 * ncurses.
 */
#ifndef TPROXY_LOADER_TOP_SCREEN_H
#define TPROXY_LOADER_TOP_SCREEN_H

#include "loader/top/columns.h"
#include "loader/top/request.h"

#define TOP_FILTER_LEN 64

struct top_screen {
	const struct top_request *request;
	struct top_frame frame; /* the latest one */
	bool measured;          /* there is one */
	enum top_view view;
	enum top_order order;
	char filter[TOP_FILTER_LEN];
	bool typing; /* the filter */
	bool help;
	bool utf8;
	size_t first;                     /* row at the top */
	size_t page;                      /* rows that fit */
	size_t shown;                     /* rows of the choice */
	size_t widths[TABLE_COLUMNS_MAX]; /* so far: columns keep their places */
};

/* Until the user ends it. Returns an enum exit_code. */
int top_screen_run(struct app *app, const struct top_request *request);

/* What a key means. False: it ends the program. */
bool top_screen_key(struct top_screen *screen, int key);
void top_screen_draw(struct top_screen *screen);
void top_screen_forget_widths(struct top_screen *screen);

#endif
