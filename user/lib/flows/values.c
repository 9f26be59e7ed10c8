/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/flows/values.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/mapped.h"

const char *const flows_state_names[FLOWS_STATE_MAX] = {
	[FLOWS_CONNECTING] = "connecting",
	[FLOWS_OPEN] = "open",
	[FLOWS_HALF_CLOSED] = "half-closed",
};

struct flows_address flows_address_from(const uint8_t *mapped, uint16_t port)
{
	struct flows_address a = { .port = ntohs(port) };

	a.family = mapped_to(mapped, a.addr);
	return a;
}

char *flows_host_text(const struct flows_address *a, char *buf)
{
	size_t len;

	if (!inet_ntop(a->family, a->addr, buf, FLOWS_TEXT_LEN))
		strcpy(buf, "-");
	len = strlen(buf);
	if (a->scope)
		snprintf(buf + len, FLOWS_TEXT_LEN - len, "%%%u", a->scope);
	return buf;
}

char *flows_address_text(const struct flows_address *a, char *buf)
{
	char host[FLOWS_TEXT_LEN];

	flows_host_text(a, host);
	if (!a->family)
		strcpy(buf, host);
	else
		snprintf(buf, FLOWS_TEXT_LEN, a->family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
			 a->port);
	return buf;
}

char *flows_amount_text(uint64_t amount, char *buf)
{
	static const char units[] = " kMGTPE";
	double value = (double)amount;
	size_t unit = 0;

	while (value >= 999.5 && units[unit + 1]) {
		value /= 1000;
		unit++;
	}
	if (unit)
		snprintf(buf, FLOWS_TEXT_LEN, "%.*f%c", value < 9.95, value, units[unit]);
	else
		snprintf(buf, FLOWS_TEXT_LEN, "%u", (unsigned int)amount);
	return buf;
}

char *flows_time_text(uint64_t ms, char *buf)
{
	unsigned long long s = ms / 1000;

	if (s < 10)
		snprintf(buf, FLOWS_TEXT_LEN, "%llu.%llus", s,
			 (unsigned long long)(ms % 1000 / 100));
	else if (s < 60)
		snprintf(buf, FLOWS_TEXT_LEN, "%llus", s);
	else if (s < 3600)
		snprintf(buf, FLOWS_TEXT_LEN, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, FLOWS_TEXT_LEN, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, FLOWS_TEXT_LEN, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}

const char *flows_state_text(uint8_t state)
{
	return state < FLOWS_STATE_MAX ? flows_state_names[state] : "unknown";
}

const char *flows_proto_text(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : "unknown";
}
