/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/watch/patience.h"

enum patience_answer patience_ask(struct patience *p, uint64_t now_ms)
{
	if (p->lost)
		return PATIENCE_REST;
	p->lost = repeats_are_many(&p->tries, now_ms);
	if (p->lost)
		return PATIENCE_LOSE;
	repeats_note(&p->tries, now_ms);
	return PATIENCE_TRY;
}

void patience_calm(struct patience *p)
{
	if (p->lost)
		*p = (struct patience){ .lost = false };
}

struct patience *patience_of(struct patience_table *table, uint32_t key)
{
	for (size_t i = 0; i < PATIENCE_KEYS; i++) {
		if (!table->keys[i])
			table->keys[i] = key;
		if (table->keys[i] == key)
			return &table->items[i];
	}
	return &table->items[key % PATIENCE_KEYS];
}
