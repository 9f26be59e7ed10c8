/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/top/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <term.h>

#include "loader/top/meter.h"

#define ESCAPE_MS 25 /* after Esc: the rest of the code of a key */

/* ---- terminal ----------------------------------------------------------- */

/* A terminal without cursor movement cannot show it. */
static bool is_able(void)
{
	int err;

	if (setupterm(NULL, STDOUT_FILENO, &err) != OK)
		return false;
	return cursor_address && clear_screen;
}

static bool open_terminal(struct top_screen *screen)
{
	const char *term = getenv("TERM");

	setlocale(LC_CTYPE, "");
	screen->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (!is_able() || !newterm(NULL, stdout, stdin)) {
		log_error("top: TERM=%s: this terminal cannot show a screen (add --once, or | cat)",
			  term ? term : "");
		return false;
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	return true;
}

static void resize(struct top_screen *screen)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		return;
	resizeterm(size.ws_row, size.ws_col);
	top_screen_forget_widths(screen);
	clear();
}

/* ---- loop --------------------------------------------------------------- */

/* ncurses would only notice a resize with the next key. */
static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* False: one of them ends the program. */
static bool take_signal(struct top_screen *screen, int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo != SIGWINCH)
		return false;
	resize(screen);
	return true;
}

static bool take_keys(struct top_screen *screen)
{
	int key;

	while ((key = getch()) != ERR)
		if (key != KEY_RESIZE && !top_screen_key(screen, key))
			return false;
	return true;
}

/* False: end. */
static bool wait_and_draw(struct top_screen *screen, struct top_collector *collector, int signals)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = top_collector_fd(collector), .events = POLLIN },
	};

	if (poll(fds, 3, -1) < 0)
		return errno == EINTR;
	if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		return false;
	if (fds[1].revents && !take_signal(screen, signals))
		return false;
	if (fds[0].revents && !take_keys(screen))
		return false;
	if (fds[2].revents)
		screen->measured |= top_collector_take(collector, &screen->frame);
	top_screen_draw(screen);
	return true;
}

int top_screen_run(struct app *app, const struct top_request *request)
{
	struct top_screen screen = { .request = request, .view = request->view };
	struct top_collector *collector;
	int err, signals = take_signals();

	if (!open_terminal(&screen))
		return EXIT_FAILED;
	log_init("tproxy-loader", LOG_SILENT); /* a message would spoil the screen */
	err = signals < 0 ? -errno : top_collector_start(app, request->interval_ms, &collector);
	if (!err) {
		top_screen_draw(&screen);
		while (wait_and_draw(&screen, collector, signals))
			;
	}
	endwin();
	log_init("tproxy-loader", app->level);
	if (err)
		log_error("top: %s (try again, or add --once)", strerror(-err));
	top_frame_free(&screen.frame);
	return err ? EXIT_FAILED : EXIT_DONE;
}
