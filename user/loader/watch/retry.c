/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/watch/retry.h"

enum retry_answer retry_ask(struct retry *retry, uint64_t now_ms)
{
	if (retry->given_up)
		return RETRY_GIVEN_UP;
	retry->given_up = repeats_are_many(&retry->tries, now_ms);
	if (retry->given_up)
		return RETRY_GIVE_UP;
	repeats_note(&retry->tries, now_ms);
	return RETRY_NOW;
}

void retry_reset(struct retry *retry)
{
	if (retry->given_up)
		*retry = (struct retry){ .given_up = false };
}

struct retry *retry_of(struct retry_table *table, uint32_t key)
{
	for (size_t i = 0; i < RETRY_KEYS; i++) {
		if (!table->keys[i])
			table->keys[i] = key;
		if (table->keys[i] == key)
			return &table->items[i];
	}
	return &table->items[key % RETRY_KEYS];
}
