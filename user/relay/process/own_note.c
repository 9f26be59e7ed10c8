/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/own_note.h"

#include "lib/util.h"

int own_note_add_self(struct own_note *note)
{
	int err = note->n < ARRAY_SIZE(note->tasks) ?
			  own_task_read(getpid(), &note->tasks[note->n]) :
			  -ENOSPC;

	if (!err)
		note->n++;
	note->noted = note->failed = (struct file_id){ 0 };
	return err;
}

static int enter(const struct own_note *note, const struct pins *pins)
{
	__cleanup_close int map = pins_open_own_tasks(pins);
	int err = map < 0 ? map : 0;

	for (unsigned int i = 0; i < note->n && !err; i++)
		err = own_task_enter(map, &note->tasks[i]);
	return err;
}

int own_note_sync(struct own_note *note, const struct pins *pins)
{
	struct file_id now;
	int err;

	if (!file_id_get(pins->own_tasks, &now) || file_id_same(&now, &note->noted))
		return 0;
	err = enter(note, pins);
	if (!err) {
		note->noted = now;
		return 1;
	}
	if (file_id_same(&now, &note->failed))
		return 0;
	note->failed = now;
	return err;
}
