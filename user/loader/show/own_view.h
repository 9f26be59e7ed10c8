/* SPDX-License-Identifier: BSD-2-Clause */
/* What `status` shows of own traffic. Reads and prints; judges nothing. */
#ifndef TPROXY_LOADER_SHOW_OWN_VIEW_H
#define TPROXY_LOADER_SHOW_OWN_VIEW_H

#include <json-c/json.h>

#include "kernel/own/own_hook.h"
#include "kernel/routing/own_route.h"
#include "loader/check/tools/checkup.h"

struct own_family {
	const char *routing;      /* as of interfaces, or "no source address" */
	struct own_source source; /* of the route */
};

struct own_view {
	bool attached, draining;
	struct tproxy_own config;
	char cgroup[OWN_PLACE_LEN]; /* of the hooks */
	bool hooks[OWN_HOOKS];      /* are there */
	enum hook lo;               /* by which its program is there */
	struct own_family family[2];
	size_t tokens; /* given to destinations */
	bool complete; /* all maps and programs are there */
};

void own_view_read(struct own_view *view, const struct checkup *c);
void own_view_print(const struct own_view *view);
struct json_object *own_view_json(const struct own_view *view);

#endif
