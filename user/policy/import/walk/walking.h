/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the walk share: walking.c follows lines, walk_match.c says what they match. */
#ifndef TPROXY_POLICY_IMPORT_WALK_WALKING_H
#define TPROXY_POLICY_IMPORT_WALK_WALKING_H

#include "policy/import/ipt/ruleset.h"
#include "policy/import/walk/marks.h"
#include "policy/import/walk/walk_result.h"

/* Tables and hooks in the order in which a packet meets them. */
enum walk_stage {
	WALK_BEGIN,
	WALK_OUT_RAW,
	WALK_OUT_MANGLE,
	WALK_OUT_NAT,
	WALK_IN_RAW,
	WALK_IN_MANGLE,
	WALK_END
};

/* Results besides -errno. */
enum {
	WALK_OPEN,   /* the flows go on with the next line */
	WALK_CLOSED, /* all is decided about them */
	WALK_RETURN, /* they leave the chain */
};

struct walk {
	struct ruleset *rules;
	struct walk_result *result;
	__u8 family;
	bool own;            /* traffic of this host, which begins at OUTPUT */
	bool probe;          /* of flows to addresses of this host: only to see what happens */
	bool marks_matter;   /* some line asks for them */
	bool has_mark_lines; /* such a line was met */
	bool established;    /* a line lets pass what had an answer */
	bool drafted;        /* the last decision became a rule */
	unsigned int steps, depth;
};

/* What a packet carries along. */
struct walk_state {
	enum walk_stage stage;
	struct marks marks;
	bool came_back; /* own traffic, by lo */
};

/* A line, and the lines that jumped to its chain. */
struct walk_frame {
	int line;
	const struct walk_frame *up;
};

/* A line, and which of the flows it matches. */
struct walk_step {
	const struct walk_frame *frame;
	struct flows flows;
	bool whole;    /* that is all of them */
	bool excluded; /* its negated conditions leave nothing */
};

/* Lines of a chain from `at` on. */
int walk_lines(struct walk *w, int at, const struct walk_frame *up, const struct flows *flows,
	       struct walk_state s);
/* All that comes after the line of `from`, to the end. Never WALK_OPEN. */
int walk_on(struct walk *w, const struct walk_frame *from, const struct flows *flows,
	    struct walk_state s);
/* From the first table on. 0 or -errno. */
int walk_start(struct walk *w, const struct flows *flows);
void walk_fate(struct walk *w, int at, enum ipt_fate fate, const char *why);

static inline void walk_note(struct walk *w, enum walk_note note)
{
	if (!w->probe || note == WALK_OWN_ADDRESSES || note == WALK_TOO_LONG)
		w->result->notes |= 1u << note;
}

/* ---- walk_match.c ------------------------------------------------------- */

const struct ipt_chain *walk_base_chain(const struct walk *w, enum walk_stage stage);
/* A line for the other kind of traffic says nothing here. */
bool walk_is_mine(const struct walk *w, const struct ipt_line *line);
/* Why no such flow matches; NULL: some may. */
const char *walk_never(struct walk *w, const struct ipt_line *line, struct walk_state s);
/*
 * A rule cannot say "all interfaces but this one". So what the line excludes is followed to its end
 * first; after that, the line may match it, too. WALK_OPEN or -errno.
 */
int walk_split(struct walk *w, struct walk_step *step, struct walk_state s);

#endif
