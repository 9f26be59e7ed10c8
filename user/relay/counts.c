/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/counts.h"

#include <fcntl.h>
#include <string.h>

#include "lib/util.h"
#include "relay/log/record.h"

static int adopt(struct counts *counts, struct clients *clients, const struct retired *one)
{
	/* The original travels on to the relay after us. */
	__cleanup_close int fd = fcntl(one->segment_fd, F_DUPFD_CLOEXEC, 0);
	struct segment *segment;
	int err = fd < 0 ? -errno : clients_adopt(clients, fd, &segment);

	if (err)
		return err;
	take_fd(&fd);
	counts->items[counts->count].pid = one->pid;
	counts->items[counts->count++].segment = segment;
	return 0;
}

void counts_adopt(struct counts *counts, struct clients *clients, const struct retired_list *list)
{
	for (unsigned int i = 0; i < list->count && counts->count < RETIRED_MAX; i++) {
		const struct retired *one = &list->items[i];
		int err = one->segment_fd < 0 ? -ENOENT : adopt(counts, clients, one);

		if (err)
			record_say(
				RECORD_WARN,
				"hand-over: the flows of process %d do not count for the limits: "
				"%s (they end within its retire-timeout)",
				(int)one->pid, strerror(-err));
	}
}

void counts_forget(struct counts *counts, struct clients *clients, pid_t pid)
{
	for (unsigned int i = 0; i < counts->count; i++) {
		if (counts->items[i].pid != pid)
			continue;
		clients_forget(clients, counts->items[i].segment);
		counts->items[i] = counts->items[--counts->count];
		return;
	}
}
