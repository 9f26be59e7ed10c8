/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/shadow/masks.h"

#include <stdlib.h>

#include "lib/util.h"

int masks_append(struct masks *masks, tproxy_mask mask)
{
	int err = array_room((void **)&masks->items, masks->n, &masks->room, sizeof(*masks->items));

	if (!err)
		masks->items[masks->n++] = mask;
	return err;
}

static int mask_order(const void *a, const void *b)
{
	const tproxy_mask x = *(const tproxy_mask *)a, y = *(const tproxy_mask *)b;

	return x < y ? -1 : x > y;
}

void masks_unique(struct masks *masks)
{
	size_t kept = 0;

	if (!masks->n)
		return;
	qsort(masks->items, masks->n, sizeof(*masks->items), mask_order);
	for (size_t i = 1; i < masks->n; i++)
		if (masks->items[i] != masks->items[kept])
			masks->items[++kept] = masks->items[i];
	masks->n = kept + 1;
}

int masks_before(const struct masks *all, int rule, struct masks *ret_masks)
{
	struct masks masks = { 0 };
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < all->n && !err; i++)
		if (all->items[i] >> rule & 1)
			err = masks_append(&masks, all->items[i] & ((1ULL << rule) - 1));
	masks_unique(&masks);
	for (size_t i = 0; i < masks.n && masks.n <= MASKS_MAX; i++) {
		bool harder = false;

		/* A subset is a smaller number, and so comes before. */
		for (size_t j = 0; j < kept; j++)
			harder |= (masks.items[j] & ~masks.items[i]) == 0;
		if (!harder)
			masks.items[kept++] = masks.items[i];
	}
	masks.n = masks.n <= MASKS_MAX ? kept : masks.n;
	*ret_masks = masks;
	return err;
}

int masks_cross(struct masks *masks, const struct masks *more)
{
	struct masks all = { 0 };
	int err = 0;

	if (masks->n * more->n > MASKS_MAX)
		err = masks_append(&all, 0);
	else
		for (size_t i = 0; i < masks->n; i++)
			for (size_t j = 0; j < more->n && !err; j++)
				err = masks_append(&all, masks->items[i] & more->items[j]);
	masks_unique(&all);
	free(masks->items);
	*masks = all;
	return err;
}
