/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/loop/flowwalk.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "lib/flows/match.h"
#include "lib/util.h"
#include "relay/loop/flowview.h"

/* What a walk may do in one turn: some 50 µs. Ending a flow takes several system calls. */
#define SLOTS_PER_TURN 4096
#define FLOWS_PER_TURN FLOWS_PER_MESSAGE
#define ENDS_PER_TURN 16

/* ---- home --------------------------------------------------------------- */

int flowwalk_home_open(struct flow_walk_home *home)
{
	pthread_mutex_init(&home->lock, NULL);
	TAILQ_INIT(&home->back);
	home->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return home->event < 0 ? -errno : 0;
}

void flowwalk_home_close(struct flow_walk_home *home)
{
	cleanup_fd(&home->event);
	pthread_mutex_destroy(&home->lock);
}

static void send_home(struct flow_walk *walk)
{
	struct flow_walk_home *home = walk->home;

	pthread_mutex_lock(&home->lock);
	TAILQ_INSERT_TAIL(&home->back, walk, link);
	pthread_mutex_unlock(&home->lock);
	eventfd_write(home->event, 1);
}

struct flow_walk *flowwalk_take(struct flow_walk_home *home)
{
	struct flow_walk *walk;

	pthread_mutex_lock(&home->lock);
	walk = TAILQ_FIRST(&home->back);
	if (walk)
		TAILQ_REMOVE(&home->back, walk, link);
	pthread_mutex_unlock(&home->lock);
	return walk;
}

/* ---- one flow ----------------------------------------------------------- */

struct flows_address flowwalk_address(const union saddr *a)
{
	struct flows_address address = { .family = (uint8_t)a->sa.sa_family };

	if (address.family)
		address.port = saddr_port(a);
	if (address.family == AF_INET6) {
		memcpy(address.addr, &a->v6.sin6_addr, 16);
		address.scope = a->v6.sin6_scope_id;
	} else if (address.family == AF_INET) {
		memcpy(address.addr, &a->v4.sin_addr, 4);
	}
	return address;
}

static struct flows_record record_of(const struct flow_member *member)
{
	struct flow_view view;
	const struct flow_record *r = &view.record;

	member->ops->describe(member, &view);
	return (struct flows_record){ .id = r->id,
				      .age_ms = r->duration_ms,
				      .idle_ms = view.idle_ms,
				      .bytes_up = r->bytes_up,
				      .bytes_down = r->bytes_down,
				      .datagrams_up = r->datagrams_up,
				      .datagrams_down = r->datagrams_down,
				      .client = flowwalk_address(&r->client),
				      .dst = flowwalk_address(&r->dst),
				      .server = flowwalk_address(&r->server),
				      .source = flowwalk_address(&r->source),
				      .proto = r->proto,
				      .state = (uint8_t)view.state,
				      .flags = r->loop ? FLOWS_LOOP : 0 };
}

/* True: it is one of those that are asked for. */
static bool visit(struct flow_walk *walk, struct flow_member *member)
{
	struct flows_record record = record_of(member);

	if (!flows_match(&walk->filter, &record))
		return false;
	walk->matched++;
	if (walk->kind == FLOWS_KILL) {
		member->ops->end(member);
		return true;
	}
	record.flags |= walk->flags;
	walk->message.records[walk->message.head.count++] = record;
	return true;
}

/* ---- a turn ------------------------------------------------------------- */

static void walk_on(const struct flow_port *port, struct flow_walk *walk)
{
	size_t end = walk->cursor + SLOTS_PER_TURN;
	unsigned int seen = 0, ended = 0;

	while (seen < FLOWS_PER_TURN && ended < ENDS_PER_TURN &&
	       walk->message.head.count < FLOWS_PER_MESSAGE) {
		struct flow_member *member =
			flowtable_next(port->table, &walk->cursor, end - walk->cursor);

		if (!member)
			break;
		seen++;
		ended += visit(walk, member) && walk->kind == FLOWS_KILL;
	}
	walk->done = walk->cursor >= port->table->n;
}

static bool is_over(const struct flow_walk *walk)
{
	return walk->done || walk->message.head.count == FLOWS_PER_MESSAGE ||
	       atomic_load(&walk->cancelled);
}

/* False: the port is stopped. */
static bool put_waiting(struct flow_port *port, struct flow_walk *walk)
{
	bool open;

	pthread_mutex_lock(&port->lock);
	open = !port->stopped;
	if (open)
		TAILQ_INSERT_TAIL(&port->waiting, walk, link);
	pthread_mutex_unlock(&port->lock);
	return open;
}

static struct flow_walk *take_waiting(struct flow_port *port)
{
	struct flow_walk *walk;

	pthread_mutex_lock(&port->lock);
	walk = TAILQ_FIRST(&port->waiting);
	if (walk)
		TAILQ_REMOVE(&port->waiting, walk, link);
	pthread_mutex_unlock(&port->lock);
	return walk;
}

/* A bit of the first walk; the others wait for the next turns. */
static void port_turn(struct task *task)
{
	struct flow_port *port = container_of(task, struct flow_port, task);
	struct flow_walk *walk = take_waiting(port);

	if (!walk)
		return;
	if (!atomic_load(&walk->cancelled))
		walk_on(port, walk);
	if (is_over(walk))
		send_home(walk);
	else
		put_waiting(port, walk);
	worker_queue(port->w, &port->task);
}

static void port_ready(struct io *io, uint32_t events)
{
	struct flow_port *port = container_of(io, struct flow_port, io);
	eventfd_t count;

	(void)events;
	eventfd_read(io->fd, &count);
	worker_queue(port->w, &port->task);
}

/* ---- the port ----------------------------------------------------------- */

int flowport_open(struct flow_port *port, struct worker *w, struct flow_table *table)
{
	*port = (struct flow_port){ .w = w, .table = table, .task.run = port_turn };
	port->io = (struct io){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = port_ready };
	pthread_mutex_init(&port->lock, NULL);
	TAILQ_INIT(&port->waiting);
	return port->io.fd < 0 ? -errno : worker_watch(w, &port->io, EPOLLIN);
}

void flowport_send(struct flow_port *port, struct flow_walk *walk)
{
	if (put_waiting(port, walk)) {
		eventfd_write(port->io.fd, 1);
		return;
	}
	walk->done = true;
	send_home(walk);
}

void flowport_stop(struct flow_port *port)
{
	struct flow_walk *walk;

	pthread_mutex_lock(&port->lock);
	port->stopped = true;
	pthread_mutex_unlock(&port->lock);
	while ((walk = take_waiting(port))) {
		walk->done = true;
		send_home(walk);
	}
}

void flowport_close(struct flow_port *port)
{
	worker_close_io(&port->io);
	pthread_mutex_destroy(&port->lock);
}
