/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys, and how their values are read. */
#include "relay/config/keys.h"

#include <stdio.h>
#include <string.h>

#include "lib/parse.h"
#include "lib/util.h"
#include "tproxy.h"

_Static_assert(OPTIONS_MAX_WORKERS == TPROXY_GROUP_WAYS, "one worker for each way of the group");

const char keys_help[] =
	"Usage: tproxy-relay [OPTION…]\n"
	"Relays intercepted TCP and UDP flows to their original destination.\n"
	"\n"
	"  -c, --config FILE             read section [relay] of FILE\n"
	"      --check                   look for errors in the options and in FILE, and exit\n"
	"      --list                    print the open flows of the relays that run here, and exit\n"
	"      --json                    with --list: print one JSON object\n"
	"      --background              return when the relay is ready; it continues\n"
	"  -n, --netns NAME              work in the network namespace NAME\n"
	"      --pin-dir DIR             pinned maps (default /sys/fs/bpf/tproxy[-NETNS])\n"
	"      --run-dir DIR             sockets for the next start and for lists of flows\n"
	"                                (default /run/tproxy)\n"
	"      --join                    share the flows with another relay for the same pins;\n"
	"                                without it a second one is refused\n"
	"      --listen PORT[,PORT…]     ports on loopback; the first is registered\n"
	"                                (default 15002,15006)\n"
	"      --device IF               take only flows that enter IF, such as a member of\n"
	"                                a VRF; rules then name the relay by port (--proxy PORT)\n"
	"      --source MODE|ADDR[,...]  own, client-ip, client-ip-port, or addresses and prefixes of\n"
	"                                this host, by destination (default own)\n"
	"      --workers N               threads (default: one for each CPU, at most 16)\n"
	"      --log-format FORMAT       text or json (env LOG_FORMAT, default text)\n"
	"      --log-level LEVEL         debug, info, warn or error (env LOG_LEVEL, default info)\n"
	"      --log-file FILE           append the log to FILE (default: standard output)\n"
	"      --log-begin yes|no        also log when a flow begins (default no)\n"
	"      --user NAME               run as NAME after start (default tproxy, else nobody)\n"
	"      --connect-timeout SECONDS       limit for the onward connection (default 10)\n"
	"      --idle-timeout SECONDS          limit without a byte in either direction (default 3600)\n"
	"      --half-closed-timeout SECONDS   the same, after the FIN of one side (default 60)\n"
	"      --drain-timeout SECONDS         limit for flows to end after SIGTERM (default 30)\n"
	"      --retire-timeout SECONDS        limit for flows that began before a restart (86400)\n"
	"      --user-timeout SECONDS          limit for unacknowledged bytes (TCP_USER_TIMEOUT;\n"
	"                                      default: the kernel's, some 15 minutes)\n"
	"      --udp-full-cone           let any host send to a client's port, not only those asked\n"
	"      --udp-per-source N        UDP flows of one source; one more ends its longest idle one\n"
	"                                (default 4096)\n"
	"      --carry-ecn yes|no        UDP keeps its congestion notification, ECN (default yes)\n"
	"      --allow-local             relay to this host, loopback and link-local too\n"
	"      --upstream URL[,URL...]   socks5:// or http://[USER:PASS@]ADDR:PORT, or direct (default);\n"
	"                                the next one serves where one fails\n"
	"      --upstream-check SECONDS  between checks of each upstream, 0 for none (10 if there\n"
	"                                are several)\n"
	"      --proxy-protocol VERSION  v1, v2 or off: send destinations the client's address (off)\n"
	"      --max-flows N             TCP and UDP flows at a time (default: no limit)\n"
	"      --max-flows-per-source N  for each source: an IPv4 address or an IPv6 prefix (default:\n"
	"                                a quarter of what the descriptors allow; 0: no limit)\n"
	"      --flow-rate N             new flows a second (default: no limit)\n"
	"      --flow-rate-per-source N  the same for each source (default: no limit)\n"
	"      --source-prefix6 BITS     the IPv6 prefix that is one source (default 64)\n"
	"      --bandwidth BYTES[k|M|G]  a second, in each direction of a TCP connection\n"
	"                                (default: no limit; so for the next two)\n"
	"      --bandwidth-per-source BYTES[k|M|G]  a second, in each direction of all flows of a\n"
	"                                source: TCP waits, and UDP loses what is too much\n"
	"      --bandwidth-total BYTES[k|M|G]  the same of all flows together\n"
	"      --no-seccomp              run without the filter of system calls\n"
	"  -h, --help                    show this text\n"
	"  -V, --version                 show the version\n";

static int copy_text(char *to, size_t size, const char *text, const char **ret_why)
{
	if (!*text || strlen(text) >= size) {
		*ret_why = *text ? "too long" : "empty";
		return -EINVAL;
	}
	strcpy(to, text);
	return 0;
}

static int add_port(struct options *o, const char *item, const char **ret_why)
{
	uint32_t port;

	if (o->listen_count == OPTIONS_MAX_PORTS) {
		*ret_why = "too many ports";
		return -E2BIG;
	}
	if (parse_u32(item, 1, 65535, &port, ret_why)) {
		*ret_why = "ports are 1 to 65535, separated by commas";
		return -EINVAL;
	}
	for (unsigned int i = 0; i < o->listen_count; i++) {
		if (o->listen[i] == port) {
			*ret_why = "the same port twice";
			return -EINVAL;
		}
	}
	o->listen[o->listen_count++] = (uint16_t)port;
	return 0;
}

/* The command line takes commas. The file takes blanks as well, as in all its lists. */
static int set_listen(struct options *o, const char *value, const char **ret_why)
{
	char copy[128];
	char *rest = copy;
	char *item;
	int err = copy_text(copy, sizeof(copy), value, ret_why);

	if (err)
		return err;
	o->listen_count = 0;
	while ((item = strsep(&rest, ", \t"))) {
		if (!*item)
			continue;
		err = add_port(o, item, ret_why);
		if (err)
			return err;
	}
	*ret_why = "no port given";
	return o->listen_count ? 0 : -EINVAL;
}

static int set_source(struct options *o, const char *value, const char **ret_why)
{
	return source_parse(value, &o->source, ret_why);
}

static int set_workers(struct options *o, const char *value, const char **ret_why)
{
	*ret_why = "expected 1 to 16";
	return parse_u32(value, 1, OPTIONS_MAX_WORKERS, &o->workers, NULL);
}

static int set_log_format(struct options *o, const char *value, const char **ret_why)
{
	if (!strcmp(value, "text") || !strcmp(value, "console"))
		o->log_format = RECORD_TEXT;
	else if (!strcmp(value, "json"))
		o->log_format = RECORD_JSON;
	else
		*ret_why = "expected text or json";
	return *ret_why ? -EINVAL : 0;
}

static int set_log_level(struct options *o, const char *value, const char **ret_why)
{
	int n = parse_name(value, record_level_names, RECORD_LEVEL_MAX);

	*ret_why = "expected debug, info, warn or error";
	if (n >= 0)
		o->log_level = (enum record_level)n;
	return n < 0 ? n : 0;
}

static int set_log_file(struct options *o, const char *value, const char **ret_why)
{
	return copy_text(o->log_file, sizeof(o->log_file), value, ret_why);
}

/* The network namespace decides whether the device exists: the start finds out. */
static int set_device(struct options *o, const char *value, const char **ret_why)
{
	return copy_text(o->device, sizeof(o->device), value, ret_why);
}

static int set_user(struct options *o, const char *value, const char **ret_why)
{
	return copy_text(o->user, sizeof(o->user), value, ret_why);
}

static int set_flag(bool *flag, const char *value, const char **ret_why)
{
	if (!strcmp(value, "yes"))
		*flag = true;
	else if (!strcmp(value, "no"))
		*flag = false;
	else
		*ret_why = "expected yes or no";
	return *ret_why ? -EINVAL : 0;
}

static int set_log_begin(struct options *o, const char *value, const char **ret_why)
{
	return set_flag(&o->log_begin, value, ret_why);
}

static int set_pin_dir(struct options *o, const char *value, const char **ret_why)
{
	return copy_text(o->pin_dir, sizeof(o->pin_dir), value, ret_why);
}

static int set_run_dir(struct options *o, const char *value, const char **ret_why)
{
	if (*value == '/')
		return copy_text(o->run_dir, sizeof(o->run_dir), value, ret_why);
	*ret_why = *value ? "not an absolute path" : "empty";
	return -EINVAL;
}

static int set_join(struct options *o, const char *value, const char **ret_why)
{
	return set_flag(&o->join, value, ret_why);
}

static int set_seconds(uint32_t *seconds, const char *value, const char **ret_why)
{
	*ret_why = "expected seconds, 1 to 604800";
	return parse_u32(value, 1, 7 * 24 * 3600, seconds, NULL);
}

static int set_connect_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->connect_timeout, value, ret_why);
}

static int set_idle_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->idle_timeout, value, ret_why);
}

static int set_half_closed_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->half_closed_timeout, value, ret_why);
}

static int set_drain_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->drain_timeout, value, ret_why);
}

static int set_retire_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->retire_timeout, value, ret_why);
}

static int set_user_timeout(struct options *o, const char *value, const char **ret_why)
{
	return set_seconds(&o->user_timeout, value, ret_why);
}

static int set_allow_local(struct options *o, const char *value, const char **ret_why)
{
	return set_flag(&o->allow_local, value, ret_why);
}

static int set_carry_ecn(struct options *o, const char *value, const char **ret_why)
{
	return set_flag(&o->carry_ecn, value, ret_why);
}

static int set_no_seccomp(struct options *o, const char *value, const char **ret_why)
{
	return set_flag(&o->no_seccomp, value, ret_why);
}

static int set_upstream(struct options *o, const char *value, const char **ret_why)
{
	return upstreams_parse(value, &o->upstreams, ret_why);
}

static int set_upstream_check(struct options *o, const char *value, const char **ret_why)
{
	return upstreams_parse_check(value, &o->upstreams, ret_why);
}

static int set_proxy_protocol(struct options *o, const char *value, const char **ret_why)
{
	static const char *const versions[] = { "off", "v1", "v2" };
	int n = parse_name(value, versions, ARRAY_SIZE(versions));

	*ret_why = "expected v1, v2 or off";
	if (n >= 0)
		o->proxy_protocol = (unsigned int)n;
	return n < 0 ? n : 0;
}

static int set_udp_full_cone(struct options *o, const char *value, const char **ret_why)
{
	return set_flag(&o->udp_full_cone, value, ret_why);
}

static int set_udp_per_source(struct options *o, const char *value, const char **ret_why)
{
	*ret_why = "expected 1 to 65536";
	return parse_u32(value, 1, 65536, &o->udp_per_source, NULL);
}

static const struct {
	const char *name; /* of the long option and of the key in the file */
	int (*set)(struct options *o, const char *value, const char **ret_why);
} keys[] = {
	{ "listen", set_listen },
	{ "device", set_device },
	{ "source", set_source },
	{ "workers", set_workers },
	{ "log-format", set_log_format },
	{ "log-level", set_log_level },
	{ "log-file", set_log_file },
	{ "log-begin", set_log_begin },
	{ "user", set_user },
	{ "pin-dir", set_pin_dir },
	{ "run-dir", set_run_dir },
	{ "join", set_join },
	{ "connect-timeout", set_connect_timeout },
	{ "idle-timeout", set_idle_timeout },
	{ "half-closed-timeout", set_half_closed_timeout },
	{ "drain-timeout", set_drain_timeout },
	{ "retire-timeout", set_retire_timeout },
	{ "user-timeout", set_user_timeout },
	{ "allow-local", set_allow_local },
	{ "carry-ecn", set_carry_ecn },
	{ "upstream", set_upstream },
	{ "upstream-check", set_upstream_check },
	{ "proxy-protocol", set_proxy_protocol },
	{ "no-seccomp", set_no_seccomp },
	{ "udp-full-cone", set_udp_full_cone },
	{ "udp-per-source", set_udp_per_source },
};

static bool is_flag(const char *key)
{
	return !strcmp(key, "allow-local") || !strcmp(key, "no-seccomp") ||
	       !strcmp(key, "udp-full-cone") || !strcmp(key, "join");
}

/* A word of a list of URLs may hold a password, even if it lost its '@' to a typing error. */
static bool word_may_hold_password(const char *word, size_t len)
{
	const char *end = word + len;
	const char *scheme = memmem(word, len, "://", 3);
	const char *host = scheme ? scheme + 3 : word;
	const char *colon = memrchr(host, ':', (size_t)(end - host));

	return memchr(word, '@', len) ||
	       (colon && colon + 1 + strspn(colon + 1, "0123456789") != end);
}

static bool may_hold_password(const char *value)
{
	size_t len;

	if (!strstr(value, "://"))
		return strchr(value, '@');
	for (const char *word = value; *word; word += len + strspn(word + len, ", \t")) {
		len = strcspn(word, ", \t");
		if (word_may_hold_password(word, len))
			return true;
	}
	return false;
}

const char *keys_shown(const char *key, const char *value)
{
	return settings_is_list(key) || !may_hold_password(value) ? value : "...";
}

const char *keys_option(size_t i, bool *ret_has_value)
{
	*ret_has_value = true;
	if (i >= ARRAY_SIZE(keys))
		return settings_limit_name(i - ARRAY_SIZE(keys));
	*ret_has_value = !is_flag(keys[i].name);
	return keys[i].name;
}

int keys_set(struct options *o, const char *key, const char *value, const char **ret_why)
{
	*ret_why = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].name, key))
			return keys[i].set(o, value, ret_why);
	return settings_set(o->settings, key, value, ret_why);
}
