/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/kinds.h"

#include <string.h>

#include "lib/util.h"

static const struct kind *const tables[] = {
	kinds_kernel, kinds_interface, kinds_routing, kinds_firewall, kinds_host,
	kinds_proxy,  kinds_relay,     kinds_policy,  kinds_own,
};

/* Of the last kind of a table; NULL after the last table. */
static const struct kind *after_table_of(const struct kind *kind)
{
	for (size_t i = 0; i + 1 < ARRAY_SIZE(tables); i++)
		for (const struct kind *k = tables[i]; k->id; k++)
			if (k == kind)
				return tables[i + 1];
	return NULL;
}

const struct kind *kind_next(const struct kind *kind)
{
	if (!kind)
		return tables[0];
	return kind[1].id ? kind + 1 : after_table_of(kind);
}

const struct kind *kind_find(const char *id)
{
	for (const struct kind *k = kind_next(NULL); k; k = kind_next(k))
		if (!strcmp(k->id, id))
			return k;
	return NULL;
}
