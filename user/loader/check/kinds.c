/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/kinds.h"

#include <string.h>

#include "lib/util.h"

static const struct kind *const tables[] = {
	kinds_kernel,   kinds_interface, kinds_routing, kinds_firewall, kinds_host,
	kinds_capacity, kinds_proxy,     kinds_relay,   kinds_policy,
};

/* The first kind of this table, or of the first one after it that has any. */
static const struct kind *first_from(size_t table)
{
	for (; table < ARRAY_SIZE(tables); table++)
		if (tables[table]->id)
			return tables[table];
	return NULL;
}

static size_t table_of(const struct kind *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct kind *k = tables[i]; k->id; k++)
			if (k == kind)
				return i;
	return ARRAY_SIZE(tables);
}

const struct kind *kind_next(const struct kind *kind)
{
	if (!kind)
		return first_from(0);
	return kind[1].id ? kind + 1 : first_from(table_of(kind) + 1);
}

const struct kind *kind_find(const char *id)
{
	for (const struct kind *k = kind_next(NULL); k; k = kind_next(k))
		if (!strcmp(k->id, id))
			return k;
	return NULL;
}
