/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/netlink.h"

#include <string.h>

#include "lib/nl_dump.h"
#include "lib/nl_reader.h"

/* In a request, which asks for an acknowledgement, the flags of a dump mean other things. */
static bool is_dump(const struct nlmsghdr *query)
{
	return (query->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && !(query->nlmsg_flags & NLM_F_ACK);
}

int nl_query(struct nl *nl, struct nlmsghdr *msg, mnl_cb_t cb, void *arg)
{
	struct nl_reader reader = { .nl = nl, .query = msg, .cb = cb, .arg = arg };

	if (nl->bus == NETLINK_ROUTE && is_dump(msg))
		return nl_dump(&reader);
	return nl_ask(&reader);
}

int nl_request(struct nl *nl, struct nlmsghdr *msg)
{
	msg->nlmsg_flags |= NLM_F_ACK;
	return nl_query(nl, msg, NULL, NULL);
}

/* ---- attributes --------------------------------------------------------- */

static int collect(const struct nlattr *attr, void *data)
{
	struct nl_attrs *attrs = data;
	__u16 type = mnl_attr_get_type(attr);

	if (type <= attrs->max)
		attrs->table[type] = attr;
	return MNL_CB_OK;
}

void nl_parse(const struct nlmsghdr *msg, size_t header_len, struct nl_attrs *attrs)
{
	memset(attrs->table, 0, sizeof(*attrs->table) * (attrs->max + 1u));
	mnl_attr_parse(msg, (unsigned int)header_len, collect, attrs);
}

void nl_parse_nested(const struct nlattr *nest, struct nl_attrs *attrs)
{
	memset(attrs->table, 0, sizeof(*attrs->table) * (attrs->max + 1u));
	mnl_attr_parse_nested(nest, collect, attrs);
}

__u32 nl_attr_u32(const struct nlattr *attr, __u32 otherwise)
{
	return attr ? mnl_attr_get_u32(attr) : otherwise;
}
