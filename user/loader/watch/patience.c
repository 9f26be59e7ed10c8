/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/watch/patience.h"

enum patience_answer patience_ask(struct patience *p, uint64_t now_ms)
{
	uint64_t *oldest = &p->at[p->n % PATIENCE_TIMES];

	if (p->lost)
		return PATIENCE_REST;
	if (p->n >= PATIENCE_TIMES && now_ms - *oldest < PATIENCE_MS) {
		p->lost = true;
		return PATIENCE_LOSE;
	}
	*oldest = now_ms;
	p->n++;
	return PATIENCE_TRY;
}

void patience_calm(struct patience *p)
{
	if (p->lost)
		*p = (struct patience){ .n = 0 };
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
