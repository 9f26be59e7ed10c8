/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upstream proxies as the user names them: one, and several in the order of preference. Pure; must
 * not talk to them. What is known about their health is in the same place, so that all threads see
 * it, but only relay/upstream/health.h reads and writes it.
 */
#ifndef TPROXY_RELAY_CONFIG_PROXY_H
#define TPROXY_RELAY_CONFIG_PROXY_H

#include "relay/net/addr.h"

enum proxy_kind { PROXY_NONE, PROXY_SOCKS5, PROXY_HTTP };

#define PROXY_CREDENTIAL_MAX 255 /* RFC 1929 has one byte for the length */

struct proxy {
	enum proxy_kind kind;
	union saddr addr;
	char user[PROXY_CREDENTIAL_MAX + 1]; /* empty: no authentication */
	char pass[PROXY_CREDENTIAL_MAX + 1];
};

bool proxy_equal(const struct proxy *a, const struct proxy *b);

/*
 * "direct", "socks5://[USER:PASS@]ADDR:PORT", "http://[USER:PASS@]ADDR:PORT"; ADDR is
 * numeric, IPv6 in brackets; USER and PASS may hold %XX. 0 or -errno.
 */
int proxy_parse(const char *text, struct proxy *ret_proxy, const char **ret_why);

/* ---- several ------------------------------------------------------------ */

#define UPSTREAMS_MAX 8
#define UPSTREAMS_CHECK_DEFAULT_S 10
#define UPSTREAMS_TEXT_LEN (SADDR_TEXT_LEN + 16)

struct upstream_entry {
	struct proxy proxy;          /* PROXY_NONE: direct */
	_Atomic uint64_t down_until; /* ms of CLOCK_MONOTONIC; 0: up; see health.h */
};

struct upstreams {
	unsigned int count; /* 0: not given */
	bool has_check;
	uint32_t check; /* seconds between two checks of health, 0: none; see upstreams_complete */
	struct upstream_entry items[UPSTREAMS_MAX];
};

/* URLs as proxy_parse takes them, separated by commas or blanks. 0 or -errno. */
int upstreams_parse(const char *text, struct upstreams *ret_upstreams, const char **ret_why);
int upstreams_parse_check(const char *text, struct upstreams *upstreams, const char **ret_why);

/*
 * Fills in what was not given: the proxies and their check as `otherwise` has them, the default of
 * the check.
 */
void upstreams_complete(struct upstreams *upstreams, const struct upstreams *otherwise);

/* Any of them is a proxy. */
bool upstreams_have_proxy(const struct upstreams *upstreams);

/* One that fails can be passed over, or refuse its flows at once. */
static inline bool upstreams_have_health(const struct upstreams *upstreams)
{
	return upstreams->count > 1 || upstreams->check;
}

/* For the log, without the password. buf: UPSTREAMS_TEXT_LEN bytes. Returns buf. */
char *upstreams_format(const struct proxy *proxy, char *buf);

#endif
