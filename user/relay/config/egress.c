/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections [egress NAME]: their keys, and which of them a flow matches. */
#include "relay/config/egress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"

int egress_begin(struct egress_list *list, const char *name, const char **ret_why)
{
	int err;

	*ret_why = "more than 64 sections";
	if (list->count == EGRESS_MAX)
		return -E2BIG;
	err = array_room((void **)&list->items, list->count, &list->room, sizeof(*list->items));
	if (err)
		return err;
	list->items[list->count] = (struct egress){ 0 };
	snprintf(list->items[list->count++].name, TPROXY_NAME_LEN, "%s", name);
	return 0;
}

/* ---- keys --------------------------------------------------------------- */

static int set_source(struct egress *e, const char *value, const char **ret_why)
{
	int err = source_parse(value, &e->outlet.source, ret_why);

	e->has_source |= !err;
	return err;
}

/* It may appear later, and be created again. */
static int set_device(struct egress *e, const char *value, const char **ret_why)
{
	*ret_why = *value ? "too long" : "empty";
	if (!*value || strlen(value) >= sizeof(e->outlet.device))
		return -EINVAL;
	strcpy(e->outlet.device, value);
	return 0;
}

static int set_mark(struct egress *e, const char *value, const char **ret_why)
{
	char *end;
	unsigned long mark = strtoul(value, &end, 0);

	*ret_why = "expected 1 to 0xffffffff";
	if (*value < '0' || *value > '9' || *end || !mark || mark > UINT32_MAX)
		return -EINVAL;
	e->outlet.mark = (uint32_t)mark;
	return 0;
}

static int set_upstream(struct egress *e, const char *value, const char **ret_why)
{
	return upstreams_parse(value, &e->upstreams, ret_why);
}

static int set_check(struct egress *e, const char *value, const char **ret_why)
{
	return upstreams_parse_check(value, &e->upstreams, ret_why);
}

bool egress_is_list(const char *key)
{
	return !strcmp(key, "to") || !strcmp(key, "from");
}

static int begin_list(struct egress *e, const char *key, const char *value, const char **ret_why)
{
	*ret_why = "empty";
	if (!value[strspn(value, ", \t")])
		return -EINVAL;
	*(strcmp(key, "to") ? &e->has_from : &e->has_to) = true;
	return 0;
}

int egress_set(struct egress_list *list, const char *key, const char *value, const char **ret_why)
{
	static const struct {
		const char *name;
		int (*set)(struct egress *e, const char *value, const char **ret_why);
	} keys[] = {
		{ "source", set_source },     { "device", set_device }, { "mark", set_mark },
		{ "upstream", set_upstream }, { "check", set_check },
	};
	struct egress *e = &list->items[list->count - 1];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].name, key))
			return keys[i].set(e, value, ret_why);
	if (egress_is_list(key))
		return begin_list(e, key, value, ret_why);
	*ret_why = "unknown key";
	return -ENOENT;
}

int egress_add(struct egress_list *list, const char *key, const char *entry, const char **ret_why)
{
	struct egress *e = &list->items[list->count - 1];

	if (strcmp(key, "to"))
		return access_add_client(&e->from, entry, ret_why);
	return access_add_destination(&e->to, entry, ret_why);
}

/* ---- the whole ---------------------------------------------------------- */

static void complete(struct egress *e, const struct source *source,
		     const struct upstreams *upstreams)
{
	if (!e->has_source)
		e->outlet.source = *source;
	upstreams_complete(&e->upstreams, upstreams);
}

void egress_complete(struct egress_list *list, const struct source *source,
		     const struct upstreams *upstreams)
{
	complete(&list->other, source, upstreams);
	for (size_t i = 0; i < list->count; i++)
		complete(&list->items[i], source, upstreams);
}

int egress_check(const struct egress_list *list, size_t i, const struct egress_defaults *defaults,
		 char *ret_why, size_t size)
{
	const struct egress *e = &list->items[i];
	const struct source *source = e->has_source ? &e->outlet.source : defaults->source;
	char text[SOURCE_TEXT_LEN];

	if (e->outlet.mark & defaults->marks) {
		snprintf(ret_why, size,
			 "mark = 0x%x: the bits 0x%x are those of tproxy itself (choose others, or "
			 "another mark in [loader])",
			 e->outlet.mark, defaults->marks);
		return -EINVAL;
	}
	/* If both are those of [relay], that is an error there. */
	if ((e->has_source || e->upstreams.count) && source_is_client(source) &&
	    upstreams_have_proxy(e->upstreams.count ? &e->upstreams : defaults->upstreams)) {
		snprintf(ret_why, size,
			 "source = %s: not with an upstream proxy, which connects from its own "
			 "address (set source = own, or upstream = direct)",
			 source_format(source, text));
		return -EINVAL;
	}
	return 0;
}

static bool matches(const struct egress *e, const union saddr *client, const union saddr *dst)
{
	return (!e->has_to || access_tree_has(&e->to, dst)) &&
	       (!e->has_from || access_tree_has(&e->from, client));
}

struct egress *egress_find(struct egress_list *list, const union saddr *client,
			   const union saddr *dst)
{
	for (size_t i = 0; i < list->count; i++)
		if (matches(&list->items[i], client, dst))
			return &list->items[i];
	return &list->other;
}

bool egress_have_client_source(const struct egress_list *list)
{
	bool any = source_is_client(&list->other.outlet.source);

	for (size_t i = 0; i < list->count; i++)
		any |= source_is_client(&list->items[i].outlet.source);
	return any;
}

void egress_free(struct egress_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		access_tree_free(&list->items[i].to);
		access_tree_free(&list->items[i].from);
	}
	free(list->items);
	*list = (struct egress_list){ 0 };
}
