/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Differences between policies, as text and as JSON, and those between the applied file and
 * the live policy. Reads; changes nothing.
 */
#ifndef TPROXY_LOADER_EDIT_CHANGES_H
#define TPROXY_LOADER_EDIT_CHANGES_H

#include <json-c/json.h>

#include "kernel/maps/pools.h"
#include "loader/app/app.h"
#include "loader/app/session.h"
#include "policy/config/config.h"
#include "policy/policy_diff.h"

/* One difference in full; all pointers are valid during the call only. */
struct change_item {
	const char *change;      /* "value_new", as JSON has it */
	const char *what, *name; /* "rule", "pool" or "interface", and which; NULL: [loader] */
	const char *key, *value; /* NULL: the object as a whole */
	const char *role;        /* of an interface, or NULL */
	const char *line;        /* the same for people */
};

struct changes {
	struct json_object *array; /* owned; NULL: not wanted */
	FILE *out;                 /* NULL: not wanted */
	const char *indent;
	size_t limit; /* lines and objects at most; 0: all */
	size_t n;     /* differences found */
	/* Called for each, regardless of the limit; NULL: not wanted. */
	void (*note)(const struct change_item *item, void *arg);
	void *arg;
};

/* Counts one, and keeps or prints it as asked. */
void changes_take(struct changes *changes, const struct change_item *item);

/* Counts, and keeps or prints as asked. 0 or -errno. */
int changes_between(struct changes *changes, const struct policy *from, const struct policy *to);
/* Interfaces with other rules than those that `policy` gives them. */
int changes_of_ifaces(struct changes *changes, const struct state *state,
		      const struct policy *policy);

/* A mark or a table that is not the live one; apply refuses such a file. */
void changes_of_setup(struct changes *changes, const struct state *state,
		      const struct config *config);

/*
 * changes_devices.c: between the interfaces that are attached, with their roles, and those
 * that a configuration names; nothing where it names none.
 */
enum changes_view {
	CHANGES_BY_APPLY, /* what apply does */
	CHANGES_TO_FILE,  /* and attached interfaces that the file does not name */
	CHANGES_SINCE,    /* edits since `config` was applied */
};
int changes_of_devices(struct changes *changes, struct session *session,
		       const struct config *config, enum changes_view view);

/* Between the live pools and those of a configuration; gone: only in the live ones. */
int changes_of_pools(struct changes *changes, const struct state *state,
		     const struct config *config);

/* The applied configuration. -ENOENT: none was applied. */
int changes_applied(const struct state *state, struct config *ret_config);
/* Edits to the live maps since then; live: as read from them. -ENOENT as above. */
int changes_since_apply(struct changes *changes, const struct state *state,
			const struct policy *live);

/* For status: one line, or members of the object. live: as read by the caller. */
void changes_print_status(const struct session *session, const struct policy *live);
void changes_add_status(const struct session *session, const struct policy *live,
			struct json_object *root);

#endif
