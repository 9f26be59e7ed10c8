/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One query and its answer, read once. A query never meets what an earlier one left unread.
 * It may be incomplete: nl_dump.h asks again.
 */
#ifndef TPROXY_LIB_NL_READER_H
#define TPROXY_LIB_NL_READER_H

#include "lib/nl_socket.h"

struct nl_reader {
	struct nl *nl;
	struct nlmsghdr *query;
	mnl_cb_t cb;
	void *arg;
	size_t given;     /* messages that cb has seen */
	bool interrupted; /* a change came during the dump: messages may be missing */
};

/* Sends the query and reads its answer once. 0 or -errno, -ENOBUFS after a part was lost. */
int nl_ask(struct nl_reader *reader);

#endif
