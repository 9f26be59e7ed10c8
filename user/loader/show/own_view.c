/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/show/own_view.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>

#include "lib/plain.h"
#include "loader/steps/routing/routing.h"
#include "loader/steps/routing/steps_route.h"
#include "policy/config/config.h"

#define BATCH 4096

/* ---- read --------------------------------------------------------------- */

/* Destinations that have one. A token is given to another when it is needed. */
static size_t count_tokens(int fd)
{
	__cleanup_free struct tproxy_token *tokens = calloc(BATCH, sizeof(*tokens));
	__cleanup_free __u32 *keys = calloc(BATCH, sizeof(*keys));
	__u32 place = 0, count;
	size_t n = 0;
	int err = tokens && keys ? 0 : -ENOMEM;

	for (bool first = true; !err; first = false) {
		count = BATCH;
		if (bpf_map_lookup_batch(fd, first ? NULL : &place, &place, keys, tokens, &count,
					 NULL))
			err = -errno;
		for (__u32 i = 0; i < count && (!err || err == -ENOENT); i++)
			n += tokens[i].last_ns != 0;
	}
	return n;
}

static const char *const routing_texts[ROUTING_MAX] = {
	[ROUTING_OK] = "ok",
	[ROUTING_NO_RULE] = "rule missing",
	[ROUTING_NO_ROUTE] = "route missing",
	[ROUTING_EARLIER] = "an earlier rule decides",
	[ROUTING_ABSENT] = "no such family",
};

static void read_family(struct own_view *v, struct session *session, size_t i)
{
	const struct own_route route = own_route_marked(route_families[i], &v->config);
	const struct device lo = { .ifindex = OWN_IFINDEX, .name = "lo" };
	struct own_family *f = &v->family[i];
	struct own_source now = { .found = false };
	bool there = false;

	if (!steps_family_wanted(route.family, "lo")) {
		f->routing = routing_texts[ROUTING_ABSENT];
		return;
	}
	own_route_find(&session->nl, &route, &there, &f->source);
	own_source_find(&session->nl, route.family, &now);
	f->routing = !now.found ? "no source address" :
				  routing_texts[routing_state(session, route.family, &lo)];
}

static void read_parts(struct own_view *v, const struct session *session, const struct own *own)
{
	v->complete = true;
	v->config = own->config;
	plain_text(*own->cgroup ? own->cgroup : "/", sizeof(own->cgroup), v->cgroup,
		   sizeof(v->cgroup));
	v->tokens = count_tokens(own->map[OWN_MAP_TOKENS]);
	for (int i = 0; i < OWN_HOOKS; i++)
		v->hooks[i] = own_hook_cgroup(&session->state, i) != 0;
}

void own_view_read(struct own_view *view, const struct checkup *c)
{
	struct session *session = c->session;
	struct own own __cleanup_own = OWN_CLOSED;
	struct hook_site site;

	*view = (struct own_view){ .attached = c->own.roles & TPROXY_ROLE_LOCAL,
				   .draining = c->own.roles & TPROXY_ROLE_DRAINING };
	if (!view->attached)
		return;
	if (!own_open(&session->state, &own))
		read_parts(view, session, &own);
	own_site_make(&site, &session->nl, &session->state, NULL);
	view->lo = hook_present(&site);
	session->own_key =
		(struct route_key){ view->config.mark, view->config.mark, view->config.table };
	for (size_t i = 0; i < ROUTE_FAMILIES; i++)
		read_family(view, session, i);
}

/* ---- print -------------------------------------------------------------- */

static bool has_hooks(const struct own_view *view)
{
	for (int i = 0; i < OWN_HOOKS; i++)
		if (!view->hooks[i] && !(view->draining && i != OWN_PROG_EGRESS))
			return false;
	return true;
}

static const char *source_text(const struct own_view *view, size_t i, char *buf, size_t size)
{
	const struct own_source *source = &view->family[i].source;

	if (!source->found || !inet_ntop(route_families[i], source->addr, buf, (socklen_t)size))
		snprintf(buf, size, "none");
	return buf;
}

void own_view_print(const struct own_view *view)
{
	char source[2][INET6_ADDRSTRLEN];

	if (!view->attached)
		return;
	printf("own traffic:\n  cgroup %s: %s, lo %s%s, routing IPv4 %s, IPv6 %s\n", view->cgroup,
	       has_hooks(view) ? "hooks there" : "HOOKS MISSING",
	       view->lo == HOOK_NONE ? "PROGRAM MISSING" : hook_names[view->lo],
	       view->draining ? ", draining" : "", view->family[0].routing,
	       view->family[1].routing);
	printf("  mark 0x%x, table %u, source %s and %s, sockets bound to a device %s, %zu tokens "
	       "given\n",
	       view->config.mark, view->config.table,
	       source_text(view, 0, source[0], sizeof(source[0])),
	       source_text(view, 1, source[1], sizeof(source[1])),
	       view->config.flags & TPROXY_OWN_DENY_BOUND ? "refused" : "direct", view->tokens);
}

static struct json_object *hooks_json(const struct own_view *view)
{
	struct json_object *object = json_object_new_object();

	for (int i = 0; i < OWN_HOOKS; i++)
		json_object_object_add(object, own_prog_name(i),
				       json_object_new_boolean(view->hooks[i]));
	return object;
}

static void add_source(struct json_object *object, const struct own_view *view, size_t i)
{
	char text[INET6_ADDRSTRLEN];

	json_object_object_add(
		object, i ? "source6" : "source4",
		view->family[i].source.found ?
			json_object_new_string(source_text(view, i, text, sizeof(text))) :
			NULL);
}

struct json_object *own_view_json(const struct own_view *view)
{
	struct json_object *object = json_object_new_object();
	const enum config_own_bound bound =
		view->config.flags & TPROXY_OWN_DENY_BOUND ? CONFIG_OWN_DENY : CONFIG_OWN_DIRECT;

	json_object_object_add(object, "complete", json_object_new_boolean(view->complete));
	json_object_object_add(object, "draining", json_object_new_boolean(view->draining));
	json_object_object_add(object, "cgroup", json_object_new_string(view->cgroup));
	json_object_object_add(object, "hooks", hooks_json(view));
	json_object_object_add(object, "lo", json_object_new_string(hook_names[view->lo]));
	json_object_object_add(object, "mark", json_object_new_int64(view->config.mark));
	json_object_object_add(object, "table", json_object_new_int64(view->config.table));
	json_object_object_add(object, "bound",
			       json_object_new_string(config_own_bound_names[bound]));
	json_object_object_add(object, "routing4", json_object_new_string(view->family[0].routing));
	json_object_object_add(object, "routing6", json_object_new_string(view->family[1].routing));
	add_source(object, view, 0);
	add_source(object, view, 1);
	json_object_object_add(object, "tokens", json_object_new_uint64(view->tokens));
	return object;
}
