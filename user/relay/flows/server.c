/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/flows/server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "lib/util.h"
#include "relay/flows/rights.h"
#include "relay/log/record.h"

#define EVENTS_PER_RUN 16 /* then the main thread looks at its other work */
#define ARRIVALS_PER_S 64
#define TICK_MS 250
#define PROGRESS_MS 5000 /* for the request, and for each message that is taken */
#define WHOLE_MS 120000  /* for all of it */
/* A message has to fit whole; the kernel sends one in parts that is longer than half of this. */
#define SEND_BUFFER (8 * (int)sizeof(struct flows_message))

enum { EVENT_LISTEN, EVENT_HOME, EVENT_TICK, EVENT_CLIENT /* and the numbers of clients */ };

/* ---- what is watched ---------------------------------------------------- */

static int watch(const struct flow_server *server, int op, int fd, uint64_t number, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = number };

	return epoll_ctl(server->poll_fd, op, fd, &ev) ? -errno : 0;
}

static void tick(struct flow_server *server, bool on)
{
	const struct timespec every = { .tv_nsec = on ? TICK_MS * 1000000L : 0 };
	const struct itimerspec value = { every, every };

	if (on != server->ticking)
		timerfd_settime(server->timer_fd, 0, &value, NULL);
	server->ticking = on;
}

static void pause_arrivals(struct flow_server *server, bool pause)
{
	if (server->listen_fd < 0 || pause == server->paused)
		return;
	server->paused = pause;
	watch(server, EPOLL_CTL_MOD, server->listen_fd, EVENT_LISTEN, pause ? 0 : EPOLLIN);
	tick(server, true);
}

static uint64_t number_of(const struct flow_server *server, const struct flow_client *c)
{
	return EVENT_CLIENT + (uint64_t)(c - server->clients);
}

static void watch_client(const struct flow_server *server, const struct flow_client *c)
{
	static const uint32_t events[] = { [CLIENT_ASKING] = EPOLLIN,
					   [CLIENT_WALKING] = 0, /* that it is gone comes anyway */
					   [CLIENT_SENDING] = EPOLLOUT,
					   [CLIENT_ENDING] = EPOLLOUT };

	watch(server, EPOLL_CTL_MOD, c->fd, number_of(server, c), events[c->state]);
}

/* ---- the end of a client ------------------------------------------------ */

static void forget(struct flow_client *c)
{
	if (c->request.head.kind == FLOWS_KILL && c->walk.matched)
		record_say(RECORD_INFO, "flows: user %u ended %llu flow%s", (unsigned int)c->uid,
			   (unsigned long long)c->walk.matched, c->walk.matched == 1 ? "" : "s");
	c->state = CLIENT_FREE;
}

static void drop(struct flow_server *server, struct flow_client *c)
{
	/* Others may have the socket too, so that closing it is not enough. */
	epoll_ctl(server->poll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	c->fd = -1;
	if (c->state != CLIENT_WALKING) {
		forget(c);
		return;
	}
	atomic_store(&c->walk.cancelled, true);
	c->state = CLIENT_LEAVING;
}

static void settle(struct flow_server *server, struct flow_client *c, bool stays)
{
	if (stays)
		watch_client(server, c);
	else
		drop(server, c);
}

/* ---- its request -------------------------------------------------------- */

static struct flow_client_ports ports_of(const struct flow_server *server)
{
	return (struct flow_client_ports){ server->ports, server->n_ports };
}

static bool begin(struct flow_server *server, struct flow_client *c)
{
	const struct flow_client_ports ports = ports_of(server);
	const struct flow_others *others = &server->others;
	int err = rights_check(c->uid, &c->request);

	if (err)
		return flow_client_refuse(c, err);
	if (c->request.head.kind == FLOWS_ASK_STATUS)
		return flow_client_tell(c, &server->teller);
	if (others->pass_on)
		c->passed_on = others->pass_on(others->arg, c->fd, &c->request);
	c->walk.flags = server->retired ? FLOWS_RETIRED : 0;
	return flow_client_start(c, &ports);
}

static bool read_request(struct flow_server *server, struct flow_client *c)
{
	struct flows_request *request = &c->request;
	/* The length of the whole message, and descriptors in it are closed. */
	ssize_t n = recv(c->fd, request, sizeof(*request), MSG_DONTWAIT | MSG_TRUNC);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	if (n != sizeof(*request))
		request->head.version = 0;
	return begin(server, c);
}

static void client_ready(struct flow_server *server, struct flow_client *c, uint32_t events)
{
	const struct flow_client_ports ports = ports_of(server);

	if (c->state == CLIENT_FREE || c->state == CLIENT_LEAVING)
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		drop(server, c);
	else if (c->state == CLIENT_ASKING)
		settle(server, c, read_request(server, c));
	else if (c->state != CLIENT_WALKING)
		settle(server, c, flow_client_writable(c, &ports));
}

/* ---- its arrival -------------------------------------------------------- */

static bool peer_of(int fd, uid_t *ret_uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	*ret_uid = peer.uid;
	return true;
}

/* One user cannot keep the others out, and members cannot keep root out. NULL: no room. */
static struct flow_client *find_room(const struct flow_server *server, uid_t uid)
{
	struct flow_client *room = NULL;
	unsigned int same = 0, members = 0;

	for (unsigned int i = 0; i < FLOWS_CLIENTS; i++) {
		struct flow_client *c = &server->clients[i];

		if (c->state == CLIENT_FREE) {
			room = c;
			continue;
		}
		members += !rights_may_kill(c->uid);
		same += c->uid == uid;
	}
	if (!rights_may_kill(uid) &&
	    (same >= FLOWS_CLIENTS_UID || members >= FLOWS_CLIENTS_MEMBERS))
		return NULL;
	return room;
}

static void refuse(int fd, int err)
{
	const struct flows_end end = { .head = { .version = FLOWS_VERSION, .kind = FLOWS_END },
				       .err = err };

	send(fd, &end, sizeof(end), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Takes over fd. NULL: there is no room. */
static struct flow_client *admit(struct flow_server *server, int fd)
{
	const int size = SEND_BUFFER;
	__cleanup_close int owned = fd;
	struct flow_client *c;
	uid_t uid;

	if (!peer_of(fd, &uid))
		return NULL;
	c = find_room(server, uid);
	if (!c || watch(server, EPOLL_CTL_ADD, fd, number_of(server, c), EPOLLIN)) {
		refuse(fd, EBUSY);
		return NULL;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->state = CLIENT_ASKING;
	c->fd = take_fd(&owned);
	c->uid = uid;
	c->progress = c->begin = monotonic_ms();
	c->passed_on = c->port = 0;
	c->request = (struct flows_request){ .head.version = 0 };
	/* Not its message, which is large and filled by the threads. */
	c->walk.home = &server->home;
	c->walk.cursor = c->walk.matched = 0;
	c->walk.done = false;
	atomic_store(&c->walk.cancelled, false);
	tick(server, true);
	return c;
}

/* Who looks for the cause of a lack of descriptors asks for the flows. */
static int accept_client(struct flow_server *server)
{
	const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = accept4(server->listen_fd, NULL, NULL, flags);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || server->spare < 0)
		return fd;
	close(server->spare);
	server->spare = -1;
	return accept4(server->listen_fd, NULL, NULL, flags);
}

static void keep_spare(struct flow_server *server)
{
	if (server->spare < 0)
		server->spare = fcntl(server->timer_fd, F_DUPFD_CLOEXEC, 0);
}

static void accept_one(struct flow_server *server)
{
	uint64_t now = monotonic_ms();
	int fd;

	if (now - server->since >= 1000) {
		server->since = now;
		server->arrived = 0;
	}
	if (server->arrived++ >= ARRIVALS_PER_S) {
		pause_arrivals(server, true);
		return;
	}
	fd = accept_client(server);
	if (fd >= 0)
		admit(server, fd);
	else if (errno != EAGAIN && errno != EINTR)
		pause_arrivals(server, true); /* such as EMFILE, which would make us spin */
}

void flow_server_adopt(struct flow_server *server, int fd, const struct flows_request *request)
{
	struct flow_client *c = admit(server, fd);

	if (!c)
		return;
	c->request = *request;
	settle(server, c, begin(server, c));
}

/* ---- walks and time-outs ------------------------------------------------ */

static void take_walks(struct flow_server *server)
{
	const struct flow_client_ports ports = ports_of(server);
	struct flow_walk *walk;
	eventfd_t count;

	eventfd_read(server->home.event, &count);
	while ((walk = flowwalk_take(&server->home))) {
		struct flow_client *c = container_of(walk, struct flow_client, walk);

		if (c->state == CLIENT_LEAVING)
			forget(c);
		else
			settle(server, c, flow_client_returned(c, &ports));
	}
}

static bool is_late(const struct flow_client *c, uint64_t now)
{
	if (c->state == CLIENT_FREE || c->state == CLIENT_LEAVING)
		return false;
	if (now - c->begin >= WHOLE_MS)
		return true;
	return c->state != CLIENT_WALKING && now - c->progress >= PROGRESS_MS;
}

static void handle_tick(struct flow_server *server)
{
	uint64_t now = monotonic_ms(), expired;
	bool busy = false;

	if (read(server->timer_fd, &expired, sizeof(expired)) < 0)
		return;
	if (server->paused && now - server->since >= 1000)
		pause_arrivals(server, false);
	for (unsigned int i = 0; i < FLOWS_CLIENTS; i++) {
		struct flow_client *c = &server->clients[i];

		if (is_late(c, now))
			drop(server, c);
		busy |= c->state != CLIENT_FREE;
	}
	keep_spare(server);
	tick(server, busy || server->paused || server->spare < 0);
}

/* ---- the server --------------------------------------------------------- */

void flow_server_run(struct flow_server *server)
{
	struct epoll_event ev;

	/* One at a time: what an event leads to may make the next one void. */
	for (int i = 0; i < EVENTS_PER_RUN && epoll_wait(server->poll_fd, &ev, 1, 0) == 1; i++) {
		switch (ev.data.u64) {
		case EVENT_LISTEN:
			accept_one(server);
			break;
		case EVENT_HOME:
			take_walks(server);
			break;
		case EVENT_TICK:
			handle_tick(server);
			break;
		default:
			client_ready(server, &server->clients[ev.data.u64 - EVENT_CLIENT],
				     ev.events);
		}
	}
}

int flow_server_open(struct flow_server *server, int listen_fd, struct flow_port **ports,
		     unsigned int n_ports)
{
	int err;

	*server = (struct flow_server){ .listen_fd = listen_fd,
					.ports = ports,
					.n_ports = n_ports,
					.spare = -1,
					.poll_fd = epoll_create1(EPOLL_CLOEXEC),
					.timer_fd = timerfd_create(CLOCK_MONOTONIC,
								   TFD_CLOEXEC | TFD_NONBLOCK) };
	server->clients = calloc(FLOWS_CLIENTS, sizeof(*server->clients));
	err = flowwalk_home_open(&server->home);
	keep_spare(server);
	if (!server->clients)
		return -ENOMEM;
	if (!err)
		err = watch(server, EPOLL_CTL_ADD, server->home.event, EVENT_HOME, EPOLLIN);
	if (!err)
		err = watch(server, EPOLL_CTL_ADD, server->timer_fd, EVENT_TICK, EPOLLIN);
	if (!err && listen_fd >= 0)
		err = watch(server, EPOLL_CTL_ADD, listen_fd, EVENT_LISTEN, EPOLLIN);
	return err;
}

void flow_server_retire(struct flow_server *server)
{
	server->retired = true;
	if (server->listen_fd < 0)
		return;
	/* The other relay holds the same socket. */
	epoll_ctl(server->poll_fd, EPOLL_CTL_DEL, server->listen_fd, NULL);
	close(server->listen_fd);
	server->listen_fd = -1;
	server->paused = false;
}

void flow_server_close(struct flow_server *server)
{
	for (unsigned int i = 0; server->clients && i < FLOWS_CLIENTS; i++)
		if (server->clients[i].state != CLIENT_FREE)
			cleanup_fd(&server->clients[i].fd);
	free(server->clients);
	flowwalk_home_close(&server->home);
	cleanup_fd(&server->listen_fd);
	cleanup_fd(&server->spare);
	cleanup_fd(&server->timer_fd);
	cleanup_fd(&server->poll_fd);
	*server =
		(struct flow_server){ .poll_fd = -1, .listen_fd = -1, .timer_fd = -1, .spare = -1 };
}
