/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits to the live policy since the last apply, by hand or by commands, that another file
 * would undo. Reads and reports; changes nothing.
 */
#ifndef TPROXY_LOADER_EDIT_EDITS_H
#define TPROXY_LOADER_EDIT_EDITS_H

#include "loader/edit/changes.h"

struct edit_note;

/* What was reported so far: a second comparison reports only what is new. */
struct edits {
	struct edit_note *items; /* owned */
	size_t n, room;
	size_t dropped;
	struct json_object *array; /* gets the lines; NULL: not wanted */
};

/*
 * Reports each edit that `live` has and `config` does not. live: as read from the maps.
 * 0 or -errno; no file applied yet is no error, and there is nothing to drop then.
 */
int edits_report_dropped(struct edits *edits, const struct state *state, const struct policy *live,
			 const struct config *config);

void edits_free(struct edits *edits);
#define __cleanup_edits __attribute__((cleanup(edits_free)))

#endif
