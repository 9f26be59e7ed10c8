/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/device.h"

#include <linux/if_link.h>
#include <string.h>
#include <sys/socket.h>

static void copy_kind(char *to, size_t size, const struct nlattr *attr)
{
	if (attr)
		snprintf(to, size, "%s", mnl_attr_get_str(attr));
}

static int read_link(const struct nlmsghdr *msg, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[IFLA_MAX + 1];
	const struct nlattr *link[IFLA_INFO_MAX + 1];
	struct nl_attrs attrs = { attr, IFLA_MAX };
	struct device *device = data;

	nl_parse(msg, sizeof(*info), &attrs);
	device->ifindex = info->ifi_index;
	device->flags = info->ifi_flags;
	if (attr[IFLA_IFNAME])
		snprintf(device->name, sizeof(device->name), "%s",
			 mnl_attr_get_str(attr[IFLA_IFNAME]));
	if (attr[IFLA_MASTER])
		device->master = (int)mnl_attr_get_u32(attr[IFLA_MASTER]);
	/* The number of a device in another namespace belongs to an unrelated one here. */
	if (attr[IFLA_LINK] && !attr[IFLA_LINK_NETNSID])
		device->parent = (int)mnl_attr_get_u32(attr[IFLA_LINK]);
	if (attr[IFLA_LINKINFO]) {
		struct nl_attrs nested = { link, IFLA_INFO_MAX };

		nl_parse_nested(attr[IFLA_LINKINFO], &nested);
		copy_kind(device->kind, sizeof(device->kind), link[IFLA_INFO_KIND]);
		copy_kind(device->slave_kind, sizeof(device->slave_kind),
			  link[IFLA_INFO_SLAVE_KIND]);
	}
	return MNL_CB_OK;
}

struct device_array {
	struct device *items;
	size_t n, room;
};

/* A device that changed during the dump may come twice: the later answer is the newer one. */
static struct device *place_for(struct device_array *array, int ifindex)
{
	for (size_t i = 0; i < array->n; i++)
		if (array->items[i].ifindex == ifindex)
			return &array->items[i];
	if (array_room((void **)&array->items, array->n, &array->room, sizeof(*array->items)))
		return NULL;
	return &array->items[array->n++];
}

static int collect_link(const struct nlmsghdr *msg, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(msg);
	struct device *device = place_for(data, info->ifi_index);

	if (!device) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	*device = (struct device){ 0 };
	return read_link(msg, device);
}

int device_list(struct nl *nl, struct device **ret_devices, size_t *ret_n)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETLINK, NLM_F_DUMP);
	struct device_array array = { 0 };
	int err;

	mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = nl_query(nl, msg, collect_link, &array);
	if (err) {
		free(array.items);
		return err;
	}
	*ret_devices = array.items;
	*ret_n = array.n;
	return 0;
}

int device_walk(struct nl *nl, int (*cb)(const struct device *device, void *arg), void *arg)
{
	__cleanup_free struct device *devices = NULL;
	size_t n = 0;
	int err = device_list(nl, &devices, &n);

	for (size_t i = 0; i < n && !err; i++)
		err = cb(&devices[i], arg);
	return err;
}

static int get_link(struct nl *nl, const char *name, int ifindex, struct device *ret_device)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
	struct device device = { 0 };
	int err;

	info->ifi_index = ifindex;
	if (name)
		mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	err = nl_query(nl, msg, read_link, &device);
	if (!err)
		*ret_device = device;
	return err;
}

int device_by_name(struct nl *nl, const char *name, struct device *ret_device)
{
	if (!*name || strlen(name) >= IF_NAMESIZE)
		return -ENODEV;
	return get_link(nl, name, 0, ret_device);
}

int device_by_index(struct nl *nl, int ifindex, struct device *ret_device)
{
	return get_link(nl, NULL, ifindex, ret_device);
}

const char *device_refusal(const struct device *device, int *ret_instead)
{
	static const struct {
		const char *kind, *why;
	} refused[] = {
		{ "netkit", "netkit hands packets on without the socket we assign" },
		{ "vrf", "a VRF device runs no ingress program: attach to its members" },
		{ "dummy", "a dummy device receives nothing" },
		{ "ifb", "an ifb device does not deliver to the stack" },
		{ "nlmon", "nlmon only copies netlink messages" },
	};

	*ret_instead = 0;
	if (device->flags & IFF_LOOPBACK)
		return "the host's own traffic is not intercepted by an interface";
	if (!strcmp(device->slave_kind, "bond") || !strcmp(device->slave_kind, "bridge") ||
	    !strcmp(device->slave_kind, "team")) {
		*ret_instead = device->master;
		return "its packets reach the stack through its master";
	}
	if (!strcmp(device->kind, "ipvlan")) {
		*ret_instead = device->parent;
		return "an ipvlan child shares its parent's ingress";
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (!strcmp(device->kind, refused[i].kind))
			return refused[i].why;
	return NULL;
}

int device_vrf(const struct device *device)
{
	return strcmp(device->slave_kind, "vrf") ? 0 : device->master;
}

struct address_walk {
	int (*cb)(const struct address *address, void *arg);
	void *arg;
	int result;
};

static int read_address(const struct nlmsghdr *msg, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[IFA_MAX + 1];
	struct nl_attrs attrs = { attr, IFA_MAX };
	struct address_walk *walk = data;
	struct address address = { 0 };
	const struct nlattr *own;
	__u16 want = info->ifa_family == AF_INET ? 4 : 16;

	nl_parse(msg, sizeof(*info), &attrs);
	/* On a point-to-point device IFA_ADDRESS is the peer, and IFA_LOCAL ours. */
	own = attr[IFA_LOCAL] ? attr[IFA_LOCAL] : attr[IFA_ADDRESS];
	if (!own || mnl_attr_get_payload_len(own) != want)
		return MNL_CB_OK;
	address.ifindex = (int)info->ifa_index;
	address.family = info->ifa_family;
	address.len = info->ifa_prefixlen;
	memcpy(address.addr, mnl_attr_get_payload(own), want);
	if (attr[IFA_BROADCAST] && mnl_attr_get_payload_len(attr[IFA_BROADCAST]) == 4)
		memcpy(address.broadcast, mnl_attr_get_payload(attr[IFA_BROADCAST]), 4);
	walk->result = walk->cb(&address, walk->arg);
	return walk->result ? MNL_CB_STOP : MNL_CB_OK;
}

int device_addresses_of(struct nl *nl, __u8 family, int ifindex,
			int (*cb)(const struct address *address, void *arg), void *arg)
{
	struct address_walk walk = { .cb = cb, .arg = arg };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(nl, buf, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(msg, sizeof(*info));
	int err;

	info->ifa_family = family;
	info->ifa_index = (__u32)ifindex;
	err = nl_query(nl, msg, read_address, &walk);
	return err ? err : walk.result;
}

int device_addresses(struct nl *nl, int (*cb)(const struct address *address, void *arg), void *arg)
{
	return device_addresses_of(nl, AF_UNSPEC, 0, cb, arg);
}
