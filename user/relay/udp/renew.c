/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives a flow another socket towards its destination when the old one's source address is gone, or
 * the route leaves by another device now, so that answers would come back to the wrong one. Nothing
 * happens before the next datagram. A flow whose address still fits stays as it is; so does one with
 * its client's address, and a full cone, where the kernel chooses the address of each datagram. Must
 * not know why addresses and routes change.
 *
 * Masquerading does the same (nf_nat_masquerade): it forgets the flows of an address that goes, and
 * those whose packets begin to leave by another device.
 */
#include <string.h>
#include <sys/epoll.h>

#include "lib/util.h"
#include "relay/config/options.h"
#include "relay/log/looplog.h"
#include "relay/log/pathlog.h"
#include "relay/log/record.h"
#include "relay/net/routelook.h"
#include "relay/udp/session.h"
#include "relay/udp/socks.h"
#include "relay/upstream/health.h"
#include "relay/upstream/upstream.h"

/* Of one flow: routes may change all the time, and an address may be missing for long. */
#define LOOK_EVERY_MS 2000
#define TRY_EVERY_MS 500

/* Answers to earlier datagrams are still on their way to the old socket. */
#define FORMER_MS 2000
#define FORMERS_MAX 1024

struct former {
	struct io io;
	struct free_later free_later;
	struct timer timer;
	struct session *s;
};

/* ---- the old socket ----------------------------------------------------- */

void former_close(struct former *f)
{
	struct udp_engine *e;

	if (!f)
		return;
	e = f->s->e;
	f->s->former = NULL;
	e->former_count--;
	timer_cancel(&e->w->wheel, &f->timer);
	worker_close_io(&f->io);
	worker_free_later(e->w, &f->free_later, f);
}

static void former_expired(struct timer *timer)
{
	former_close(container_of(timer, struct former, timer));
}

static void former_ready(struct io *io, uint32_t events)
{
	struct former *f = container_of(io, struct former, io);

	if (events & EPOLLERR)
		former_close(f);
	else
		session_read_former(f->s, io->fd);
}

/* Takes over fd. Best effort: without it, late answers are lost. */
static void former_keep(struct session *s, int fd)
{
	struct udp_engine *e = s->e;
	struct former *f = NULL;

	former_close(s->former);
	if (e->former_count < FORMERS_MAX)
		f = calloc(1, sizeof(*f));
	if (!f) {
		close(fd);
		return;
	}
	f->io = (struct io){ .fd = fd, .ready = former_ready };
	f->timer.fire = former_expired;
	f->s = s;
	s->former = f;
	e->former_count++;
	if (worker_rewatch(e->w, &f->io, EPOLLIN))
		former_close(f);
	else
		timer_set(&e->w->wheel, &f->timer, e->w->now + FORMER_MS);
}

/* ---- the new socket ----------------------------------------------------- */

enum change { GONE, MOVED, DEVICE };
enum renewed { RENEWED, NO_NEED, NOT_NOW };

static bool same_host(const union saddr *a, const union saddr *b)
{
	union saddr x = *a, y = *b;

	saddr_set_port(&x, 0);
	saddr_set_port(&y, 0);
	return saddr_equal(&x, &y);
}

static void report(struct session *s, const union saddr *old)
{
	struct udp_engine *e = s->e;
	char from[SADDR_TEXT_LEN], to[SADDR_TEXT_LEN];

	record_say(RECORD_DEBUG, "path: UDP flow %llu continues from %s instead of %s",
		   (unsigned long long)s->id, saddr_format(&s->source, to),
		   saddr_format(old, from));
	if (pathlog_count(&e->ctx->relay->paths->moved))
		timer_set(&e->w->wheel, &e->path_timer, e->w->now + PATHLOG_AFTER_MS);
}

/* The state of the session that belongs to its socket. */
static void adapt_socket(struct session *s)
{
	struct udp_engine *e = s->e;
	bool tuned = s->tuned;

	s->to_dst.fields = (struct ip_fields){ 0 };
	s->to_dst.gso_limit = GSO_UNLIMITED;
	s->drops = 0;
	s->unfiltered = false;
	if (session_is_filtered(s) && s->client.sa.sa_family == AF_INET)
		path_filter(s->up.fd, s->client_mtu);
	s->tuned = false;
	if (tuned)
		session_expect_bulk(s);
	looplog_note(e->ctx->relay->loops, &(struct looplog_flow){ &s->source, &s->to, 0 },
		     &s->client, e->w->now);
}

/* New settings may lead its destination through a proxy, or no longer. Then it must end. */
static const struct proxy *proxy_now(struct session *s)
{
	struct udp_engine *e = s->e;
	const char *reason;
	const struct proxy *proxy = health_choose(session_egress(e, &s->client, &s->to),
						  IPPROTO_UDP, e->w->now, &reason);

	if (!proxy || !s->socks == (proxy->kind == PROXY_NONE))
		return proxy;
	s->no_way = true;
	timer_set(&e->w->wheel, &s->timer, e->w->now);
	return NULL;
}

static enum renewed renew_socket(struct session *s, enum change change)
{
	const union saddr old_source = s->source;
	int old = s->up.fd;
	struct upstream up;

	if (!proxy_now(s))
		return NOT_NOW;
	/* Makes no room, since that could end this flow. */
	if (onward_open(s->e, &s->client, &s->to, &up))
		return NOT_NOW;
	if (change != DEVICE && same_host(&up.source, &old_source)) {
		close(up.fd);
		return NO_NEED;
	}
	s->up.fd = up.fd;
	if (worker_watch(s->e->w, &s->up, EPOLLIN)) {
		close(up.fd);
		s->up.fd = old;
		return NOT_NOW;
	}
	s->source = up.source;
	s->own_source = session_has_own_source(s);
	adapt_socket(s);
	if (change == MOVED)
		former_keep(s, old);
	else
		close(old);
	report(s, &old_source);
	return RENEWED;
}

/* The server ends an association with its TCP connection, so both begin again. */
static enum renewed renew_association(struct session *s)
{
	const struct proxy *proxy = proxy_now(s);
	struct socks *old = s->socks;
	int old_fd = s->up.fd;

	if (!proxy)
		return NOT_NOW;
	if (socks_open(s, proxy)) {
		s->socks = old;
		s->up.fd = old_fd;
		return NOT_NOW;
	}
	close(old_fd);
	socks_close(old);
	report(s, &s->source);
	return RENEWED;
}

/* ---- whether it is needed ----------------------------------------------- */

static bool has_address_of_ours(const struct session *s)
{
	return s->socks || (s->own_source && !s->e->full_cone);
}

static bool is_gone(const struct session *s)
{
	return local_lookup(s->e->ctx->local, &s->source) != LOCAL_ADDRESS;
}

/*
 * It leaves by a device that does not have its address, and the kernel would choose another one now.
 * An address that is on no such device from the beginning, on lo for example, stays.
 */
static bool has_moved(const struct session *s)
{
	struct udp_engine *e = s->e;
	const struct outlet *out = &session_egress(e, &s->client, &s->to)->outlet;
	const struct route_flow flow = { .src = &s->source,
					 .dst = &s->to,
					 .proto = IPPROTO_UDP,
					 .device = e->ctx->devices.vrf };
	struct route_found found;

	/* The user chose the address, or where it leads. */
	if (out->source.mode != SOURCE_OWN || out->mark || out->device[0])
		return false;
	if (!routelook(&e->routes, &flow, true, &found) &&
	    local_is_on(e->ctx->local, &s->source, found.ifindex))
		return false;
	if (routelook(&e->routes, &flow, false, &found) || !found.source.sa.sa_family)
		return false;
	return !same_host(&found.source, &s->source);
}

/* In a VRF, a socket with its client's address is bound to a device, which may be another one now. */
static bool has_other_device(const struct session *s)
{
	struct engine_context *ctx = s->e->ctx;
	socklen_t len = sizeof(int);
	int now, wanted;

	if (!ctx->devices.vrf || s->socks)
		return false;
	wanted = device_chooser_find(&ctx->devices, &s->to, true);
	return wanted > 0 && !getsockopt(s->up.fd, SOL_SOCKET, SO_BINDTOIFINDEX, &now, &len) &&
	       now != wanted;
}

static enum renewed review(struct session *s, bool gone)
{
	if (!has_address_of_ours(s))
		return has_other_device(s) ? renew_socket(s, DEVICE) : NO_NEED;
	if (s->socks)
		return gone ? renew_association(s) : NO_NEED;
	if (gone)
		return renew_socket(s, GONE);
	return has_moved(s) ? renew_socket(s, MOVED) : NO_NEED;
}

/* A SOCKS flow has no socket before the server agrees; another relay has those that were sent. */
static bool may_look(const struct session *s, uint64_t every_ms)
{
	return s->up.fd >= 0 && !s->exported && s->e->w->now - s->path_looked >= every_ms;
}

void session_review_path(struct session *s)
{
	bool gone = has_address_of_ours(s) && is_gone(s);

	if (!may_look(s, gone ? TRY_EVERY_MS : LOOK_EVERY_MS))
		return;
	s->path_looked = s->e->w->now;
	if (review(s, gone) != NOT_NOW)
		s->path_changes = s->e->ctx->path_changes;
}

/* Errors of sends without a usable source address or route; EINVAL: __ip_route_output_key. */
static bool is_of_path(int err)
{
	switch (-err) {
	case EINVAL:
	case EADDRNOTAVAIL:
	case ENETUNREACH:
	case ENETDOWN:
	case ENODEV:
	case ENXIO:
		return true;
	default:
		return false;
	}
}

bool session_path_failed(struct session *s, int err)
{
	if (!is_of_path(err) || s->e->full_cone || !may_look(s, TRY_EVERY_MS))
		return false;
	s->path_looked = s->e->w->now;
	return review(s, true) == RENEWED;
}

void renew_report(struct timer *timer)
{
	struct udp_engine *e = container_of(timer, struct udp_engine, path_timer);

	unsigned int moved = pathlog_take(&e->ctx->relay->paths->moved);

	if (moved)
		record_say(RECORD_INFO,
			   "path: %u UDP flows continue from another source address (the old one "
			   "is gone, or their route leaves by another device)",
			   moved);
}
