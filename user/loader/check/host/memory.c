/* SPDX-License-Identifier: BSD-2-Clause */
/* Has the kernel memory for sockets? The limits are those of the whole host. */
#include <string.h>

#include "lib/util.h"
#include "loader/check/list.h"
#include "loader/check/tools/memory_use.h"

static int read_text(const char *path, char *buf, size_t size)
{
	__cleanup_file FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	buf[fread(buf, 1, size - 1, file)] = '\0';
	return 0;
}

/* Returns p, or NULL while there is enough. */
static struct problem *report(struct problem *p, const char *protocol, const struct memory_use *use)
{
	problem_text(p, "sockets of %s have %llu of %llu pages: %s", protocol, use->used, use->most,
		     use->used >= use->most ? "the kernel drops what does not fit" :
					      "the kernel makes their buffers smaller");
	return p;
}

static bool is_short(struct checkup *c, const char *path, const char *protocol,
		     struct memory_use *ret_use)
{
	char sockstat[2048], limits[128];

	/* Only the first network namespace has the limits. */
	if (read_text(path, limits, sizeof(limits)) ||
	    read_text("/proc/self/net/sockstat", sockstat, sizeof(sockstat)) ||
	    memory_use_parse(sockstat, protocol, limits, ret_use))
		return false;
	if (ret_use->used < ret_use->pressure)
		checkup_evidence(c, "%s has %llu of %llu pages", protocol, ret_use->used,
				 ret_use->most);
	return ret_use->used >= ret_use->pressure;
}

static enum verdict verdict_of(const struct memory_use *use)
{
	return use->used >= use->most ? VERDICT_BROKEN : VERDICT_DEGRADED;
}

void check_memory(struct checkup *c)
{
	struct memory_use use;
	struct problem *p;

	if (is_short(c, "/proc/sys/net/ipv4/tcp_mem", "TCP", &use)) {
		p = problem_add(&c->problems, "tcp-memory", verdict_of(&use), NULL, NULL);
		problem_next(report(p, "TCP", &use),
			     "sysctl -w net.ipv4.tcp_mem=\"%llu %llu %llu\"", use.pressure,
			     use.most, 2 * use.most);
	}
	if (is_short(c, "/proc/sys/net/ipv4/udp_mem", "UDP", &use)) {
		p = problem_add(&c->problems, "udp-memory", verdict_of(&use), NULL, NULL);
		problem_next(report(p, "UDP", &use),
			     "sysctl -w net.ipv4.udp_mem=\"%llu %llu %llu\"", use.pressure,
			     use.most, 2 * use.most);
	}
}
