/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/retired.h"

#include <string.h>

#include "lib/util.h"
#include "relay/log/record.h"

static void make_room(struct retired_list *list)
{
	struct retired *oldest = &list->items[0];

	record_say(
		RECORD_WARN,
		"hand-over: %u relays have flows that do not end: process %d, the oldest, drains",
		RETIRED_MAX, (int)oldest->pid);
	message_send_plain(oldest->control_fd, MESSAGE_DRAIN);
	retired_remove(list, oldest);
}

void retired_add(struct retired_list *list, const struct retired *item)
{
	if (list->count == RETIRED_MAX)
		make_room(list);
	list->items[list->count++] = *item;
}

struct retired *retired_find(struct retired_list *list, int control_fd)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (list->items[i].control_fd == control_fd)
			return &list->items[i];
	return NULL;
}

void retired_remove(struct retired_list *list, struct retired *item)
{
	size_t rest = (size_t)(&list->items[list->count] - (item + 1));

	cleanup_fd(&item->control_fd);
	cleanup_fd(&item->segment_fd);
	memmove(item, item + 1, rest * sizeof(*item));
	list->count--;
}

unsigned int retired_pass(const struct retired_list *list, const struct message_out *out)
{
	unsigned int reached = 0;

	for (unsigned int i = 0; i < list->count; i++)
		reached += !message_send(list->items[i].control_fd, out);
	return reached;
}

unsigned int retired_tell(const struct retired_list *list, enum message_type type)
{
	return retired_pass(list, &(struct message_out){ .type = type });
}

void retired_close(struct retired_list *list)
{
	while (list->count)
		retired_remove(list, &list->items[list->count - 1]);
}
