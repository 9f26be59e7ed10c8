/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs are tested in: a network namespace of this process alone with
 * an interface "in0" that packets enter and "out0" that they would leave by, the
 * loaded object (nothing pinned, nothing attached), and a policy in its maps.
 */
#ifndef WORLD_H
#define WORLD_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include "lib/mapped.h"
#include "lib/netlink.h"
#include "lib/parse.h"
#include "policy/policy.h"
#include "policy/tables.h"
#include "lib/util.h"
#include "packet.h"
#include "tproxy.skel.h"

#define MARK TPROXY_DEFAULT_MARK
#define MASK 0x3000000u /* one bit more than the mark: it must be cleared as well */

struct world {
	struct tproxy_bpf *skel;
	int ingress, lookup; /* program descriptors */
	__u32 in, out;       /* interfaces */
	int cpus;
};

/* ---- network namespace ---------------------------------------------------- */

static inline void must(int err, const char *what)
{
	if (err)
		tap_bail("%s: %s", what, strerror(err < 0 ? -err : errno));
}

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

static inline void set_forwarding(bool on)
{
	write_file("/proc/sys/net/ipv4/ip_forward", on ? "1" : "0");
	write_file("/proc/sys/net/ipv6/conf/all/forwarding", on ? "1" : "0");
}

static inline struct ifinfomsg *put_ifinfo(struct nlmsghdr *msg)
{
	return mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
}

static inline void add_veth(struct nl *nl)
{
	static const __u8 mac_out[ETH_ALEN] = { 2, 0, 0, 0, 0, 2 };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *peer;

	put_ifinfo(msg);
	mnl_attr_put_strz(msg, IFLA_IFNAME, "in0");
	mnl_attr_put(msg, IFLA_ADDRESS, ETH_ALEN, mac_host);
	info = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(msg, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(msg, VETH_INFO_PEER);
	put_ifinfo(msg);
	mnl_attr_put_strz(msg, IFLA_IFNAME, "out0");
	mnl_attr_put(msg, IFLA_ADDRESS, ETH_ALEN, mac_out);
	mnl_attr_nest_end(msg, peer);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, info);
	must(nl_request(nl, msg), "veth");
}

static inline void set_up(struct nl *nl, const char *name)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_NEWLINK, 0);
	struct ifinfomsg *info = put_ifinfo(msg);

	info->ifi_index = (int)if_nametoindex(name);
	info->ifi_flags = info->ifi_change = IFF_UP;
	must(nl_request(nl, msg), name);
}

static inline struct prefix prefix_of(const char *text)
{
	const char *why = "";
	struct prefix p = { 0 };

	if (parse_prefix(text, &p, &why))
		tap_bail("%s: %s", text, why);
	return p;
}

/* As the maps have it: 16 bytes, IPv4 mapped into IPv6. */
static inline void map_address(const char *text, __u8 *to)
{
	struct prefix p = prefix_of(text);

	mapped_from(p.family, p.addr, to);
}

/* A host address with the length of its network. */
static inline void add_address(struct nl *nl, const char *dev, const char *address, __u8 len)
{
	char buf[NL_BUFFER];
	struct prefix p = prefix_of(address);
	size_t size = p.family == AF_INET ? 4 : 16;
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *addr = mnl_nlmsg_put_extra_header(msg, sizeof(*addr));

	addr->ifa_family = p.family;
	addr->ifa_prefixlen = len;
	addr->ifa_index = if_nametoindex(dev);
	addr->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(msg, IFA_LOCAL, size, p.addr);
	mnl_attr_put(msg, IFA_ADDRESS, size, p.addr);
	must(nl_request(nl, msg), address);
}

static inline void add_route(struct nl *nl, const char *prefix, const char *dev)
{
	char buf[NL_BUFFER];
	struct prefix p = prefix_of(prefix);
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(msg, sizeof(*route));

	route->rtm_family = p.family;
	route->rtm_dst_len = p.len;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_scope = p.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	mnl_attr_put(msg, RTA_DST, p.family == AF_INET ? 4 : 16, p.addr);
	mnl_attr_put_u32(msg, RTA_OIF, if_nametoindex(dev));
	must(nl_request(nl, msg), prefix);
}

static inline int note_type(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(msg);

	*(__u8 *)arg = route->rtm_type;
	return MNL_CB_OK;
}

/* The kernel routes to a new IPv6 address from a work queue, some time after it was added. */
static inline void wait_for_route(struct nl *nl, const char *address)
{
	struct prefix p = prefix_of(address);
	__u8 type = RTN_UNSPEC;

	for (int ms = 0; type != RTN_LOCAL; ms++) {
		char buf[NL_BUFFER];
		struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETROUTE, 0);
		struct rtmsg *route = mnl_nlmsg_put_extra_header(msg, sizeof(*route));

		route->rtm_family = AF_INET6;
		route->rtm_dst_len = 128;
		mnl_attr_put(msg, RTA_DST, 16, p.addr);
		nl_query(nl, msg, note_type, &type); /* unreachable is an error, for now */
		if (type != RTN_LOCAL)
			usleep(1000);
		if (ms == 10000)
			tap_bail("%s is not routed to", address);
	}
}

/*
 * 10.210/16, fd21::/16 and the clients' networks are routed, 172.31/16 and fd31:: are
 * not. Sockets that shall own real flows live on lo's addresses in 10.98/16 and fd98::.
 */
static inline void enter_namespace(void)
{
	static const char *const own6[] = { "fd77:1::1", "fd77:2::1", "fd98::1", "fd98::2" };
	struct nl nl __cleanup_nl = { 0 };

	must(unshare(CLONE_NEWNET) ? -errno : 0, "unshare");
	must(nl_open(&nl), "rtnetlink");
	set_forwarding(true);
	set_up(&nl, "lo");
	add_veth(&nl);
	set_up(&nl, "in0");
	set_up(&nl, "out0");
	add_address(&nl, "in0", "10.77.1.1", 24);
	add_address(&nl, "in0", "fd77:1::1", 64);
	add_address(&nl, "out0", "10.77.2.1", 24);
	add_address(&nl, "out0", "fd77:2::1", 64);
	add_address(&nl, "lo", "10.98.0.1", 32);
	add_address(&nl, "lo", "10.98.0.2", 32);
	add_address(&nl, "lo", "fd98::1", 128);
	add_address(&nl, "lo", "fd98::2", 128);
	add_route(&nl, "10.210.0.0/16", "out0");
	add_route(&nl, "10.99.0.0/16", "in0");
	add_route(&nl, "fd21::/16", "out0");
	add_route(&nl, "fd99::/32", "in0");
	for (size_t i = 0; i < ARRAY_SIZE(own6); i++)
		wait_for_route(&nl, own6[i]);
}

/* ---- maps ----------------------------------------------------------------- */

static inline void put(int fd, const void *key, const void *value, const char *what)
{
	must(bpf_map_update_elem(fd, key, value, BPF_ANY), what);
}

static inline void set_config(const struct world *w, __u32 mark, __u32 mask, __u32 generation)
{
	struct tproxy_config config = { .abi = TPROXY_ABI, .generation = generation };
	__u32 zero = 0;

	config.mark = mark;
	config.mask = mask;
	put(bpf_map__fd(w->skel->maps.config), &zero, &config, "config");
}

static inline void read_config(const struct world *w, struct tproxy_config *ret_config)
{
	__u32 zero = 0;

	must(bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.config), &zero, ret_config), "config");
}

static inline void write_config(const struct world *w, const struct tproxy_config *config)
{
	__u32 zero = 0;

	put(bpf_map__fd(w->skel->maps.config), &zero, config, "config");
}

static inline void set_iface(int ifaces, __u32 ifindex, tproxy_mask mask)
{
	struct tproxy_iface iface = { .mask = mask, .roles = TPROXY_ROLE_POLICY };

	put(ifaces, &ifindex, &iface, "ifaces");
}

/* Makes an address one of "this host's". */
static inline void set_local(const struct world *w, const char *address)
{
	struct tproxy_local_key key = { .addr = { [10] = 0xff, [11] = 0xff } };
	struct prefix p = prefix_of(address);
	__u8 one = 1;

	if (p.family == AF_INET)
		memcpy(key.addr + 12, p.addr, 4);
	else
		memcpy(key.addr, p.addr, 16);
	put(bpf_map__fd(w->skel->maps.local), &key, &one, "local");
}

struct policy_maps {
	int fd[TABLES_MAP_MAX];
};

static inline struct policy_maps policy_maps_maps(const struct world *w)
{
	return (struct policy_maps){ {
		[TABLES_DST4] = bpf_map__fd(w->skel->maps.dst4),
		[TABLES_DST6] = bpf_map__fd(w->skel->maps.dst6),
		[TABLES_SRC4] = bpf_map__fd(w->skel->maps.src4),
		[TABLES_SRC6] = bpf_map__fd(w->skel->maps.src6),
		[TABLES_PORTS] = bpf_map__fd(w->skel->maps.ports),
		[TABLES_RULES] = bpf_map__fd(w->skel->maps.rules),
	} };
}

static inline int put_edit(const struct tables_edit *edit, void *arg)
{
	const struct policy_maps *maps = arg;

	put(maps->fd[edit->map], &edit->key, &edit->value, tables_map_names[edit->map]);
	return 0;
}

/* One rule as in a table of rules; services: "tcp/80", up to three. */
struct rule_spec {
	int number;
	const char *to, *from;
	const char *services[3];
	enum tproxy_action action;
	enum tproxy_on_down on_down;
	const char *proxy; /* NULL: registered sockets */
};

static inline void make_rule(const struct rule_spec *spec, struct rule *rule)
{
	const char *why = "";
	int err;

	rule->used = true;
	rule->action = spec->action;
	rule->on_down = spec->on_down;
	snprintf(rule->name, sizeof(rule->name), "r%d", spec->number);
	err = policy_parse_prefixes(spec->to, &rule->to, &why);
	if (!err)
		err = policy_parse_prefixes(spec->from ? spec->from : "all", &rule->from, &why);
	if (!err && spec->proxy)
		err = policy_parse_proxy(spec->proxy, &rule->proxy, &why);
	for (size_t i = 0; i < ARRAY_SIZE(spec->services) && spec->services[i] && !err; i++) {
		struct service s;

		err = policy_parse_service(spec->services[i], &s, &why);
		if (!err)
			err = service_set_add(&rule->services, s.proto, s.range);
	}
	if (err)
		tap_bail("rule %d: %s", spec->number, why);
}

static inline void fill_policy(struct policy_maps maps, const struct rule_spec *specs, size_t n)
{
	struct policy policy __cleanup_policy = { 0 };
	struct tables none __cleanup_tables = { 0 };
	struct tables tables __cleanup_tables = { 0 };

	for (size_t i = 0; i < n; i++)
		make_rule(&specs[i], &policy.rules[specs[i].number]);
	must(tables_compile(&policy, &tables), "compile");
	must(tables_diff(&none, &tables, put_edit, &maps), "fill");
}

/* Moves a rule to another socket group. */
static inline void set_group(int rules, __u32 number, __u32 group)
{
	struct tproxy_rule rule;

	must(bpf_map_lookup_elem(rules, &number, &rule), "rules");
	rule.group = group;
	put(rules, &number, &rule, "rules");
}

/* Fills every way of a class with one socket. */
static inline void register_socket(const struct world *w, __u32 group, enum tproxy_class cls,
				   int fd)
{
	__u64 value = (__u64)fd;

	for (__u32 way = 0; way < TPROXY_GROUP_WAYS; way++) {
		__u32 slot = TPROXY_SLOT(group, cls, way);

		put(bpf_map__fd(w->skel->maps.socks), &slot, &value, "socks");
	}
}

/* ---- sockets -------------------------------------------------------------- */

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static inline union address address_of(const char *text, __u16 port)
{
	struct prefix p = prefix_of(text);
	union address a = { .sa.sa_family = p.family };

	if (p.family == AF_INET) {
		a.v4.sin_port = htons(port);
		memcpy(&a.v4.sin_addr, p.addr, 4);
	} else {
		a.v6.sin6_port = htons(port);
		memcpy(&a.v6.sin6_addr, p.addr, 16);
	}
	return a;
}

/* A bound socket that may have a foreign address. */
static inline int bound_socket(int type, const char *address, __u16 port)
{
	union address a = address_of(address, port);
	int fd = socket(a.sa.sa_family, type | SOCK_CLOEXEC, 0), one = 1;

	must(fd < 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a.sa.sa_family == AF_INET)
		must(setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)), "IP_TRANSPARENT");
	else
		must(setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &one, sizeof(one)),
		     "IPV6_TRANSPARENT");
	must(bind(fd, &a.sa, sizeof(a)) ? -errno : 0, address);
	return fd;
}

static inline int listen_on(const char *address, __u16 port)
{
	int fd = bound_socket(SOCK_STREAM, address, port);

	must(listen(fd, 16) ? -errno : 0, "listen");
	return fd;
}

static inline int connect_to(int fd, const char *address, __u16 port)
{
	union address a = address_of(address, port);

	must(connect(fd, &a.sa, sizeof(a)) ? -errno : 0, address);
	return fd;
}

/* The relay: a listener of each class in every way of a group. */
static inline void start_relay(const struct world *w, __u32 group, __u16 port)
{
	register_socket(w, group, TPROXY_TCP4, listen_on("127.0.0.1", port));
	register_socket(w, group, TPROXY_TCP6, listen_on("::1", port));
	register_socket(w, group, TPROXY_UDP4, bound_socket(SOCK_DGRAM, "127.0.0.1", port));
	register_socket(w, group, TPROXY_UDP6, bound_socket(SOCK_DGRAM, "::1", port));
}

/* ---- everything together -------------------------------------------------- */

/* prepare: changes the maps' definitions before they are made, or NULL. */
static inline void world_open_prepared(struct world *w, void (*prepare)(struct tproxy_bpf *skel))
{
	if (geteuid() != 0)
		tap_skip_all("needs root");
	libbpf_set_print(NULL);
	enter_namespace();
	w->skel = tproxy_bpf__open();
	if (w->skel && prepare)
		prepare(w->skel);
	if (!w->skel || tproxy_bpf__load(w->skel))
		tap_bail("the BPF object does not load: %s", strerror(errno));
	w->ingress = bpf_program__fd(w->skel->progs.tproxy_ingress);
	w->lookup = bpf_program__fd(w->skel->progs.tproxy_lookup);
	w->in = if_nametoindex("in0");
	w->out = if_nametoindex("out0");
	w->cpus = libbpf_num_possible_cpus();
	set_config(w, MARK, MASK, 0);
	set_iface(bpf_map__fd(w->skel->maps.ifaces), w->in, ~0ULL);
}

static inline void world_open(struct world *w)
{
	world_open_prepared(w, NULL);
}

static inline void world_close(struct world *w)
{
	tproxy_bpf__destroy(w->skel);
}

#endif
