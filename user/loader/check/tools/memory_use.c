/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/memory_use.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1": the word after "mem" on the line of the protocol. */
static int parse_used(const char *sockstat, const char *protocol, __u64 *ret_used)
{
	const size_t len = strlen(protocol);

	for (const char *line = sockstat; line && *line;) {
		const char *end = strchr(line, '\n'), *mem = strstr(line, " mem ");

		if (!strncmp(line, protocol, len) && line[len] == ':' && mem && (!end || mem < end))
			return sscanf(mem, " mem %llu", ret_used) == 1 ? 0 : -EINVAL;
		line = end ? end + 1 : NULL;
	}
	return -EINVAL;
}

int memory_use_parse(const char *sockstat, const char *protocol, const char *limits,
		     struct memory_use *ret_use)
{
	struct memory_use use;
	__u64 least;

	if (sscanf(limits, "%llu %llu %llu", &least, &use.pressure, &use.most) != 3 ||
	    parse_used(sockstat, protocol, &use.used))
		return -EINVAL;
	*ret_use = use;
	return 0;
}
