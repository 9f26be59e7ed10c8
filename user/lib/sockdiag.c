/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/sockdiag.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "lib/addrset.h"

/* Everything with two ends. */
#define CONNECTED_STATES                                                                           \
	(1 << TCP_ESTABLISHED | 1 << TCP_SYN_SENT | 1 << TCP_SYN_RECV | 1 << TCP_FIN_WAIT1 |       \
	 1 << TCP_FIN_WAIT2 | 1 << TCP_TIME_WAIT | 1 << TCP_CLOSE_WAIT | 1 << TCP_LAST_ACK |       \
	 1 << TCP_CLOSING)

struct list {
	struct addrset local;
	struct foreign_flow *flows;
	size_t n, room;
	bool every;    /* those with a local address, too */
	__u8 protocol; /* of the dump under way */
};

static int append(struct list *list, const struct inet_diag_msg *msg)
{
	int err = array_room((void **)&list->flows, list->n, &list->room, sizeof(*list->flows));

	if (err)
		return err;
	list->flows[list->n++] = (struct foreign_flow){
		.family = msg->idiag_family,
		.protocol = list->protocol,
		.state = msg->idiag_state,
		.id = msg->id,
		.inode = msg->idiag_inode,
	};
	return 0;
}

static int read_socket(const struct nlmsghdr *msg, void *data)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
	struct list *list = data;
	struct addrset_key key;

	addrset_key(diag->idiag_family, diag->id.idiag_src, &key);
	if (!list->every && (addrset_is_loopback(&key) || addrset_has(&list->local, &key)))
		return MNL_CB_OK;
	if (!append(list, diag))
		return MNL_CB_OK;
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

static struct nlmsghdr *message(struct nl *diag, char *buf, __u16 type, __u16 flags, __u8 family,
				__u8 protocol)
{
	struct nlmsghdr *msg = nl_message(diag, buf, type, flags);
	struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(msg, sizeof(*req));

	req->sdiag_family = family;
	req->sdiag_protocol = protocol;
	req->idiag_states = protocol == IPPROTO_TCP ? CONNECTED_STATES : 1 << TCP_ESTABLISHED;
	return msg;
}

static int dump(struct nl *diag, __u8 family, __u8 protocol, struct list *list)
{
	char buf[NL_BUFFER];
	int err;

	list->protocol = protocol;
	err = nl_query(diag,
		       message(diag, buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family, protocol),
		       read_socket, list);
	return err == -ENOENT ? -EOPNOTSUPP : err;
}

int sockdiag_open(struct nl *ret_diag)
{
	return nl_open_bus(ret_diag, NETLINK_SOCK_DIAG);
}

/* ---- sockets without a peer ------------------------------------------------- */

struct inodes {
	const __u64 *cookies;
	size_t n_cookies;
	__u32 *items; /* owned */
	size_t n, room;
};

static int compare_cookies(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int compare_inodes(const void *a, const void *b)
{
	const __u32 *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int read_inode(const struct nlmsghdr *msg, void *data)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
	struct inodes *inodes = data;
	__u64 cookie = (__u64)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0];

	if (!bsearch(&cookie, inodes->cookies, inodes->n_cookies, sizeof(cookie), compare_cookies))
		return MNL_CB_OK;
	if (array_room((void **)&inodes->items, inodes->n, &inodes->room, sizeof(__u32))) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	inodes->items[inodes->n++] = diag->idiag_inode;
	return MNL_CB_OK;
}

static int dump_inodes(struct nl *diag, __u8 family, __u8 protocol, struct inodes *inodes)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg =
		message(diag, buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family, protocol);
	struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(msg);

	req->idiag_states = protocol == IPPROTO_TCP ? 1 << TCP_LISTEN : 1 << TCP_CLOSE;
	return nl_query(diag, msg, read_inode, inodes);
}

int sockdiag_inodes(const __u64 *cookies, size_t n_cookies, __u32 **ret_inodes, size_t *ret_n)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };
	struct inodes inodes = { .cookies = cookies, .n_cookies = n_cookies };
	struct nl diag __cleanup_nl = { 0 };
	int err = sockdiag_open(&diag);

	for (size_t i = 0; i < ARRAY_SIZE(families) && !err; i++) {
		err = dump_inodes(&diag, families[i], IPPROTO_TCP, &inodes);
		if (!err)
			err = dump_inodes(&diag, families[i], IPPROTO_UDP, &inodes);
	}
	if (err) {
		free(inodes.items);
		return err;
	}
	qsort(inodes.items, inodes.n, sizeof(__u32), compare_inodes);
	*ret_inodes = inodes.items;
	*ret_n = inodes.n;
	return 0;
}

/* ---- sockets with a peer ---------------------------------------------------- */

static int dump_families(struct nl *diag, __u8 protocol, struct list *list)
{
	int err = dump(diag, AF_INET, protocol, list);

	return err ? err : dump(diag, AF_INET6, protocol, list);
}

/* Takes the list's memory. */
static int hand_over(struct list *list, int err, struct foreign_flow **ret_flows, size_t *ret_n)
{
	addrset_free(&list->local);
	if (err) {
		free(list->flows);
		return err;
	}
	*ret_flows = list->flows;
	*ret_n = list->n;
	return 0;
}

int sockdiag_list_foreign(struct nl *route, struct foreign_flow **ret_flows, size_t *ret_n)
{
	struct nl diag __cleanup_nl = { 0 };
	struct list list = { 0 };
	int err = sockdiag_open(&diag);

	if (!err)
		err = addrset_read(&list.local, route);
	if (!err)
		err = dump_families(&diag, IPPROTO_TCP, &list);
	if (!err)
		err = dump_families(&diag, IPPROTO_UDP, &list);
	return hand_over(&list, err, ret_flows, ret_n);
}

int sockdiag_list_udp(struct foreign_flow **ret_flows, size_t *ret_n)
{
	struct nl diag __cleanup_nl = { 0 };
	struct list list = { .every = true };
	int err = sockdiag_open(&diag);

	if (!err)
		err = dump_families(&diag, IPPROTO_UDP, &list);
	return hand_over(&list, err, ret_flows, ret_n);
}

bool sockdiag_is_alive(const struct foreign_flow *flow)
{
	return flow->state != TCP_TIME_WAIT;
}

int sockdiag_destroy(struct nl *diag, const struct foreign_flow *flow)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg =
		message(diag, buf, SOCK_DESTROY, 0, flow->family, flow->protocol);
	struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(msg);
	int err;

	req->id = flow->id;
	err = nl_request(diag, msg);
	return err == -ENOENT ? 0 : err;
}
