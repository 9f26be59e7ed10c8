/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of rule options and of keys as text: lists of ports, prefixes, interfaces, owners;
 * proxies.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/util.h"
#include "policy/policy.h"

struct list_parse {
	__u8 proto;
	struct service_set *services;
	struct prefix_set *prefixes;
	struct name_set *names;
	enum tproxy_owner_kind kind;
	struct owner_set *owners;
	const char **ret_why;
};

static int parse_service_item(const char *item, void *arg)
{
	struct list_parse *p = arg;
	struct port_range range;
	int err = parse_port_range(item, &range, p->ret_why);

	return err ? err : service_set_add(p->services, p->proto, range);
}

int policy_parse_services(const char *text, __u8 proto, struct service_set *set,
			  const char **ret_why)
{
	struct list_parse p = { .proto = proto, .services = set, .ret_why = ret_why };

	*ret_why = "out of memory";
	return parse_list(text, parse_service_item, &p);
}

static int parse_prefix_item(const char *item, void *arg)
{
	struct list_parse *p = arg;
	struct prefix prefix;
	int err;

	if (!strcmp(item, "all"))
		return prefix_set_add_all(p->prefixes);
	err = parse_prefix(item, &prefix, p->ret_why);
	return err ? err : prefix_set_add(p->prefixes, &prefix);
}

int policy_parse_prefixes(const char *text, struct prefix_set *set, const char **ret_why)
{
	struct list_parse p = { .prefixes = set, .ret_why = ret_why };

	*ret_why = "out of memory";
	return parse_list(text, parse_prefix_item, &p);
}

static int parse_interface_item(const char *item, void *arg)
{
	struct list_parse *p = arg;

	if (policy_ifname_is_valid(item))
		return name_set_add(p->names, item);
	*p->ret_why = "not a name of an interface, or a glob";
	return -EINVAL;
}

int policy_parse_interfaces(const char *text, struct name_set *set, const char **ret_why)
{
	struct list_parse p = { .names = set, .ret_why = ret_why };

	*ret_why = "out of memory";
	return parse_list(text, parse_interface_item, &p);
}

int policy_take_owner(const char *item, enum tproxy_owner_kind kind, struct owner_set *set,
		      const char **ret_why)
{
	struct owner_item owner;
	int err;

	if (!strcmp(item, "none")) {
		set->none = true;
		return 0;
	}
	err = owner_parse(kind, item, &owner, ret_why);
	if (err)
		return err;
	*ret_why = "more than 1024 items";
	err = set->n < OWNER_SET_MAX ? owner_set_add(set, &owner) : -E2BIG;
	owner_free(&owner);
	return err;
}

static int parse_owner_item(const char *item, void *arg)
{
	struct list_parse *p = arg;

	return policy_take_owner(item, p->kind, p->owners, p->ret_why);
}

int policy_parse_owners(const char *text, enum tproxy_owner_kind kind, struct owner_set *set,
			const char **ret_why)
{
	struct list_parse p = { .kind = kind, .owners = set, .ret_why = ret_why };

	*ret_why = "out of memory";
	return parse_list(text, parse_owner_item, &p);
}

_Static_assert(OWNER_SET_MAX == 1024, "policy_take_owner says so");

int policy_parse_service(const char *text, struct service *ret_service, const char **ret_why)
{
	struct service service = { 0 };
	const char *rest;
	int err;

	if (!strncmp(text, "tcp", 3)) {
		service.proto = IPPROTO_TCP;
	} else if (!strncmp(text, "udp", 3)) {
		service.proto = IPPROTO_UDP;
	} else {
		*ret_why = "expected tcp/PORT or udp/PORT";
		return -EINVAL;
	}
	rest = text + 3;
	if (*rest == '/') {
		err = parse_port_range(rest + 1, &service.range, ret_why);
		if (err)
			return err;
	} else if (*rest) {
		*ret_why = "expected tcp/PORT or udp/PORT";
		return -EINVAL;
	}
	*ret_service = service;
	return 0;
}

int policy_parse_port(const char *text, struct service *ret_service, const char **ret_why)
{
	struct service service = { 0 };
	int err;

	if (!strncmp(text, "tcp", 3) || !strncmp(text, "udp", 3))
		return policy_parse_service(text, ret_service, ret_why);
	err = parse_port_range(text, &service.range, ret_why);
	if (err)
		return err;
	*ret_service = service;
	return 0;
}

static int parse_port_item(const char *item, void *arg)
{
	struct list_parse *p = arg;
	struct service service;
	int err = policy_parse_port(item, &service, p->ret_why);

	return err ? err : service_set_add(p->services, service.proto, service.range);
}

int policy_parse_ports(const char *text, struct service_set *set, const char **ret_why)
{
	struct list_parse p = { .services = set, .ret_why = ret_why };

	*ret_why = "out of memory";
	return parse_list(text, parse_port_item, &p);
}

int policy_parse_proto(const char *text)
{
	if (!strcmp(text, "udp+tcp"))
		return POLICY_TCP_UDP;
	return parse_name(text, policy_proto_names, POLICY_PROTO_MAX);
}

int policy_parse_proxy(const char *text, struct endpoint *ret_proxy, const char **ret_why)
{
	if (!strcmp(text, "relay")) {
		*ret_proxy = (struct endpoint){ 0 };
		return 0;
	}
	return parse_endpoint(text, ret_proxy, ret_why);
}

char *service_format(const struct service *service, char *buf)
{
	const char *proto = service->proto == IPPROTO_TCP ? "tcp" : "udp";

	if (!service->range.first)
		snprintf(buf, SERVICE_TEXT_LEN, "%s", proto);
	else if (service->range.first == service->range.last)
		snprintf(buf, SERVICE_TEXT_LEN, "%s/%u", proto, service->range.first);
	else
		snprintf(buf, SERVICE_TEXT_LEN, "%s/%u-%u", proto, service->range.first,
			 service->range.last);
	return buf;
}

char *proxy_format(const struct endpoint *proxy, char *buf)
{
	char addr[INET6_ADDRSTRLEN] = "";

	if (!proxy->port)
		snprintf(buf, PROXY_TEXT_LEN, "relay");
	else if (!proxy->family)
		snprintf(buf, PROXY_TEXT_LEN, "%u", proxy->port);
	else if (inet_ntop(proxy->family, proxy->addr, addr, sizeof(addr)))
		snprintf(buf, PROXY_TEXT_LEN, proxy->family == AF_INET ? "%s:%u" : "[%s]:%u", addr,
			 proxy->port);
	return buf;
}

static size_t format_owners(enum tproxy_owner_kind kind, const struct owner_set *set, char *buf,
			    size_t size)
{
	size_t len = (size_t)snprintf(buf, size, " %s%s", owner_kind_names[kind],
				      owner_set_is_none(set) ? " none" : "");
	char text[OWNER_TEXT_LEN];

	for (size_t i = 0; i < set->n && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%c%s", i ? ',' : ' ',
					owner_text(&set->items[i], text));
	return len;
}

char *own_format(const struct rule *rule, char *buf, size_t size)
{
	const char *before = " of";
	size_t len = 0;

	*buf = '\0';
	if (rule_is_local(rule))
		len = (size_t)snprintf(buf, size, "own traffic%s",
				       rule->local == TPROXY_LOCAL_ONLY ? " only" : "");
	for (int kind = 0; kind < TPROXY_OWNER_KIND_MAX && len && len < size; kind++) {
		if (owner_set_is_any(&rule->owners[kind]))
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s", before);
		if (len < size)
			len += format_owners(kind, &rule->owners[kind], buf + len, size - len);
		before = ",";
	}
	return buf;
}
