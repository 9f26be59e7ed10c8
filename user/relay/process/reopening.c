/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/reopening.h"

#include <netinet/in.h>
#include <stdio.h>

#include "lib/listeners.h"
#include "lib/mapped.h"
#include "lib/util.h"
#include "relay/net/addr.h"
#include "relay/process/channel.h"
#include "relay/process/helper.h"

/* Somebody may destroy them again and again: each is opened that often at most. */
#define SPACING_MS 100
#define PAUSE_FIRST_MS 250
#define PAUSE_MAX_MS 5000

void reopening_init(struct reopening *r, struct listener_set *set, const struct options *o)
{
	*r = (struct reopening){ .set = set, .options = o };
}

static struct reopening_state *state_of(struct reopening *r, const struct listener_id *id)
{
	return &r->states[id->worker][id->row][id->cls];
}

bool reopening_want(struct reopening *r, const struct listener_id *id)
{
	int *fd = listener_at(r->set, id);
	struct reopening_state *state = fd ? state_of(r, id) : NULL;

	if (!fd || (*fd < 0 && state->step == REOPENING_NONE))
		return false;
	cleanup_fd(fd);
	*fd = -1;
	*state = (struct reopening_state){ .step = REOPENING_WAITING, .due = state->due };
	return true;
}

/* ---- who has the port --------------------------------------------------- */

/* Our own listeners of the other family have the same port. */
static const struct listener *find_holder(const struct listeners *all, const struct listener_id *id,
					  uint16_t port)
{
	union saddr at = saddr_loopback(class_is_v6(id->cls) ? AF_INET6 : AF_INET, port);
	struct listener_place place = { .protocol =
						class_is_tcp(id->cls) ? IPPROTO_TCP : IPPROTO_UDP,
					.family = (uint8_t)at.sa.sa_family,
					.port = port };
	const void *addr = class_is_v6(id->cls) ? (const void *)&at.v6.sin6_addr :
						  (const void *)&at.v4.sin_addr;

	mapped_from(place.family, addr, place.addr);
	return listeners_at(all, &place);
}

/* Best effort: without CAP_SYS_PTRACE the descriptors of most processes are hidden. */
static void name_holder(const struct listener_id *id, uint16_t port, char *ret_text, size_t size)
{
	struct listeners all __cleanup_listeners = { 0 };
	const struct listener *listener = NULL;
	struct holder holder;

	if (!listeners_read(&all))
		listener = find_holder(&all, id, port);
	if (!listener)
		return;
	if (listener_holder(listener, &holder))
		snprintf(ret_text, size, "%s, process %d", holder.comm, (int)holder.pid);
	else
		snprintf(ret_text, size, "a process of user %u", listener->uid);
}

/* ---- trying ------------------------------------------------------------- */

static uint64_t pause_after(unsigned int tries)
{
	uint64_t pause = PAUSE_FIRST_MS;

	for (unsigned int i = 1; i < tries && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	return pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}

/* Best effort: the next failure is reported again. */
static void report_failure(struct reopening *r, int sock, const struct listener_id *id, int err)
{
	unsigned int tries = state_of(r, id)->tries;
	struct registrar_report report = { .kind = REGISTRAR_LISTENER,
					   .err = -err,
					   .listener = { .id = *id, .tries = tries } };
	uint16_t port = listener_asked_port(r->options, id);

	if (err == -EADDRINUSE && port && registrar_tells(tries))
		name_holder(id, port, report.listener.holder, sizeof(report.listener.holder));
	channel_send(sock, &report, sizeof(report), -1);
}

/* True: it is open now. */
static bool open_again(struct reopening *r, int sock, const struct listener_id *id)
{
	struct reopening_state *state = state_of(r, id);
	uint64_t now = monotonic_ms();
	int fd;

	if (now < state->due)
		return false;
	state->tries++;
	fd = listener_open_again(r->set, r->options, id);
	if (fd < 0) {
		state->due = now + pause_after(state->tries);
		report_failure(r, sock, id, fd);
		return false;
	}
	*listener_at(r->set, id) = fd;
	state->step = REOPENING_OPENED;
	state->due = now + SPACING_MS;
	return true;
}

/* If the relay does not read, it is sent at a later turn. */
static void send_opened(struct reopening *r, int sock, const struct listener_id *id)
{
	struct reopening_state *state = state_of(r, id);
	const struct registrar_report report = { .kind = REGISTRAR_LISTENER,
						 .listener = { .id = *id, .tries = state->tries } };

	if (!channel_send(sock, &report, sizeof(report), *listener_at(r->set, id)))
		state->step = REOPENING_NONE;
}

static bool try_one(struct reopening *r, int sock, const struct listener_id *id)
{
	struct reopening_state *state = state_of(r, id);
	bool opened = state->step == REOPENING_WAITING && open_again(r, sock, id);

	if (state->step == REOPENING_OPENED)
		send_opened(r, sock, id);
	return opened;
}

static bool try_row(struct reopening *r, int sock, unsigned int worker, unsigned int row)
{
	bool changed = false;

	for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		changed |= try_one(r, sock, &(struct listener_id){ worker, row, cls });
	return changed;
}

bool reopening_turn(struct reopening *r, int sock)
{
	bool changed = false;

	for (unsigned int worker = 0; worker < r->set->workers; worker++)
		for (unsigned int row = 0; row < LISTENER_ROWS; row++)
			changed |= try_row(r, sock, worker, row);
	return changed;
}
