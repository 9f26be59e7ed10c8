/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/inherited.h"

#include <fcntl.h>
#include <string.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "lib/util.h"
#include "relay/net/sockopt.h"

int inherited_from_systemd(struct inherited *ret_inherited)
{
	struct inherited h = { .from_systemd = true };
#ifdef HAVE_SYSTEMD
	int n = sd_listen_fds(1);

	if (n < 0)
		return n;
	if (n > LISTENERS_MAX)
		return -E2BIG;
	for (; h.count < (unsigned int)n; h.count++)
		h.fds[h.count] = SD_LISTEN_FDS_START + (int)h.count;
#endif
	*ret_inherited = h;
	return 0;
}

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) ? -1 : value;
}

/* enum tproxy_class, or -1: none of ours. */
static int class_of(int fd)
{
	int protocol = option_of(fd, SOL_SOCKET, SO_PROTOCOL);
	int domain = option_of(fd, SOL_SOCKET, SO_DOMAIN);
	bool v6 = domain == AF_INET6;

	if (domain != AF_INET && !v6)
		return -1;
	if (protocol == IPPROTO_TCP && option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)
		return v6 ? TPROXY_TCP6 : TPROXY_TCP4;
	if (protocol == IPPROTO_UDP)
		return v6 ? TPROXY_UDP6 : TPROXY_UDP4;
	return -1;
}

static bool is_loopback(const union saddr *a)
{
	union saddr lo = saddr_loopback(a->sa.sa_family, saddr_port(a));

	return saddr_equal(a, &lo);
}

/* Bound, but neither listening nor connected. */
static bool is_destroyed_tcp(int fd)
{
	union saddr peer;
	socklen_t len = sizeof(peer);

	return option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0 && getpeername(fd, &peer.sa, &len) &&
	       errno == ENOTCONN;
}

/* Bound to loopback without a port, see listener_is_dead. */
static bool is_destroyed_udp(int fd)
{
	union saddr addr = { 0 };
	socklen_t len = sizeof(addr);

	return !getsockname(fd, &addr.sa, &len) && is_loopback(&addr) && !saddr_port(&addr);
}

/*
 * Destroyed (SOCK_DESTROY) while the service manager held it, which passes it again at each start; or
 * while the previous relay had it, which may have read the error. The kernel reports it only once.
 */
static bool is_destroyed(int fd)
{
	int protocol = option_of(fd, SOL_SOCKET, SO_PROTOCOL);

	return (protocol == IPPROTO_TCP && is_destroyed_tcp(fd)) ||
	       (protocol == IPPROTO_UDP && is_destroyed_udp(fd));
}

static void drop_destroyed(struct inherited *h)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < h->count; i++) {
		if (is_destroyed(h->fds[i])) {
			listener_close_dead(&h->fds[i], TPROXY_TCP4);
			continue;
		}
		h->way[left] = h->way[i];
		h->fds[left++] = h->fds[i];
	}
	h->destroyed = h->count - left;
	h->count = left;
}

/* NULL: it is as if we had opened it ourselves. */
static const char *unusable(int fd, int device, int *ret_class, union saddr *ret_addr)
{
	socklen_t len = sizeof(*ret_addr);

	memset(ret_addr, 0, sizeof(*ret_addr));
	*ret_class = class_of(fd);
	if (*ret_class < 0 || getsockname(fd, &ret_addr->sa, &len))
		return "neither a TCP listener nor a UDP socket (see ListenStream=, "
		       "ListenDatagram=)";
	if (!is_loopback(ret_addr))
		return "not on loopback (127.0.0.1 or [::1])";
	if (option_of(fd, SOL_SOCKET, SO_BINDTOIFINDEX) != device)
		return device ? "not bound to the device of --device (set BindToDevice=)" :
				"bound to a device (give --device)";
	if (option_of(fd, ret_addr->sa.sa_family == AF_INET ? SOL_IP : SOL_IPV6,
		      ret_addr->sa.sa_family == AF_INET ? IP_TRANSPARENT : IPV6_TRANSPARENT) != 1)
		return "not transparent (set Transparent=yes)";
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return listener_set_options(fd, (enum tproxy_class) * ret_class) ? "options cannot be set" :
									   NULL;
}

/* NULL: none is free. The row of the first port is that of way 0. */
static int *place_of(struct listener_set *set, const struct options *o, int cls, uint16_t port,
		     bool way)
{
	for (unsigned int row = 0; row < o->listen_count; row++)
		if (o->listen[row] == port && listener_row(set, row)[cls] < 0)
			return &listener_row(set, row)[cls];
	for (unsigned int i = 1; way && i < OPTIONS_MAX_WORKERS; i++)
		if (listener_way(set, i)[cls] < 0)
			return &listener_way(set, i)[cls];
	return NULL;
}

static int refuse(int fd, const union saddr *addr, const char *cause, char *ret_why, size_t size)
{
	char text[SADDR_TEXT_LEN] = "";

	if (addr->sa.sa_family)
		saddr_format(addr, text);
	snprintf(ret_why, size, "socket %d of systemd%s%s: %s", fd, *text ? ", " : "", text, cause);
	return -EINVAL;
}

int inherited_place(struct inherited *h, struct listener_set *set, const struct options *o,
		    char *ret_why, size_t size)
{
	int err = 0;

	drop_destroyed(h);
	for (unsigned int i = 0; i < h->count && !err; i++) {
		union saddr addr;
		int cls;
		const char *cause = unusable(h->fds[i], set->device, &cls, &addr);
		int *place = cause ? NULL : place_of(set, o, cls, saddr_port(&addr), h->way[i]);

		if (place)
			*place = take_fd(&h->fds[i]);
		else if (h->from_systemd)
			err = refuse(h->fds[i], &addr, cause ?: "its port is not in --listen",
				     ret_why, size);
	}
	inherited_close(h);
	return err;
}

static void list_one(struct inherited *h, int fd, bool way)
{
	if (fd < 0)
		return;
	h->way[h->count] = way;
	h->fds[h->count++] = fd;
}

void inherited_list(const struct listener_set *set, struct inherited *ret_inherited)
{
	struct inherited *h = ret_inherited;

	*h = (struct inherited){ 0 };
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		for (unsigned int way = 0; way < set->way_count[cls]; way++)
			list_one(h, *set->ways[way][cls], true);
		for (unsigned int row = 1; row < OPTIONS_MAX_PORTS; row++)
			list_one(h, set->worker[row % set->workers].fds[row][cls], false);
	}
}

void inherited_close(struct inherited *h)
{
	for (unsigned int i = 0; i < h->count; i++)
		cleanup_fd(&h->fds[i]);
	h->count = 0;
}
