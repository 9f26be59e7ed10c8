/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/binding.h"

#include <stdio.h>
#include <string.h>

#include "lib/device.h"

static int explain(int err, const char *name, char *ret_why, size_t size)
{
	if (err == -ENODEV)
		snprintf(ret_why, size, "--device %s: no such device (see: ip link)", name);
	else
		snprintf(ret_why, size, "--device %s: the kernel cannot be asked for it: %s", name,
			 strerror(-err));
	return err;
}

int binding_find(const char *name, struct binding *ret_binding, char *ret_why, size_t size)
{
	struct nl nl __cleanup_nl = { 0 };
	struct device device, vrf;
	int err = nl_open(&nl);

	if (!err)
		err = device_by_name(&nl, name, &device);
	if (err)
		return explain(err, name, ret_why, size);
	if (!strcmp(device.kind, "vrf")) {
		snprintf(ret_why, size,
			 "--device %s: flows do not come in by a VRF itself (name a member; see: "
			 "ip link show vrf %s)",
			 name, name);
		return -EINVAL;
	}
	*ret_binding = (struct binding){ .in = device.ifindex, .vrf = device_vrf(&device) };
	if (!ret_binding->vrf)
		return 0;
	err = device_by_index(&nl, ret_binding->vrf, &vrf);
	if (err)
		return explain(err, name, ret_why, size);
	memcpy(ret_binding->vrf_name, vrf.name, sizeof(vrf.name));
	return 0;
}

int device_chooser_open(struct device_chooser *chooser, const struct binding *binding)
{
	*chooser = (struct device_chooser){ .vrf = binding->vrf };
	return chooser->vrf ? nl_open(&chooser->nl) : 0;
}

void device_chooser_close(struct device_chooser *chooser)
{
	if (chooser->nl.socket)
		nl_close(&chooser->nl);
	*chooser = (struct device_chooser){ 0 };
}

static int read_device(const struct nlmsghdr *msg, void *data)
{
	const struct nlattr *attr[RTA_MAX + 1];
	struct nl_attrs attrs = { attr, RTA_MAX };
	const struct rtmsg *route = mnl_nlmsg_get_payload(msg);
	int *ifindex = data;

	/* If there is no route, or it is a local one, connect fails with the right error. */
	if (route->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	nl_parse(msg, sizeof(struct rtmsg), &attrs);
	if (attr[RTA_OIF])
		*ifindex = (int)mnl_attr_get_u32(attr[RTA_OIF]);
	return MNL_CB_OK;
}

/* The device by which the VRF's routes lead to the destination. */
static int route_device(struct device_chooser *chooser, const union saddr *dst)
{
	bool v4 = dst->sa.sa_family == AF_INET;
	const void *addr = v4 ? (const void *)&dst->v4.sin_addr : &dst->v6.sin6_addr;
	__u16 len = v4 ? sizeof(dst->v4.sin_addr) : sizeof(dst->v6.sin6_addr);
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(&chooser->nl, buf, RTM_GETROUTE, 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(msg, sizeof(*route));
	int ifindex = chooser->vrf;
	int err;

	route->rtm_family = (__u8)dst->sa.sa_family;
	route->rtm_dst_len = (__u8)(len * 8);
	mnl_attr_put(msg, RTA_DST, len, addr);
	mnl_attr_put_u32(msg, RTA_OIF, (__u32)chooser->vrf);
	err = nl_query(&chooser->nl, msg, read_device, &ifindex);
	return err ? err : ifindex;
}

int device_chooser_find(struct device_chooser *chooser, const union saddr *dst, bool foreign)
{
	return foreign && chooser->vrf ? route_device(chooser, dst) : chooser->vrf;
}
