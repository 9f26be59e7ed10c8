/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration file as a whole: which section a line belongs to, and what refers to what. */
#include "policy/config/read.h"

#include <string.h>
#include <sys/stat.h>

#include "policy/config/reading.h"

/* ---- sections ----------------------------------------------------------- */

static const struct config_section *find_section(const char *kind, bool named)
{
	static const struct config_section *const sections[] = {
		&config_loader_section, &config_rule_section,  &config_zone_section,
		&config_pool_section,   &config_relay_section, &config_egress_section,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (!strcmp(sections[i]->kind, kind) && (sections[i]->named || !named))
			return sections[i];
	return NULL;
}

static int end_section(struct reading *r)
{
	unsigned int line = r->place.line;
	int err = r->section && r->section->end ? r->section->end(r) : 0;

	r->place.line = line;
	r->section = NULL;
	r->seen = 0;
	return err;
}

/* text: between the brackets. */
static int begin_section(struct reading *r, const char *text)
{
	size_t len = strcspn(text, " \t");
	const char *name = text + len + strspn(text + len, " \t");
	__cleanup_free char *kind = strndup(text, len);
	const struct config_section *section;
	bool begun = false;
	int err;

	if (!kind)
		return -ENOMEM;
	section = find_section(kind, *name);
	if (!section) {
		fail(r, "[%.40s%s%.80s]: unknown section", kind, *name ? " " : "", name);
		return 0;
	}
	if (section->named && !policy_name_is_valid(name)) {
		fail(r, "[%s %.80s]: a name is letters, digits, - _ . (at most %d)", kind, name,
		     TPROXY_NAME_LEN - 1);
		return 0;
	}
	err = section->begin(r, name, &begun);
	r->section = begun ? section : NULL;
	return err;
}

/* ---- lines -------------------------------------------------------------- */

static void report(struct reading *r, const char *text, const char *why)
{
	if (*text)
		fail(r, "%.160s: %s", text, why);
	else
		fail(r, "%s", why);
}

static int take_error(struct reading *r, const struct ini_line *line)
{
	report(r, line->text, line->why);
	/* What was meant as a header: which section its lines belong to is unknown. */
	if (*line->text != '[')
		return 0;
	r->seen_section = true;
	return end_section(r);
}

/* Lines of a section that was refused are skipped. */
static int take_content(struct reading *r, const struct ini_line *line)
{
	bool is_pool = r->section == &config_pool_section;

	if (line->kind == INI_TEXT && !is_pool)
		report(r, line->text, "expected KEY = VALUE");
	else if (r->section)
		return r->section->take(r, line);
	else if (!r->seen_section)
		fail(r, "%.80s: before the first [section]", line->name);
	return 0;
}

static int take_line(const struct ini_line *line, void *arg)
{
	struct reading *r = arg;
	int err;

	r->place.line = line->number;
	if (line->kind == INI_ERROR)
		return take_error(r, line);
	if (line->kind != INI_SECTION)
		return take_content(r, line);
	r->seen_section = true;
	err = end_section(r);
	return err ? err : begin_section(r, line->name);
}

/* ---- the whole ---------------------------------------------------------- */

static const struct config_zone *find_zone(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_zones; i++)
		if (!strcmp(c->zones[i].name, name))
			return &c->zones[i];
	return NULL;
}

static int resolve_zones(struct reading *r)
{
	struct config *c = r->config;
	int err = 0;

	for (size_t i = 0; i < r->n_uses && !err; i++) {
		const struct config_zone_use *use = &r->uses[i];
		const struct config_zone *zone = find_zone(c, use->name);

		r->place.line = use->line;
		if (!zone)
			fail(r, "zone = %s: there is no [zone %s]", use->name, use->name);
		else if (!zone->interfaces.n)
			fail(r, "zone = %s: [zone %s] names no interface", use->name, use->name);
		else
			err = name_set_merge(&c->policy.rules[use->rule].interfaces,
					     &zone->interfaces);
	}
	return err;
}

/* Keys of [relay] that are right one by one, and contradict each other. */
static void check_relay(struct reading *r)
{
	const struct config_reader *reader = r->reader;
	char why[256];
	int err = 0;

	if (!r->config->has_relay || !reader->check_relay)
		return;
	r->place.line = r->relay_line;
	for (unsigned int n = 0; err != -ENOENT; n++) {
		err = reader->check_relay(reader->check_arg, n, why, sizeof(why));
		if (err && err != -ENOENT)
			fail(r, "[relay]: %s", why);
	}
}

/* Sections of egress, against each other and against the keys of [relay] and [loader]. */
static void check_egresses(struct reading *r)
{
	const struct config_reader *reader = r->reader;
	const struct config *c = r->config;
	char why[256];

	for (size_t i = 0; i < c->n_egresses && reader->check_egress; i++) {
		r->place.line = c->egresses[i].line;
		if (reader->check_egress(reader->check_arg, i, config_marks(c), why, sizeof(why)))
			fail(r, "[egress %s]: %s", c->egresses[i].name, why);
	}
}

/* What own traffic needs for itself. */
static void check_own(struct reading *r)
{
	const struct config *c = r->config;
	__u32 mark = c->mark ? c->mark : TPROXY_DEFAULT_MARK;
	__u32 own = c->own_mark ? c->own_mark : TPROXY_OWN_DEFAULT_MARK;
	__u32 table = c->table ? c->table : TPROXY_DEFAULT_TABLE;

	r->place.line = r->loader_line;
	if (c->own_table == table)
		fail(r, "[loader]: own-table = %u: `table` is the same one", table);
	if ((c->local || c->own_mark) && (own & (mark | tproxy_df_mark(mark))))
		fail(r, "[loader]: own-mark = 0x%x: packets that enter have this mark (0x%x, 0x%x)",
		     own, mark, tproxy_df_mark(mark));
	if (c->own_proxy_mark & own)
		fail(r, "[loader]: own-proxy-mark = 0x%x: it has the bit of own-mark (0x%x)",
		     c->own_proxy_mark, own);
}

static void set_defaults(struct reading *r)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (r->default_reset[i])
			r->config->policy.rules[i].on_down = r->config->on_down;
}

/* Of a file that ends too early nothing more can be said. */
static int finish(struct reading *r)
{
	int err = end_section(r);

	if (!err)
		err = resolve_zones(r);
	if (!err) {
		check_own(r);
		check_relay(r);
		check_egresses(r);
	}
	set_defaults(r);
	return err;
}

int config_read(const struct config_reader *reader, FILE *in, struct config *ret_config)
{
	struct config config __cleanup_config = { 0 };
	struct reading r = { .reader = reader,
			     .place = { .report = &reader->report, .file = reader->name },
			     .config = &config };
	int err = ini_read(in, take_line, &r);

	if (!err)
		err = finish(&r);
	else if (err != -ENOMEM && err != -EFBIG)
		fail(&r, "cannot be read: %s", strerror(-err));
	free(r.draft.ports.items);
	free(r.uses);
	if (err == -ENOMEM)
		return err;
	if (err || r.place.errors)
		return -EINVAL;
	*ret_config = config;
	config = (struct config){ 0 };
	return 0;
}

int config_open(const char *path, FILE **ret_file)
{
	__cleanup_file FILE *file = fopen(path, "re");
	struct stat st;

	if (!file)
		return -errno;
	if (!fstat(fileno(file), &st) && S_ISDIR(st.st_mode))
		return -EISDIR;
	*ret_file = take_ptr(file);
	return 0;
}
