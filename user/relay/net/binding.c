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

int egress_open(struct egress *e, const struct binding *binding, bool foreign)
{
	*e = (struct egress){ .vrf = binding->vrf, .by_route = binding->vrf && foreign };
	return e->by_route ? nl_open(&e->nl) : 0;
}

void egress_close(struct egress *e)
{
	if (e->nl.socket)
		nl_close(&e->nl);
	*e = (struct egress){ 0 };
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
static int route_device(struct egress *e, const union saddr *dst)
{
	bool v4 = dst->sa.sa_family == AF_INET;
	const void *addr = v4 ? (const void *)&dst->v4.sin_addr : &dst->v6.sin6_addr;
	__u16 len = v4 ? sizeof(dst->v4.sin_addr) : sizeof(dst->v6.sin6_addr);
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(&e->nl, buf, RTM_GETROUTE, 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(msg, sizeof(*route));
	int ifindex = e->vrf;
	int err;

	route->rtm_family = (__u8)dst->sa.sa_family;
	route->rtm_dst_len = (__u8)(len * 8);
	mnl_attr_put(msg, RTA_DST, len, addr);
	mnl_attr_put_u32(msg, RTA_OIF, (__u32)e->vrf);
	err = nl_query(&e->nl, msg, read_device, &ifindex);
	return err ? err : ifindex;
}

int egress_device(struct egress *e, const union saddr *dst, bool foreign)
{
	return foreign && e->by_route ? route_device(e, dst) : e->vrf;
}
