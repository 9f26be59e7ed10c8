/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/net/localports.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"
#include "lib/util.h"

#define READ_EVERY_MS 10000
#define TRIES 8 /* to find a port that is not reserved */

/* The kernel's defaults, where /proc/sys cannot be read. */
#define FIRST_DEFAULT 32768
#define LAST_DEFAULT 60999

/* Returns text, which is empty if the file cannot be read. */
static char *read_sysctl(const char *path, char *text, size_t size)
{
	__cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void read_range(struct local_ports *ports)
{
	char text[64];
	unsigned int first, last;

	ports->first = FIRST_DEFAULT;
	ports->last = LAST_DEFAULT;
	read_sysctl("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof(text));
	if (sscanf(text, "%u %u", &first, &last) != 2 || !first || first > last || last > 65535)
		return;
	ports->first = (uint16_t)first;
	ports->last = (uint16_t)last;
}

/* A list of ports and ranges: "8080,9000-9010". */
static void read_reserved(struct local_ports *ports)
{
	char text[4096];
	char *rest = text, *word;
	struct port_range range;

	memset(&ports->reserved, 0, sizeof(ports->reserved));
	read_sysctl("/proc/sys/net/ipv4/ip_local_reserved_ports", text, sizeof(text));
	while ((word = strsep(&rest, ", \t\n")))
		if (*word && !parse_port_range(word, &range, NULL))
			for (unsigned int port = range.first; port <= range.last; port++)
				port_set_add(&ports->reserved, (uint16_t)port);
}

uint16_t local_ports_pick(struct local_ports *ports, uint64_t now, uint32_t n)
{
	unsigned int count;
	uint16_t port = 0;

	if (now >= ports->due) {
		ports->due = now + READ_EVERY_MS;
		read_range(ports);
		read_reserved(ports);
	}
	count = (unsigned int)(ports->last - ports->first) + 1;
	for (unsigned int i = 0; i < TRIES; i++) {
		port = (uint16_t)(ports->first + (n + i * 7919) % count);
		if (!port_set_has(&ports->reserved, port))
			break;
	}
	return port;
}
