/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/flows/sockdiag.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "lib/addrset.h"

/* All states with a peer. */
#define CONNECTED_STATES                                                                           \
	(1 << TCP_ESTABLISHED | 1 << TCP_SYN_SENT | 1 << TCP_SYN_RECV | 1 << TCP_FIN_WAIT1 |       \
	 1 << TCP_FIN_WAIT2 | 1 << TCP_TIME_WAIT | 1 << TCP_CLOSE_WAIT | 1 << TCP_LAST_ACK |       \
	 1 << TCP_CLOSING)

struct list {
	struct addrset local;
	struct foreign_flow *flows;
	size_t n, room;
	bool every;    /* also those with an address of this host */
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

static bool is_foreign(const struct inet_diag_msg *diag, const struct addrset *local)
{
	struct addrset_key key;

	addrset_key(diag->idiag_family, diag->id.idiag_src, &key);
	return !addrset_is_loopback(&key) && !addrset_has(local, &key);
}

static int read_socket(const struct nlmsghdr *msg, void *data)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
	struct list *list = data;

	if (!list->every && !is_foreign(diag, &list->local))
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
	err = nl_query(diag, message(diag, buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family, protocol),
		       read_socket, list);
	return err == -ENOENT ? -EOPNOTSUPP : err;
}

int sockdiag_open(struct nl *ret_diag)
{
	return nl_open_bus(ret_diag, NETLINK_SOCK_DIAG);
}

static int dump_families(struct nl *diag, __u8 protocol, struct list *list)
{
	int err = dump(diag, AF_INET, protocol, list);

	return err ? err : dump(diag, AF_INET6, protocol, list);
}

/* The caller gets the list's memory. */
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

/* ---- handshakes --------------------------------------------------------- */

#define MAX_RETRANSMITS 4 /* half a minute: they come after 1, 3, 7, 15 and 31 seconds */

struct half_open {
	struct addrset local;
	size_t n;
};

static int count_half_open(const struct nlmsghdr *msg, void *data)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
	struct half_open *half = data;

	if (diag->idiag_retrans && diag->idiag_retrans <= MAX_RETRANSMITS &&
	    is_foreign(diag, &half->local))
		half->n++;
	return MNL_CB_OK;
}

static int dump_half_open(struct nl *diag, __u8 family, struct half_open *half)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg =
		message(diag, buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family, IPPROTO_TCP);
	struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(msg);

	req->idiag_states = 1 << TCP_SYN_RECV;
	return nl_query(diag, msg, count_half_open, half);
}

int sockdiag_half_open(struct nl *route, size_t *ret_n)
{
	struct nl diag __cleanup_nl = { 0 };
	struct half_open half = { .n = 0 };
	int err = sockdiag_open(&diag);

	if (!err)
		err = addrset_read(&half.local, route);
	if (!err)
		err = dump_half_open(&diag, AF_INET, &half);
	if (!err)
		err = dump_half_open(&diag, AF_INET6, &half);
	addrset_free(&half.local);
	if (!err)
		*ret_n = half.n;
	return err;
}

bool sockdiag_is_alive(const struct foreign_flow *flow)
{
	return flow->state != TCP_TIME_WAIT;
}

int sockdiag_destroy(struct nl *diag, const struct foreign_flow *flow)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = message(diag, buf, SOCK_DESTROY, 0, flow->family, flow->protocol);
	struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(msg);
	int err;

	req->id = flow->id;
	err = nl_request(diag, msg);
	return err == -ENOENT ? 0 : err;
}
