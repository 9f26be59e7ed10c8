/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/handover.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "lib/util.h"

#define OFFERED_MS 30000 /* the start of a relay with large lists */
#define PAUSED_MS 5000   /* nobody takes new flows meanwhile */

void handover_init(struct handover *h)
{
	*h = (struct handover){
		.epoll = -1, .flows_fd = -1, .segment_fd = -1, .new_relay_fd = -1, .serving_fd = -1
	};
	callers_init(&h->callers);
}

static int watch(const struct handover *h, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* Another relay may hold the same socket, so closing does not take it out. */
static void unwatch(const struct handover *h, int fd)
{
	epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static int open_epoll(struct handover *h)
{
	if (h->epoll < 0)
		h->epoll = epoll_create1(EPOLL_CLOEXEC);
	return h->epoll < 0 ? -errno : 0;
}

int handover_open(struct handover *h, const char *name, int listen_fd)
{
	int err = open_epoll(h);

	return err ? err : callers_open(&h->callers, name, listen_fd, h->epoll);
}

int handover_adopt(struct handover *h, struct retired_list *list)
{
	int err = open_epoll(h);

	for (unsigned int i = 0; i < list->count && !err; i++) {
		err = watch(h, list->items[i].control_fd);
		if (!err)
			retired_add(&h->retired, &list->items[i]);
	}
	if (!err)
		list->count = 0;
	return err;
}

static void set_stage(struct handover *h, enum handover_stage stage, uint64_t ms)
{
	h->stage = stage;
	h->deadline = ms ? monotonic_ms() + ms : 0;
}

/* ---- the offer ---------------------------------------------------------- */

static int send_offer(const struct handover *h, int to)
{
	struct inherited list;
	struct offer offer = { .next_id = h->next_id,
			       .watchdog_ms = h->watchdog_ms,
			       .has_flows = h->flows_fd >= 0,
			       .pid = getpid() };
	int fds[MESSAGE_FDS_MAX] = { h->callers.listen_fd };
	unsigned int n = 1;

	inherited_list(h->listeners, &list);
	offer.count = list.count;
	if (offer.has_flows)
		fds[n++] = h->flows_fd;
	for (unsigned int i = 0; i < list.count; i++) {
		offer.way[i] = list.way[i];
		fds[n++] = list.fds[i];
	}
	return message_send(to, &(struct message_out){ .type = MESSAGE_OFFER,
						       .body = &offer,
						       .size = sizeof(offer),
						       .fds = fds,
						       .fd_count = n });
}

/* A relay that we trust asks. One at a time: the others come back. */
static void answer(struct handover *h, int new_relay_fd)
{
	__cleanup_close int fd = new_relay_fd;
	int err;

	if (h->stage != STAGE_NONE) {
		callers_refuse(fd, REFUSAL_BUSY);
		return;
	}
	err = send_offer(h, fd);
	if (!err)
		err = watch(h, fd);
	if (err == -EPIPE) {
		record_say(RECORD_WARN, "hand-over: the other relay is gone, continuing");
		return;
	}
	if (err) {
		record_say(RECORD_WARN, "hand-over: failed: %s", strerror(-err));
		return;
	}
	record_say(RECORD_INFO, "hand-over: another relay asks for the listeners");
	h->new_relay_fd = take_fd(&fd);
	set_stage(h, STAGE_OFFERED, OFFERED_MS);
}

/* ---- the new relay ------------------------------------------------------ */

static enum handover_event give_up(struct handover *h, const char *why)
{
	bool paused = h->stage != STAGE_OFFERED;

	record_say(RECORD_WARN, "hand-over: the other relay is %s, continuing", why);
	unwatch(h, h->new_relay_fd);
	/* A thread may have a copy. */
	shutdown(h->new_relay_fd, SHUT_RDWR);
	cleanup_fd(&h->new_relay_fd);
	h->new_relay_fd = -1;
	set_stage(h, STAGE_NONE, 0);
	return paused ? HANDOVER_RESUME : HANDOVER_NOTHING;
}

/* A message that says DONE may be the last one of a process that was killed. */
static bool has_hung_up(int fd)
{
	char byte;

	return recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) == 0;
}

static enum handover_event hear_new_relay(struct handover *h)
{
	int err = message_receive(h->new_relay_fd, 0, &h->message);

	if (err == -EAGAIN)
		return HANDOVER_NOTHING;
	if (err)
		return give_up(h, err == -ECONNRESET ? "gone" : "confused");
	if (h->message.type == MESSAGE_READY && h->stage == STAGE_OFFERED) {
		set_stage(h, STAGE_PAUSING, PAUSED_MS);
		return HANDOVER_PAUSE;
	}
	if (h->message.type != MESSAGE_DONE || h->stage != STAGE_PAUSED)
		return give_up(h, "confused");
	return has_hung_up(h->new_relay_fd) ? give_up(h, "gone") : HANDOVER_RETIRE;
}

/*
 * A DONE that came in time counts. From the shutdown on the new relay cannot send it, and finds
 * the reason.
 */
static enum handover_event time_out(struct handover *h)
{
	message_send_plain(h->new_relay_fd, MESSAGE_ABORTED);
	shutdown(h->new_relay_fd, SHUT_RD);
	if (h->stage == STAGE_PAUSED && !message_receive(h->new_relay_fd, 0, &h->message) &&
	    h->message.type == MESSAGE_DONE)
		return HANDOVER_RETIRE;
	return give_up(h, "late");
}

static int send_retired(const struct handover *h)
{
	int err = 0;

	for (unsigned int i = 0; i < h->retired.count && !err; i++) {
		const struct retired *one = &h->retired.items[i];
		struct peer peer = { .pid = one->pid };
		int fds[] = { one->control_fd, one->segment_fd };

		err = message_send(
			h->new_relay_fd,
			&(struct message_out){ .type = MESSAGE_RETIRED,
					       .body = &peer,
					       .size = sizeof(peer),
					       .fds = fds,
					       .fd_count = one->segment_fd < 0 ? 1 : 2 });
	}
	return err;
}

bool handover_paused(struct handover *h, uint64_t next_id)
{
	struct paused paused = { .next_id = next_id, .pid = getpid() };
	int err = send_retired(h);

	if (!err)
		err = message_send(h->new_relay_fd,
				   &(struct message_out){ .type = MESSAGE_PAUSED,
							  .body = &paused,
							  .size = sizeof(paused),
							  .fds = &h->segment_fd,
							  .fd_count = h->segment_fd >= 0 });
	if (err) {
		give_up(h, err == -EPIPE ? "gone" : "too slow");
		return false;
	}
	h->stage = STAGE_PAUSED;
	return true;
}

void handover_retire(struct handover *h)
{
	h->serving_fd = h->new_relay_fd;
	h->new_relay_fd = -1;
	h->listeners = NULL;
	callers_close(&h->callers);
	/* The new relay has these now; it is the same connection that it hears. */
	for (unsigned int i = 0; i < h->retired.count; i++)
		unwatch(h, h->retired.items[i].control_fd);
	retired_close(&h->retired);
	set_stage(h, STAGE_NONE, h->retire_ms);
}

pid_t handover_successor(const struct handover *h)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(h->serving_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ? 0 : peer.pid;
}

/* ---- relays that have retired ------------------------------------------- */

static enum handover_event event_of(struct handover *h, int from)
{
	switch (h->message.type) {
	case MESSAGE_RELOAD:
		return HANDOVER_RELOAD;
	case MESSAGE_DRAIN:
		return HANDOVER_DRAIN;
	case MESSAGE_RESET:
		return HANDOVER_RESET;
	}
	if (h->message.type >= MESSAGE_OTHER) {
		h->from = from;
		return HANDOVER_MESSAGE;
	}
	message_close(&h->message);
	return HANDOVER_NOTHING;
}

static enum handover_event hear_serving(struct handover *h)
{
	int err = message_receive(h->serving_fd, MESSAGE_FDS_MAX, &h->message);

	if (!err)
		return event_of(h, h->serving_fd);
	if (err == -EAGAIN || err == -EPROTO)
		return HANDOVER_NOTHING;
	record_say(RECORD_INFO,
		   "hand-over: the relay that serves has ended, the flows here continue");
	unwatch(h, h->serving_fd);
	cleanup_fd(&h->serving_fd);
	h->serving_fd = -1;
	return HANDOVER_NOTHING;
}

static enum handover_event hear_retired(struct handover *h, struct retired *one)
{
	int err = message_receive(one->control_fd, MESSAGE_FDS_MAX, &h->message);

	if (!err && h->message.type >= MESSAGE_OTHER)
		return event_of(h, one->control_fd);
	if (!err)
		message_close(&h->message);
	if (!err || err == -EAGAIN || err == -EPROTO)
		return HANDOVER_NOTHING;
	h->gone = (struct retired){ .control_fd = -1,
				    .segment_fd = take_fd(&one->segment_fd),
				    .pid = one->pid };
	unwatch(h, one->control_fd);
	retired_remove(&h->retired, one);
	return HANDOVER_GONE;
}

unsigned int handover_tell(const struct handover *h, enum message_type order)
{
	return retired_tell(&h->retired, order);
}

unsigned int handover_pass(const struct handover *h, const struct message_out *out)
{
	return retired_pass(&h->retired, out);
}

/* ---- the caller's loop -------------------------------------------------- */

static enum handover_event ready(struct handover *h, int fd)
{
	struct retired *retired;

	if (callers_have(&h->callers, fd)) {
		int trusted = callers_ready(&h->callers, fd);

		if (trusted >= 0)
			answer(h, trusted);
		return HANDOVER_NOTHING;
	}
	if (fd == h->new_relay_fd)
		return hear_new_relay(h);
	if (fd == h->serving_fd)
		return hear_serving(h);
	retired = retired_find(&h->retired, fd);
	return retired ? hear_retired(h, retired) : HANDOVER_NOTHING;
}

enum handover_event handover_step(struct handover *h)
{
	struct epoll_event ev;
	uint64_t now = monotonic_ms();

	callers_expire(&h->callers, now);
	if (h->deadline && h->deadline <= now) {
		if (h->stage != STAGE_NONE)
			return time_out(h);
		h->deadline = 0;
		return HANDOVER_EXPIRED;
	}
	if (h->epoll < 0 || epoll_wait(h->epoll, &ev, 1, 0) != 1)
		return HANDOVER_NOTHING;
	return ready(h, ev.data.fd);
}

int handover_wait(const struct handover *h)
{
	uint64_t now = monotonic_ms();
	uint64_t due = callers_due(&h->callers);

	if (h->deadline && h->deadline < due)
		due = h->deadline;
	if (due == UINT64_MAX)
		return -1;
	return due > now ? (int)(due - now < INT32_MAX ? due - now : INT32_MAX) : 0;
}

void handover_stop(struct handover *h)
{
	callers_close(&h->callers);
	if (h->new_relay_fd >= 0)
		unwatch(h, h->new_relay_fd);
	cleanup_fd(&h->new_relay_fd);
	h->new_relay_fd = -1;
	if (h->stage != STAGE_NONE)
		set_stage(h, STAGE_NONE, 0);
}

void handover_close(struct handover *h)
{
	handover_stop(h);
	cleanup_fd(&h->serving_fd);
	h->serving_fd = -1;
	retired_close(&h->retired);
	cleanup_fd(&h->epoll);
	h->epoll = -1;
}
