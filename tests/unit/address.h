/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of the relay from text; text that is no address fails the test. After cmocka.h. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <arpa/inet.h>
#include <string.h>

#include "relay/net/addr.h"

/* port: host byte order. */
static inline union saddr address(const char *text, uint16_t port)
{
	union saddr a;

	memset(&a, 0, sizeof(a));
	a.sa.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(a.sa.sa_family, text,
				   a.sa.sa_family == AF_INET ? (void *)&a.v4.sin_addr :
							       (void *)&a.v6.sin6_addr),
			 1);
	saddr_set_port(&a, port);
	return a;
}

#endif
