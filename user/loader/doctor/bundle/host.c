/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/doctor/bundle/host.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/utsname.h>

#include "kernel/netfilter/dump.h"
#include "kernel/routing/route.h"
#include "kernel/routing/routes_text.h"
#include "lib/listeners.h"
#include "lib/mapped.h"
#include "loader/check/tools/filters.h"
#include "loader/steps/iface.h"

#define MAX_ROUTES 500
#define MAX_LINES 500
#define MAX_FILTER_RULES 5000

/* ---- versions ----------------------------------------------------------- */

static void copy_line(FILE *out, const char *path)
{
	__cleanup_file FILE *file = fopen(path, "re");
	char line[512];

	if (file && fgets(line, sizeof(line), file))
		fprintf(out, "%s: %s", path, line);
}

void bundle_versions(FILE *out, struct examination *e)
{
	const struct tproxy_config *config = &e->session.state.config;
	struct utsname uts;

	fprintf(out, "tproxy-loader %s, ABI %d, build %08x\n", TPROXY_VERSION, TPROXY_ABI,
		state_build());
	if (config->abi)
		fprintf(out, "attached: ABI %u, build %08x\n", config->abi, config->build);
	fprintf(out, "libbpf %s\n", libbpf_version_string());
	if (!uname(&uts))
		fprintf(out, "%s %s %s %s\n", uts.sysname, uts.release, uts.version, uts.machine);
	copy_line(out, "/etc/debian_version");
	copy_line(out, "/sys/kernel/security/lockdown");
	copy_line(out, "/proc/uptime");
}

/* ---- maps --------------------------------------------------------------- */

/* Counts keys up to the number the map may have. */
static size_t count_keys(int map, const struct bpf_map_info *info)
{
	__cleanup_free char *key = calloc(2, info->key_size);
	char *next = key ? key + info->key_size : NULL;
	size_t n = 0;

	if (!key || bpf_map_get_next_key(map, NULL, next))
		return 0;
	do {
		memcpy(key, next, info->key_size);
		n++;
	} while (n < info->max_entries && !bpf_map_get_next_key(map, key, next));
	return n;
}

/* Of an array each entry exists. A large map takes too long to count. */
static bool is_countable(const struct bpf_map_info *info)
{
	return info->type != BPF_MAP_TYPE_ARRAY && info->type != BPF_MAP_TYPE_PERCPU_ARRAY &&
	       info->key_size && info->max_entries <= 100000;
}

void bundle_maps(FILE *out, struct examination *e)
{
	for (int i = 0; i < MAP_MAX; i++) {
		const int map = e->session.state.map[i];
		struct bpf_map_info info = { 0 };
		__u32 len = sizeof(info);

		if (map < 0 || bpf_obj_get_info_by_fd(map, &info, &len))
			continue;
		fprintf(out, "%-16s id %u type %u key %u value %u max %u", state_map_name(i),
			info.id, info.type, info.key_size, info.value_size, info.max_entries);
		if (is_countable(&info))
			fprintf(out, " entries %zu", count_keys(map, &info));
		fputc('\n', out);
	}
}

/* ---- interfaces --------------------------------------------------------- */

static void print_chain(FILE *out, struct session *session, const struct device *device)
{
	struct chain chain;
	char text[128];

	if (session->state.map[MAP_CONFIG] < 0 || !iface_is_attached(session, device->ifindex))
		return;
	fprintf(out, ", attached by %s", hook_names[steps_hook_present(session, device->ifindex)]);
	if (!iface_chain(session, device, &chain))
		return;
	for (size_t i = 0; i < chain.n; i++)
		fprintf(out, ", before ours on %s: %s", chain.items[i].device,
			chain_text(&chain.items[i], text, sizeof(text)));
}

struct iface_list {
	FILE *out;
	struct session *session;
	size_t n;
};

static int print_device(const struct device *device, void *arg)
{
	struct iface_list *list = arg;

	if (list->n++ >= MAX_LINES)
		return 1;
	fprintf(list->out, "%d: %s kind %s flags %#x master %d (%s) parent %d", device->ifindex,
		device->name, *device->kind ? device->kind : "-", device->flags, device->master,
		*device->slave_kind ? device->slave_kind : "-", device->parent);
	print_chain(list->out, list->session, device);
	fputc('\n', list->out);
	return 0;
}

static int print_iface_address(const struct address *address, void *arg)
{
	struct iface_list *list = arg;
	char text[INET6_ADDRSTRLEN];

	if (list->n++ >= MAX_LINES)
		return 1;
	if (inet_ntop(address->family, address->addr, text, sizeof(text)))
		fprintf(list->out, "address %s/%u on %d\n", text, address->len, address->ifindex);
	return 0;
}

void bundle_interfaces(FILE *out, struct examination *e)
{
	struct iface_list list = { .out = out, .session = &e->session };

	if (!e->session.nl.socket)
		return;
	device_walk(&e->session.nl, print_device, &list);
	list.n = 0;
	device_addresses(&e->session.nl, print_iface_address, &list);
}

/* ---- routing ------------------------------------------------------------ */

static void print_family(FILE *out, struct nl *nl, __u8 family)
{
	struct rule_list rules __cleanup_rules = { 0 };
	char text[RULE_TEXT_LEN];
	int err = rules_read(nl, family, &rules);

	fprintf(out, "IPv%c rules\n", route_family_digit(family));
	for (size_t i = 0; i < rules.n && i < MAX_LINES; i++)
		fprintf(out, "%s\n", rule_text(&rules.items[i], text));
	fprintf(out, "IPv%c routes\n", route_family_digit(family));
	err = first_error(err, routes_print(out, family, MAX_ROUTES));
	if (err)
		fprintf(out, "cannot be read: %s\n", strerror(-err));
}

void bundle_routing(FILE *out, struct examination *e)
{
	for (size_t i = 0; i < ROUTE_FAMILIES && e->session.nl.socket; i++)
		if (route_family_present(route_families[i]))
			print_family(out, &e->session.nl, route_families[i]);
}

/* ---- packet filters ----------------------------------------------------- */

/* The model that the checks have read, or would have. */
void bundle_firewall(FILE *out, struct examination *e)
{
	const struct firewall *fw = filters_read(&e->checkup);

	if (!fw) {
		fprintf(out, "cannot be read: %s\n", strerror(-e->checkup.firewall_error));
		return;
	}
	fprintf(out, "%zu chains, %zu rules; values are hexadecimal, as in packets\n", fw->n_chains,
		fw->n_rules);
	fw_dump(out, fw, MAX_FILTER_RULES);
}

/* ---- sysctls ------------------------------------------------------------ */

static void print_sysctl(FILE *out, const char *name)
{
	char path[160], value[128];
	__cleanup_file FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	file = fopen(path, "re");
	if (file && fgets(value, sizeof(value), file))
		fprintf(out, "%s = %s", name, value);
}

static void print_sysctls_of(FILE *out, const char *ifname)
{
	static const char *const names[] = {
		"ipv4/conf/%s/forwarding",     "ipv4/conf/%s/rp_filter",
		"ipv4/conf/%s/src_valid_mark", "ipv4/conf/%s/send_redirects",
		"ipv4/conf/%s/route_localnet", "ipv4/conf/%s/accept_local",
		"ipv6/conf/%s/forwarding",     "ipv6/conf/%s/disable_ipv6",
		"ipv6/conf/%s/accept_ra",
	};
	char name[96], full[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(name, sizeof(name), names[i], ifname);
		snprintf(full, sizeof(full), "net/%s", name);
		print_sysctl(out, full);
	}
}

void bundle_sysctls(FILE *out, struct examination *e)
{
	static const char *const names[] = {
		"net/core/somaxconn",
		"net/core/bpf_jit_enable",
		"kernel/unprivileged_bpf_disabled",
		"net/ipv4/ip_forward",
		"net/ipv4/ip_local_port_range",
		"net/ipv4/tcp_syncookies",
		"net/ipv4/tcp_tw_reuse",
		"net/ipv4/tcp_max_syn_backlog",
		"net/ipv4/tcp_fwmark_accept",
		"net/ipv4/fwmark_reflect",
		"net/ipv4/tcp_l3mdev_accept",
		"net/ipv4/udp_l3mdev_accept",
		"net/bridge/bridge-nf-call-iptables",
		"net/netfilter/nf_conntrack_max",
		"net/netfilter/nf_conntrack_count",
		"fs/file-max",
		"fs/file-nr",
	};
	const struct checkup *c = &e->checkup;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		print_sysctl(out, names[i]);
	print_sysctls_of(out, "all");
	print_sysctls_of(out, "default");
	for (size_t i = 0; i < c->n && i < MAX_LINES; i++)
		if (c->ifaces[i].there && !strchr(c->ifaces[i].device.name, '/'))
			print_sysctls_of(out, c->ifaces[i].device.name);
}

/* ---- listeners ---------------------------------------------------------- */

static void print_listener(FILE *out, const struct listener *l)
{
	char text[INET6_ADDRSTRLEN] = "?";
	__u8 addr[16];
	struct holder holder;
	const __u8 family = mapped_to(l->addr, addr);

	inet_ntop(family, addr, text, sizeof(text));
	fprintf(out, "%s %s port %u family %u%s%s%s device %d uid %u waiting %u",
		l->protocol == IPPROTO_TCP ? "tcp" : "udp", text, l->port,
		l->family == AF_INET ? 4 : 6, l->v6only ? " v6only" : "",
		l->transparent ? " transparent" : "", l->shut ? " shut" : "", l->device, l->uid,
		l->waiting);
	if (listener_holder(l, &holder))
		fprintf(out, " %s (pid %d)", holder.comm, (int)holder.pid);
	fputc('\n', out);
}

void bundle_listeners(FILE *out, struct examination *e)
{
	struct listeners listeners __cleanup_listeners = { 0 };
	int err = listeners_read(&listeners);

	if (err)
		fprintf(out, "cannot be listed: %s\n", strerror(-err));
	for (size_t i = 0; i < listeners.n && i < MAX_LINES; i++)
		print_listener(out, &listeners.items[i]);
}
