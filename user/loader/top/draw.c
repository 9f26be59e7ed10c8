/* SPDX-License-Identifier: BSD-2-Clause */
/* All text that is drawn is printable ASCII, but for the signs below. */
#include <ncurses.h>
#include <string.h>

#include "lib/util.h"
#include "loader/top/screen.h"

#define GAP 2       /* between columns */
#define NARROWEST 8 /* a column is not cut further */

void top_screen_forget_widths(struct top_screen *screen)
{
	memset(screen->widths, 0, sizeof(screen->widths));
}

/* ---- one piece of text -------------------------------------------------- */

/* Cut to `width`; what is cut ends with a sign. The last cell of the screen stays free. */
static void put(const struct top_screen *screen, int y, int x, const char *text, size_t width)
{
	const size_t len = strlen(text);

	if (y < 0 || y >= LINES || x < 0 || x >= COLS)
		return;
	if (width > (size_t)(COLS - x))
		width = (size_t)(COLS - x);
	if (len <= width) {
		mvaddnstr(y, x, text, (int)width);
		return;
	}
	mvaddnstr(y, x, text, (int)width - 1);
	addstr(screen->utf8 ? "\u2026" : "~");
}

static void put_line(const struct top_screen *screen, int y, const char *text)
{
	put(screen, y, 0, text, (size_t)COLS);
}

/* ---- the table ---------------------------------------------------------- */

struct layout {
	struct top_columns columns;
	bool hidden[TABLE_COLUMNS_MAX];
	size_t *widths;
};

static void measure(struct layout *layout, const struct top_choice *choice, size_t first,
		    size_t rows)
{
	char text[TABLE_CELL_LEN];

	for (size_t c = 0; c < layout->columns.n; c++) {
		const struct table_column *column = &layout->columns.items[c];
		size_t *width = &layout->widths[c];

		if (*width < strlen(column->title))
			*width = strlen(column->title);
		for (size_t row = first; row < first + rows; row++) {
			column->cell(choice, row, text);
			if (*width < strlen(text))
				*width = strlen(text);
		}
	}
}

static size_t needed(const struct layout *layout)
{
	size_t sum = 0;

	for (size_t c = 0; c < layout->columns.n; c++)
		if (!layout->hidden[c])
			sum += layout->widths[c] + GAP;
	return sum ? sum - GAP : 0;
}

/* Leaves out the least important column that is shown. */
static bool hide_one(struct layout *layout)
{
	size_t worst = 0;
	int rank = 0;

	for (size_t c = 0; c < layout->columns.n; c++) {
		if (layout->hidden[c] || layout->columns.rank[c] <= rank)
			continue;
		worst = c;
		rank = layout->columns.rank[c];
	}
	layout->hidden[worst] |= rank > 0;
	return rank > 0;
}

static bool narrow_one(struct layout *layout)
{
	size_t widest = layout->columns.n;

	for (size_t c = 0; c < layout->columns.n; c++)
		if (!layout->hidden[c] &&
		    (widest == layout->columns.n || layout->widths[c] > layout->widths[widest]))
			widest = c;
	if (widest == layout->columns.n || layout->widths[widest] <= NARROWEST)
		return false;
	layout->widths[widest]--;
	return true;
}

/* Long addresses are cut a little before a column of numbers goes. */
static void fit(struct layout *layout)
{
	while (needed(layout) > (size_t)COLS && hide_one(layout))
		;
	while (needed(layout) > (size_t)COLS && narrow_one(layout))
		;
}

static void put_cell(const struct top_screen *screen, const struct layout *layout, size_t column,
		     int y, int x, const char *text)
{
	size_t width = layout->widths[column], len = strlen(text);

	if (layout->columns.items[column].right && len < width)
		x += (int)(width - len);
	put(screen, y, x, text, width);
}

/* row: of the choice; SIZE_MAX: the titles */
static void put_row(const struct top_screen *screen, const struct layout *layout,
		    const struct top_choice *choice, int y, size_t row)
{
	char text[TABLE_CELL_LEN];
	int x = 0;

	for (size_t c = 0; c < layout->columns.n; c++) {
		const struct table_column *column = &layout->columns.items[c];

		if (layout->hidden[c])
			continue;
		if (row == SIZE_MAX)
			snprintf(text, sizeof(text), "%s", column->title);
		else
			column->cell(choice, row, text);
		put_cell(screen, layout, c, y, x, text);
		x += (int)layout->widths[c] + GAP;
	}
}

static void keep_in_range(struct top_screen *screen, size_t n)
{
	screen->shown = n;
	if (screen->first + screen->page > n)
		screen->first = n > screen->page ? n - screen->page : 0;
}

static void draw_table(struct top_screen *screen, const struct top_choice *choice, int y)
{
	struct layout layout = { .widths = (size_t[TABLE_COLUMNS_MAX]){ 0 } };
	size_t rows;

	screen->page = LINES > y + 2 ? (size_t)(LINES - y - 2) : 0;
	keep_in_range(screen, choice->n);
	rows = choice->n - screen->first < screen->page ? choice->n - screen->first : screen->page;
	top_columns(choice, &layout.columns);
	memcpy(layout.widths, screen->widths, sizeof(screen->widths));
	measure(&layout, choice, screen->first, rows);
	memcpy(screen->widths, layout.widths, sizeof(screen->widths));
	fit(&layout);
	attron(A_REVERSE);
	mvhline(y, 0, ' ', COLS);
	put_row(screen, &layout, choice, y, SIZE_MAX);
	attroff(A_REVERSE);
	for (size_t i = 0; i < rows; i++)
		put_row(screen, &layout, choice, y + 1 + (int)i, screen->first + i);
}

/* ---- the lines around it ------------------------------------------------ */

static void draw_head(const struct top_screen *screen)
{
	char sum[TOP_SUM_LEN], line[TOP_SUM_LEN + 20], at[16];
	struct tm tm;

	localtime_r(&screen->frame.at.tv_sec, &tm);
	strftime(at, sizeof(at), "%H:%M:%S", &tm);
	snprintf(line, sizeof(line), "%s  %s", at,
		 screen->frame.interval_ms ? top_sum_text(&screen->frame, sum) : "measuring");
	put_line(screen, 0, line);
}

static void draw_state(const struct top_screen *screen, const struct top_choice *choice)
{
	const size_t last = screen->first + screen->page;
	char line[256];
	int n = snprintf(line, sizeof(line), "%s by %s, every %.1f s", top_view_names[screen->view],
			 top_order_name(screen->view, screen->order),
			 screen->request->interval_ms / 1000.0);

	if (choice->n > screen->page)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "  %zu-%zu of %zu",
			      screen->first + 1, last < choice->n ? last : choice->n, choice->n);
	if (*screen->filter)
		snprintf(line + n, sizeof(line) - (size_t)n, "  filter: %s", screen->filter);
	put_line(screen, 1, line);
}

/* Returns the next line. */
static int draw_notes(const struct top_screen *screen, int y)
{
	char line[FLOWS_WHY_LEN + 16];

	if (*screen->frame.no_flows) {
		snprintf(line, sizeof(line), "flows: %s", screen->frame.no_flows);
		put_line(screen, y++, line);
	}
	if (*screen->frame.no_rules) {
		snprintf(line, sizeof(line), "rules: %s", screen->frame.no_rules);
		put_line(screen, y++, line);
	}
	return y;
}

static void draw_foot(const struct top_screen *screen)
{
	char line[TOP_FILTER_LEN + 8];

	curs_set(screen->typing);
	if (!screen->typing) {
		put_line(screen, LINES - 1,
			 "q quit  s sort  f flows  r rules  c clients  / filter  ? help");
		return;
	}
	snprintf(line, sizeof(line), "/%s", screen->filter);
	put_line(screen, LINES - 1, line);
	move(LINES - 1, (int)strlen(line) < COLS ? (int)strlen(line) : COLS - 1);
}

static void draw_help(const struct top_screen *screen)
{
	static const char *const lines[] = {
		"f  flows           one line for each open flow",
		"r  rules           what each rule decided, and its open flows",
		"c  clients         the flows of each client together",
		"s  sort            by rate, bytes, age or number of flows, name",
		"/  filter          rows with this text; Enter keeps it, Esc removes it",
		"arrows, page keys  move through the rows",
		"q  quit",
		"",
		"Rates are of the last interval, in bytes a second. UP is from the client.",
		"NEW/s, PACKETS/s: flow starts, and SYNs and datagrams, that the rule decided.",
		"",
		"any key returns",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		put_line(screen, (int)i, lines[i]);
	curs_set(0);
}

static void draw_frame(struct top_screen *screen)
{
	struct top_choice choice;

	if (!screen->measured ||
	    top_choose(&screen->frame, screen->view, screen->order, screen->filter, &choice)) {
		put_line(screen, 0, "reading");
		return;
	}
	if (choice.n > screen->request->limit && screen->request->limit)
		choice.n = screen->request->limit;
	draw_head(screen);
	draw_table(screen, &choice, draw_notes(screen, 2));
	draw_state(screen, &choice);
	draw_foot(screen);
	top_choice_free(&choice);
}

void top_screen_draw(struct top_screen *screen)
{
	erase();
	if (screen->help)
		draw_help(screen);
	else
		draw_frame(screen);
	refresh();
}
