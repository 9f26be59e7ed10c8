/* SPDX-License-Identifier: BSD-2-Clause */
#include <ncurses.h>
#include <string.h>

#include "loader/top/screen.h"

#define KEY_ESCAPE 27
#define KEY_DELETE 127

static void show_view(struct top_screen *screen, enum top_view view)
{
	screen->view = view;
	screen->first = 0;
	top_screen_forget_widths(screen);
}

/* ---- the filter --------------------------------------------------------- */

static void set_filter(struct top_screen *screen, size_t len)
{
	screen->filter[len] = '\0';
	screen->first = 0;
}

static void type(struct top_screen *screen, int key)
{
	size_t len = strlen(screen->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		screen->typing = false;
	} else if (key == KEY_ESCAPE) {
		screen->typing = false;
		set_filter(screen, 0);
	} else if (key == KEY_BACKSPACE || key == KEY_DELETE || key == '\b') {
		set_filter(screen, len ? len - 1 : 0);
	} else if (key >= ' ' && key <= '~' && len + 1 < sizeof(screen->filter)) {
		screen->filter[len] = (char)key;
		set_filter(screen, len + 1);
	}
}

/* ---- moving ------------------------------------------------------------- */

static void move_up(struct top_screen *screen, size_t rows)
{
	screen->first -= rows < screen->first ? rows : screen->first;
}

/* Drawing keeps it within the rows that there are. */
static void move_rows(struct top_screen *screen, int key)
{
	const size_t page = screen->page ? screen->page : 1;

	switch (key) {
	case KEY_UP:
		move_up(screen, 1);
		break;
	case KEY_PPAGE:
		move_up(screen, page);
		break;
	case KEY_HOME:
		screen->first = 0;
		break;
	case KEY_DOWN:
		screen->first++;
		break;
	case KEY_NPAGE:
		screen->first += page;
		break;
	case KEY_END:
		screen->first = screen->shown;
		break;
	}
}

/* ---- all keys ----------------------------------------------------------- */

static void command(struct top_screen *screen, int key)
{
	switch (key) {
	case 'f':
		show_view(screen, TOP_FLOWS);
		break;
	case 'r':
		show_view(screen, TOP_RULES);
		break;
	case 'c':
		show_view(screen, TOP_CLIENTS);
		break;
	case 's':
		screen->order = (screen->order + 1) % TOP_ORDER_MAX;
		screen->first = 0;
		break;
	case '/':
		screen->typing = true;
		break;
	case KEY_ESCAPE:
		set_filter(screen, 0);
		break;
	case '?':
	case 'h':
		screen->help = true;
		break;
	default:
		move_rows(screen, key);
	}
}

bool top_screen_key(struct top_screen *screen, int key)
{
	if (screen->typing)
		type(screen, key);
	else if (screen->help)
		screen->help = false;
	else if (key == 'q')
		return false;
	else
		command(screen, key);
	return true;
}
