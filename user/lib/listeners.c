/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/listeners.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "lib/mapped.h"
#include "lib/netlink.h"

/* ---- reading ------------------------------------------------------------ */

#define RCV_SHUTDOWN 1 /* include/net/sock.h */

struct reading {
	struct listeners *listeners;
	__u8 protocol; /* of the dump under way */
};

static const __u8 any[16];

static void read_address(const struct inet_diag_msg *msg, struct listener *listener)
{
	if (msg->idiag_family == AF_INET6)
		memcpy(listener->addr, msg->id.idiag_src, sizeof(listener->addr));
	else if (msg->id.idiag_src[0])
		mapped_from(AF_INET, msg->id.idiag_src, listener->addr);
}

static int read_listener(const struct nlmsghdr *msg, void *data)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[INET_DIAG_MAX + 1];
	struct nl_attrs attrs = { attr, INET_DIAG_MAX };
	struct reading *reading = data;
	struct listeners *all = reading->listeners;
	struct inet_diag_sockopt options = { 0 };
	struct listener *listener;

	if (array_room((void **)&all->items, all->n, &all->room, sizeof(*all->items))) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	nl_parse(msg, sizeof(*diag), &attrs);
	if (attr[INET_DIAG_SOCKOPT] &&
	    mnl_attr_get_payload_len(attr[INET_DIAG_SOCKOPT]) >= sizeof(options))
		memcpy(&options, mnl_attr_get_payload(attr[INET_DIAG_SOCKOPT]), sizeof(options));
	listener = &all->items[all->n++];
	*listener = (struct listener){
		.cookie = (__u64)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0],
		.protocol = reading->protocol,
		.family = diag->idiag_family,
		.v6only = attr[INET_DIAG_SKV6ONLY] && mnl_attr_get_u8(attr[INET_DIAG_SKV6ONLY]),
		.transparent = options.transparent,
		.port = ntohs(diag->id.idiag_sport),
		.device = (int)diag->id.idiag_if,
		.shut = attr[INET_DIAG_SHUTDOWN] &&
			(mnl_attr_get_u8(attr[INET_DIAG_SHUTDOWN]) & RCV_SHUTDOWN),
		.waiting = diag->idiag_rqueue,
		.backlog = diag->idiag_wqueue,
		.uid = diag->idiag_uid,
		.inode = diag->idiag_inode,
	};
	read_address(diag, listener);
	return MNL_CB_OK;
}

static int dump(struct nl *diag, __u8 family, struct reading *reading)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(diag, buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(msg, sizeof(*req));

	req->sdiag_family = family;
	req->sdiag_protocol = reading->protocol;
	/* An unconnected UDP socket counts as closed. */
	req->idiag_states = reading->protocol == IPPROTO_TCP ? 1 << TCP_LISTEN : 1 << TCP_CLOSE;
	return nl_query(diag, msg, read_listener, reading);
}

/* *ret_known is false if the kernel cannot list this protocol. */
static int dump_protocol(struct nl *diag, __u8 protocol, struct listeners *listeners,
			 bool *ret_known)
{
	struct reading reading = { listeners, protocol };
	int err = dump(diag, AF_INET, &reading);

	if (!err)
		err = dump(diag, AF_INET6, &reading);
	*ret_known = !err;
	return err == -ENOENT || err == -EOPNOTSUPP ? 0 : err;
}

static int by_cookie(const void *a, const void *b)
{
	const struct listener *l = a, *r = b;

	return l->cookie < r->cookie ? -1 : l->cookie > r->cookie;
}

int listeners_read(struct listeners *ret_listeners)
{
	struct nl diag __cleanup_nl = { 0 };
	struct listeners listeners = { 0 };
	int err = nl_open_bus(&diag, NETLINK_SOCK_DIAG);

	if (err == -EPROTONOSUPPORT) /* no sock_diag at all */
		err = 0;
	else if (!err)
		err = dump_protocol(&diag, IPPROTO_TCP, &listeners, &listeners.tcp);
	if (!err && diag.socket)
		err = dump_protocol(&diag, IPPROTO_UDP, &listeners, &listeners.udp);
	if (err) {
		listeners_free(&listeners);
		return err;
	}
	if (listeners.n)
		qsort(listeners.items, listeners.n, sizeof(*listeners.items), by_cookie);
	*ret_listeners = listeners;
	return 0;
}

void listeners_free(struct listeners *listeners)
{
	free(listeners->items);
	*listeners = (struct listeners){ 0 };
}

/* ---- finding ------------------------------------------------------------ */

bool listeners_known(const struct listeners *listeners, __u8 protocol)
{
	return protocol == IPPROTO_TCP ? listeners->tcp : listeners->udp;
}

const struct listener *listeners_by_cookie(const struct listeners *listeners, __u64 cookie)
{
	const struct listener key = { .cookie = cookie };

	if (!listeners->n)
		return NULL;
	return bsearch(&key, listeners->items, listeners->n, sizeof(key), by_cookie);
}

static bool listener_takes_family(const struct listener *listener, __u8 family)
{
	if (listener->family == AF_INET || family == AF_INET6)
		return listener->family == family;
	return !listener->v6only;
}

/* In a VRF the data path needs one bound to the member: listener_is_there in bpf/steer.bpf.h. */
bool listener_takes_device(const struct listener *listener, int ifindex, int vrf)
{
	if (vrf)
		return listener->device == ifindex;
	return !listener->device || listener->device == ifindex;
}

static bool is_at(const struct listener *listener, const struct listener_place *place,
		  const __u8 *addr)
{
	return listener->protocol == place->protocol && listener->port == place->port &&
	       !memcmp(listener->addr, addr, sizeof(listener->addr)) &&
	       listener_takes_family(listener, place->family) &&
	       (!place->ifindex || listener_takes_device(listener, place->ifindex, place->vrf));
}

/* The kernel prefers those bound to the device (compute_score in inet_hashtables.c, udp.c). */
static const struct listener *best_at(const struct listeners *listeners,
				      const struct listener_place *place, const __u8 *addr)
{
	const struct listener *best = NULL;

	for (size_t i = 0; i < listeners->n; i++) {
		const struct listener *listener = &listeners->items[i];

		if (is_at(listener, place, addr) && (!best || (listener->device && !best->device)))
			best = listener;
	}
	return best;
}

const struct listener *listeners_at(const struct listeners *listeners,
				    const struct listener_place *place)
{
	const struct listener *found = best_at(listeners, place, place->addr);

	return found ? found : best_at(listeners, place, any);
}

/* ---- its owner ---------------------------------------------------------- */

#define MAX_DESCRIPTORS                                                                            \
	200000 /* that are read: a busy proxy has this many, and it takes a second */

static bool has_socket(const char *pid, const char *link, size_t *descriptors)
{
	__cleanup_dir DIR *dir = NULL;
	char path[64], target[64];
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) && (*descriptors)++ < MAX_DESCRIPTORS) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[len < 0 ? 0 : len] = '\0';
		if (!strcmp(target, link))
			return true;
	}
	return false;
}

/* systemd keeps the sockets of services that it activates: it counts if no other process has it. */
bool listener_holder(const struct listener *listener, struct holder *ret_holder)
{
	__cleanup_dir DIR *proc = opendir("/proc");
	size_t descriptors = 0;
	struct dirent *entry;
	bool found = false;
	char link[64];

	snprintf(link, sizeof(link), "socket:[%u]", listener->inode);
	while (proc && (entry = readdir(proc)) && descriptors < MAX_DESCRIPTORS) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !has_socket(entry->d_name, link, &descriptors) ||
		    !holder_describe(atoi(entry->d_name), ret_holder))
			continue;
		found = true;
		if (ret_holder->pid != 1)
			break;
	}
	return found;
}
