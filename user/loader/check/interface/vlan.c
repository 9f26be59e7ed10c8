/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do packets of a VLAN pass an attached interface? Our program leaves tagged packets alone: they
 * belong to the VLAN device, which has to be attached itself.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "loader/check/list.h"

struct trunk {
	struct checkup *c;
	const struct checked_iface *iface;
	bool has_address; /* of its own, so that packets without a tag are expected, too */
};

static int note_address(const struct address *address, void *arg)
{
	struct trunk *t = arg;
	const bool link_local = address->family == AF_INET6 && address->addr[0] == 0xfe;

	t->has_address |= address->ifindex == t->iface->device.ifindex && !link_local;
	return 0;
}

/* Received packets, by /proc/net/dev: "  eth0.5: BYTES PACKETS …". */
static unsigned long long received(const char *ifname)
{
	__cleanup_file FILE *file = fopen("/proc/thread-self/net/dev", "re");
	unsigned long long packets = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		char *name = line + strspn(line, " "), *colon = strrchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		if (!strcmp(name, ifname))
			return sscanf(colon + 1, "%*u %llu", &packets) == 1 ? packets : 0;
	}
	return 0;
}

static bool is_attached(const struct checkup *c, int ifindex)
{
	for (size_t i = 0; i < c->n; i++)
		if ((int)c->ifaces[i].iface.ifindex == ifindex)
			return true;
	return false;
}

static int check_child(const struct device *device, void *arg)
{
	struct trunk *t = arg;
	struct problem *p;
	int instead;
	unsigned long long n;

	if (device->parent != t->iface->device.ifindex || strcmp(device->kind, "vlan") ||
	    is_attached(t->c, device->ifindex))
		return 0;
	n = received(device->name);
	if (!n || t->has_address || device_refusal(device, &instead)) {
		checkup_evidence(t->c, "%s is not attached", device->name);
		return 0;
	}
	p = problem_add(&t->c->problems, "vlan-not-attached", VERDICT_DEGRADED,
			t->iface->device.name, NULL);
	problem_text(p,
		     "it has no address of its own, and %llu tagged packets went to %s, which is "
		     "not attached: its flows are not intercepted",
		     n, device->name);
	problem_next(p, "tproxy-loader attach %s", device->name);
	return 0;
}

void check_vlan(struct checkup *c, const struct checked_iface *iface)
{
	struct trunk trunk = { .c = c, .iface = iface };
	int err = 0;

	if (!(iface->iface.value.roles & TPROXY_ROLE_POLICY))
		return;
	err = device_addresses(&c->session->nl, note_address, &trunk);
	if (!err)
		err = device_walk(&c->session->nl, check_child, &trunk);
	if (err)
		checkup_unchecked(c, "%s: %s", iface->device.name, strerror(-err));
}
