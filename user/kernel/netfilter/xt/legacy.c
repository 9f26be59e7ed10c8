/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/xt/legacy.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util.h"

#define MAX_TABLE (64u << 20) /* bytes */
#define TRIES 3               /* while others change the table */

_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "both families alike");
_Static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO, "both families alike");
_Static_assert(IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES, "both families alike");

struct family {
	__u8 protocol; /* NFPROTO_* */
	int domain, level;
	const char *names; /* of the tables that exist */
};

static const struct family families[] = {
	{ NFPROTO_IPV4, AF_INET, IPPROTO_IP, "/proc/thread-self/net/ip_tables_names" },
	{ NFPROTO_IPV6, AF_INET6, IPPROTO_IPV6, "/proc/thread-self/net/ip6_tables_names" },
};

static int get_info(int fd, const struct family *family, const char *name,
		    struct ipt_getinfo *ret_info)
{
	socklen_t len = sizeof(*ret_info);

	*ret_info = (struct ipt_getinfo){ .size = 0 };
	snprintf(ret_info->name, sizeof(ret_info->name), "%s", name);
	return getsockopt(fd, family->level, IPT_SO_GET_INFO, ret_info, &len) ? -errno : 0;
}

static int parse(struct firewall *fw, const struct family *family, const struct ipt_getinfo *info,
		 const struct ipt_get_entries *entries)
{
	struct legacy_table table = {
		.family = family->protocol,
		.name = info->name,
		.hooks = info->valid_hooks,
		.entries = (const __u8 *)entries->entrytable,
		.size = info->size,
	};

	memcpy(table.entry, info->hook_entry, sizeof(table.entry));
	memcpy(table.underflow, info->underflow, sizeof(table.underflow));
	return legacy_parse(fw, &table);
}

/* -EAGAIN: the table has changed in between. */
static int read_once(struct firewall *fw, int fd, const struct family *family, const char *name)
{
	__cleanup_free struct ipt_get_entries *entries = NULL;
	struct ipt_getinfo info;
	socklen_t len;
	int err = get_info(fd, family, name, &info);

	if (err)
		return err;
	if (info.size > MAX_TABLE)
		return -E2BIG;
	len = (socklen_t)(sizeof(*entries) + info.size);
	entries = calloc(1, len);
	if (!entries)
		return -ENOMEM;
	snprintf(entries->name, sizeof(entries->name), "%s", name);
	entries->size = info.size;
	if (getsockopt(fd, family->level, IPT_SO_GET_ENTRIES, entries, &len))
		return -errno;
	return parse(fw, family, &info, entries);
}

static int read_table(struct firewall *fw, int fd, const struct family *family, const char *name)
{
	int err = -EAGAIN;

	for (int i = 0; i < TRIES && err == -EAGAIN; i++)
		err = read_once(fw, fd, family, name);
	if (err == -EAGAIN || err == -E2BIG || err == -EBADMSG || err == -ENOENT) {
		fw->incomplete = true;
		return 0;
	}
	return err;
}

static int read_family(struct firewall *fw, const struct family *family)
{
	__cleanup_file FILE *file = fopen(family->names, "re");
	__cleanup_close int fd = -1;
	char name[XT_TABLE_MAXNAMELEN];
	int err = 0;

	while (!err && file && fscanf(file, "%31s", name) == 1) {
		if (fd < 0)
			fd = socket(family->domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
		err = fd < 0 ? -errno : read_table(fw, fd, family, name);
	}
	return err;
}

int legacy_read(struct firewall *fw)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && !err; i++)
		err = read_family(fw, &families[i]);
	return err;
}
