/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udp/path.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "relay/net/sockopt.h"

#define PATHS 1024     /* a new path replaces another one with the same index */
#define PATH_MS 600000 /* as the kernel's net.ipv4.route.mtu_expires */

struct path {
	union saddr client; /* without ports */
	union saddr server;
	uint32_t mtu;
	uint64_t until; /* ms */
};

struct path_table {
	uint32_t seed;
	struct path path[PATHS];
};

struct path_table *path_table_new(uint32_t seed)
{
	struct path_table *p = calloc(1, sizeof(*p));

	if (p)
		p->seed = seed;
	return p;
}

void path_table_free(struct path_table *p)
{
	free(p);
}

static struct path key_of(const union saddr *client, const union saddr *server)
{
	struct path key = { .client = *client, .server = *server };

	saddr_set_port(&key.client, 0);
	saddr_set_port(&key.server, 0);
	return key;
}

static uint32_t index_of(const struct path_table *p, const struct path *key)
{
	return saddr_hash(&key->client, saddr_hash(&key->server, p->seed)) % PATHS;
}

void path_note(struct path_table *p, const union saddr *client, const union saddr *server,
	       uint32_t mtu, uint64_t now)
{
	struct path key = key_of(client, server);

	key.mtu = mtu;
	key.until = now + PATH_MS;
	p->path[index_of(p, &key)] = key;
}

uint32_t path_find(const struct path_table *p, const union saddr *client, const union saddr *server,
		   uint64_t now)
{
	struct path key = key_of(client, server);
	const struct path *path = &p->path[index_of(p, &key)];

	return now < path->until && saddr_equal(&path->client, &key.client) &&
			       saddr_equal(&path->server, &key.server) ?
		       path->mtu :
		       0;
}

int path_filter(int fd, uint32_t mtu)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)SKF_NET_OFF + 6),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IP_DF, 0, 2),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)SKF_NET_OFF + 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, mtu, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { ARRAY_SIZE(code), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ? -errno : 0;
}

uint32_t path_mtu(const union saddr *peer, int device)
{
	__cleanup_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(int);
	int mtu = 0;

	if (fd < 0 || sockopt_device(fd, device) || connect(fd, &peer->sa, saddr_len(peer)) ||
	    getsockopt(fd, SOL_IPV6, IPV6_MTU, &mtu, &len))
		return 0;
	return (uint32_t)mtu;
}

uint32_t path_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) ? 0 : info[SK_MEMINFO_DROPS];
}
