/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything the user can choose. Pure; must not know where a choice comes from (load.h),
 * and must not act on it.
 */
#ifndef TPROXY_RELAY_CONFIG_OPTIONS_H
#define TPROXY_RELAY_CONFIG_OPTIONS_H

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay/config/proxy.h"
#include "relay/config/settings.h"
#include "relay/config/source.h"
#include "relay/log/level.h"

#define OPTIONS_MAX_PORTS 8
#define OPTIONS_MAX_WORKERS 16 /* TPROXY_GROUP_WAYS: more would never get a flow */
#define OPTIONS_TEXT_LEN 64

struct options {
	uint16_t listen[OPTIONS_MAX_PORTS]; /* host byte order; the first is registered */
	unsigned int listen_count;
	char device[IF_NAMESIZE]; /* that flows enter by; empty: any */
	struct source source;
	unsigned int workers; /* 0: one for each CPU */
	enum record_format log_format;
	enum record_level log_level;
	char log_file[PATH_MAX];      /* empty: standard output */
	bool log_begin;               /* records when flows begin, too */
	char user[OPTIONS_TEXT_LEN];  /* empty: tproxy, or else nobody */
	char netns[OPTIONS_TEXT_LEN]; /* empty: that of the caller */
	char pin_dir[PATH_MAX];
	char run_dir[OPTIONS_TEXT_LEN]; /* of path sockets; empty: lib/rundir.h's own */
	bool join;                /* share the flows with another relay that is registered there */
	uint32_t connect_timeout; /* this and the next ones: seconds */
	uint32_t idle_timeout;
	uint32_t half_closed_timeout;
	uint32_t drain_timeout;
	uint32_t retire_timeout;
	uint32_t user_timeout; /* 0: the kernel's own */
	bool allow_local;
	bool carry_ecn;
	bool no_seccomp;
	struct upstreams upstreams;  /* that flows are sent through */
	unsigned int proxy_protocol; /* version of the header sent onward, 0: none */
	const char *config;          /* -c, or NULL */
	bool list_json;              /* --list prints JSON */
	bool background;             /* return when the relay is ready */
	struct settings *settings;   /* one reference is ours */
	bool udp_full_cone;
	uint32_t udp_per_source; /* flows */
};

/* All to their defaults; o: all zero, or filled before. 0 or -ENOMEM. */
int options_defaults(struct options *o);

/* Options that exclude each other: 0, or -errno with a line in ret_why. */
int options_check_join(const struct options *o, char *ret_why, size_t size);
/* In a VRF. The sections of egress are complete. */
int options_check_vrf(const struct options *o, char *ret_why, size_t size);
int options_check_source(const struct options *o, char *ret_why, size_t size);

void options_free(struct options *o);
#define __cleanup_options __attribute__((cleanup(options_free)))

#endif
