/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/routing/routes_text.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "lib/netlink.h"

#define BUFFER 65536

struct printing {
	FILE *out;
	__u8 family;
	size_t n, limit;
};

static void print_address(FILE *out, __u8 family, const struct nlattr *attr)
{
	char text[INET6_ADDRSTRLEN];

	if (mnl_attr_get_payload_len(attr) >= (family == AF_INET ? 4 : 16) &&
	    inet_ntop(family, mnl_attr_get_payload(attr), text, sizeof(text)))
		fputs(text, out);
}

static void print_destination(FILE *out, const struct rtmsg *route, const struct nlattr *dst)
{
	static const char *const types[] = {
		[RTN_LOCAL] = "local ",
		[RTN_BLACKHOLE] = "blackhole ",
		[RTN_UNREACHABLE] = "unreachable ",
		[RTN_PROHIBIT] = "prohibit ",
		[RTN_THROW] = "throw ",
	};

	if (route->rtm_type < ARRAY_SIZE(types) && types[route->rtm_type])
		fputs(types[route->rtm_type], out);
	if (!dst) {
		fputs("default", out);
		return;
	}
	print_address(out, route->rtm_family, dst);
	fprintf(out, "/%u", route->rtm_dst_len);
}

static void print_route(FILE *out, const struct rtmsg *route, const struct nlattr **attr)
{
	const __u32 table = nl_attr_u32(attr[RTA_TABLE], route->rtm_table);
	char name[IF_NAMESIZE];

	print_destination(out, route, attr[RTA_DST]);
	if (attr[RTA_GATEWAY]) {
		fputs(" via ", out);
		print_address(out, route->rtm_family, attr[RTA_GATEWAY]);
	}
	if (attr[RTA_MULTIPATH])
		fputs(" (several hops)", out);
	if (attr[RTA_OIF] && if_indextoname(mnl_attr_get_u32(attr[RTA_OIF]), name))
		fprintf(out, " dev %s", name);
	fprintf(out, " table %u proto %u", table, route->rtm_protocol);
	if (attr[RTA_PRIORITY])
		fprintf(out, " metric %u", mnl_attr_get_u32(attr[RTA_PRIORITY]));
	fputc('\n', out);
}

static int on_route(const struct nlmsghdr *msg, void *data)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	struct printing *p = data;

	nl_parse(msg, sizeof(*route), &attrs);
	if (nl_attr_u32(attr[RTA_TABLE], route->rtm_table) == RT_TABLE_LOCAL ||
	    route->rtm_family != p->family || (route->rtm_flags & RTM_F_CLONED))
		return MNL_CB_OK;
	if (p->n++ < p->limit) {
		print_route(p->out, route, attr);
		return MNL_CB_OK;
	}
	fprintf(p->out, "… and more\n");
	return MNL_CB_STOP;
}

/* Not nl_query, which keeps a whole dump. */
static int read_parts(struct nl *nl, struct printing *p)
{
	__cleanup_free char *buf = malloc(BUFFER);
	int more = MNL_CB_OK;

	if (!buf)
		return -ENOMEM;
	while (more == MNL_CB_OK) {
		ssize_t len = mnl_socket_recvfrom(nl->socket, buf, BUFFER);

		if (len < 0)
			return -errno;
		more = mnl_cb_run(buf, (size_t)len, nl->seq, 0, on_route, p);
	}
	return more < 0 ? -errno : 0;
}

int routes_print(FILE *out, __u8 family, size_t limit)
{
	struct printing p = { .out = out, .family = family, .limit = limit };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg;
	struct rtmsg *route;
	struct nl nl;
	int err = nl_open(&nl);

	if (err)
		return err;
	msg = nl_message(&nl, buf, RTM_GETROUTE, NLM_F_DUMP);
	route = mnl_nlmsg_put_extra_header(msg, sizeof(*route));
	route->rtm_family = family;
	err = mnl_socket_sendto(nl.socket, msg, msg->nlmsg_len) < 0 ? -errno : read_parts(&nl, &p);
	nl_close(&nl);
	return err;
}
