/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything the user can choose, from four places: command line, configuration
 * file, environment, default; the earlier one wins. Owns the names of options
 * and keys, which are the same. Pure but for reading the file; must not act on
 * any choice.
 */
#ifndef TPROXY_RELAY_CONFIG_OPTIONS_H
#define TPROXY_RELAY_CONFIG_OPTIONS_H

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay/config/proxy.h"
#include "relay/log/level.h"
#include "relay/config/settings.h"

#define OPTIONS_MAX_PORTS 8
#define OPTIONS_MAX_WORKERS 16 /* TPROXY_GROUP_WAYS: more would never get a flow */
#define OPTIONS_TEXT_LEN 64
#define OPTIONS_MAX_KEYS 64

enum source_mode {
	SOURCE_OWN,            /* whatever the kernel chooses */
	SOURCE_CLIENT_IP,      /* the client's address, a port of ours */
	SOURCE_CLIENT_IP_PORT, /* both, as the client sent them */
	SOURCE_MAX
};

extern const char *const source_names[SOURCE_MAX];

struct options {
	uint16_t listen[OPTIONS_MAX_PORTS]; /* host byte order; the first is registered */
	unsigned int listen_count;
	char device[IF_NAMESIZE]; /* that flows come in by; empty: any */
	enum source_mode source;
	unsigned int workers; /* 0: one for each CPU */
	enum record_format log_format;
	enum record_level log_level;
	char log_file[PATH_MAX];      /* empty: standard output */
	char user[OPTIONS_TEXT_LEN];  /* empty: tproxy, or else nobody */
	char netns[OPTIONS_TEXT_LEN]; /* empty: the one we are in */
	char pin_dir[PATH_MAX];
	bool join;                /* share the flows with another relay that is registered there */
	uint32_t connect_timeout; /* this and the next ones: seconds */
	uint32_t idle_timeout;
	uint32_t half_closed_timeout;
	uint32_t drain_timeout;
	uint32_t user_timeout; /* 0: the kernel's own */
	bool allow_local;
	bool carry_ecn;
	bool no_seccomp;
	struct proxy proxy;          /* that flows are sent through */
	unsigned int proxy_protocol; /* version of the header sent onward, 0: none */
	const char *config;          /* -c, or NULL; lists in files are looked for beside it */
	struct settings *settings;   /* one reference is ours */
	bool udp_full_cone;
	uint32_t udp_per_source; /* flows */
};

enum options_result {
	OPTIONS_RUN,     /* go on */
	OPTIONS_HELP,    /* -h was given */
	OPTIONS_VERSION, /* -V was given */
	OPTIONS_USAGE,   /* error in the command line, exit 2 */
	OPTIONS_FAILED,  /* error in the file or the environment, exit 1 */
};

/*
 * On the last two ret_why holds one line for the user (size bytes). o: all zero, or
 * filled before; to be freed in any case.
 */
enum options_result options_parse(struct options *o, int argc, char **argv, char *ret_why,
				  size_t size);

/* All to their defaults; o as for options_parse. 0 or -ENOMEM. */
int options_defaults(struct options *o);
/* What cannot be together: 0, or -errno with a line in ret_why. */
int options_check_whole(const struct options *o, char *ret_why, size_t size);

void options_free(struct options *o);
#define __cleanup_options __attribute__((cleanup(options_free)))

/* Name of key number i as an option, "" if it is none, NULL behind the last; whether it has a value. */
const char *options_flag(size_t i, bool *ret_value);

/* The value as messages may show it: without a password. */
const char *options_shown(const char *key, const char *value);

/* Lists may be given several times: they add up. */
bool options_is_list(const char *key);

/* Sets one key from text. 0, or -errno with *ret_why saying what is wrong; -ENOENT: no such key. */
int options_set(struct options *o, const char *key, const char *value, const char **ret_why);

/*
 * Applies the [relay] section of an INI file; sections of the loader are left
 * alone. 0, or -errno with "FILE:LINE: …" in ret_why (size bytes).
 */
int options_read_file(struct options *o, const char *path, char *ret_why, size_t size);

extern const char options_help[];

#endif
