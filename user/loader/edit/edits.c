/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/edits.h"

#include <string.h>

#define SHOWN_EDITS 20
#define ID_LEN 320

struct edit_note {
	char *id;                   /* the object, the same for an edit and its undoing; owned */
	char *line;                 /* owned */
	char rule[TPROXY_NAME_LEN]; /* empty: belongs to no rule */
	bool added;                 /* the rule itself is new */
	bool undone, reported;
};

struct edit_search {
	struct edits seen; /* sorted by id once complete */
	bool has_added;    /* rules */
	int err;
};

/* ---- the edits ---------------------------------------------------------- */

/* The same id for an edit and its undoing: "value_new" and "value_gone" are one. */
static void identify(const struct change_item *item, char *id)
{
	int len = (int)strcspn(item->change, "_");

	snprintf(id, ID_LEN, "%.*s\n%s\n%s\n%s", len, item->change, item->name ? item->name : "",
		 item->key ? item->key : "", item->value ? item->value : "");
}

static void note_edit(const struct change_item *item, void *arg)
{
	struct edit_search *search = arg;
	struct edits *seen = &search->seen;
	struct edit_note note = { .added = !strcmp(item->change, "rule_new") };
	char id[ID_LEN];

	if (!search->err)
		search->err = array_room((void **)&seen->items, seen->n, &seen->room,
					 sizeof(*seen->items));
	if (search->err)
		return;
	identify(item, id);
	note.id = strdup(id);
	note.line = strdup(item->line);
	search->has_added |= note.added;
	if (item->what && !strcmp(item->what, "rule"))
		snprintf(note.rule, sizeof(note.rule), "%s", item->name);
	/* A new generation recomputes the rules of every interface. */
	note.undone = !strcmp(item->change, "interface_rules");
	seen->items[seen->n++] = note;
	if (!note.id || !note.line)
		search->err = -ENOMEM;
}

static int by_id(const void *a, const void *b)
{
	const struct edit_note *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/* ---- what undoes them --------------------------------------------------- */

/* Removing a rule undoes its edits; an added rule with other values is another rule. */
static void undo_of_rule(struct edit_search *search, const struct change_item *item)
{
	bool gone = !strcmp(item->change, "rule_gone");

	for (size_t i = 0; i < search->seen.n; i++) {
		struct edit_note *note = &search->seen.items[i];

		if (!strcmp(note->rule, item->name) && (gone || note->added))
			note->undone = true;
	}
}

static void note_undoing(const struct change_item *item, void *arg)
{
	struct edit_search *search = arg;
	char id[ID_LEN];
	const struct edit_note key = { .id = id };
	struct edit_note *found;

	identify(item, id);
	found = bsearch(&key, search->seen.items, search->seen.n, sizeof(key), by_id);
	if (found)
		found->undone = true;
	if (item->what && !strcmp(item->what, "rule") && (!item->key || search->has_added))
		undo_of_rule(search, item);
}

static int find_edits(struct edit_search *search, const struct state *state,
		      const struct policy *live, const struct config *config)
{
	struct changes since = { .note = note_edit, .arg = search };
	struct changes coming = { .note = note_undoing, .arg = search };
	int err = changes_since_apply(&since, state, live);

	if (!err)
		err = search->err;
	if (err || !search->seen.n)
		return err == -ENOENT ? 0 : err;
	qsort(search->seen.items, search->seen.n, sizeof(*search->seen.items), by_id);
	err = changes_between(&coming, live, &config->policy);
	return err ? err : changes_of_pools(&coming, state, config);
}

/* ---- reporting ---------------------------------------------------------- */

static bool was_reported(const struct edits *before, const struct edit_note *note)
{
	const struct edit_note *found = NULL;

	if (before->n)
		found = bsearch(note, before->items, before->n, sizeof(*note), by_id);
	return found && found->reported && !strcmp(found->line, note->line);
}

static void report(struct edits *edits, struct edit_note *note)
{
	note->reported = true;
	if (++edits->dropped <= SHOWN_EDITS)
		log_warn("edit dropped: %s", note->line);
	if (edits->array && edits->dropped <= SHOWN_EDITS)
		json_object_array_add(edits->array, json_object_new_string(note->line));
}

static void report_all(struct edits *edits, struct edits *seen)
{
	size_t before = edits->dropped;

	for (size_t i = 0; i < seen->n; i++)
		if (seen->items[i].undone)
			seen->items[i].reported = was_reported(edits, &seen->items[i]);
	for (size_t i = 0; i < seen->n; i++)
		if (seen->items[i].undone && !seen->items[i].reported)
			report(edits, &seen->items[i]);
	if (edits->dropped > SHOWN_EDITS && edits->dropped > before)
		log_warn("edits dropped: %zu in all", edits->dropped);
}

int edits_report_dropped(struct edits *edits, const struct state *state, const struct policy *live,
			 const struct config *config)
{
	struct edit_search search = { 0 };
	int err = find_edits(&search, state, live, config);
	struct edits before = *edits;

	if (!err) {
		report_all(edits, &search.seen);
		edits->items = search.seen.items;
		edits->n = search.seen.n;
		edits->room = search.seen.room;
		search.seen = before;
	}
	search.seen.array = NULL;
	edits_free(&search.seen);
	return err;
}

void edits_free(struct edits *edits)
{
	for (size_t i = 0; i < edits->n; i++) {
		free(edits->items[i].id);
		free(edits->items[i].line);
	}
	free(edits->items);
	edits->items = NULL;
	edits->n = edits->room = 0;
}
