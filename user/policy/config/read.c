/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/config/config.h"

#include <ini.h>
#include <string.h>

#include "policy/config/reading.h"
#include "lib/line.h"
#include "lib/util.h"

#define MAX_LINE 65536
#define BLANKS " \t\r\n"

/* ---- sections ------------------------------------------------------------- */

static int begin_rule(struct reading *r, const char *name)
{
	struct policy *policy = &r->config->policy;
	int index = policy_append_index(policy);

	if (policy_find(policy, name) >= 0) {
		fail(r, "[rule %s]: there is a rule of that name already", name);
		return 0;
	}
	if (index < 0) {
		fail(r, "[rule %s]: more than %d rules", name, TPROXY_MAX_RULES);
		return 0;
	}
	policy->rules[index].used = true;
	policy->rules[index].action = TPROXY_ACTION_PROXY;
	snprintf(policy->rules[index].name, sizeof(policy->rules[index].name), "%s", name);
	r->config->rule_lines[index] = r->place.line;
	r->draft = (struct draft){ .index = index, .line = r->place.line };
	r->section = SECTION_RULE;
	return 0;
}

static int begin_zone(struct reading *r, const char *name)
{
	struct config *c = r->config;
	int err;

	for (size_t i = 0; i < c->n_zones; i++) {
		if (strcmp(c->zones[i].name, name))
			continue;
		fail(r, "[zone %s]: there is a zone of that name already", name);
		return 0;
	}
	err = array_room((void **)&c->zones, c->n_zones, &c->zones_room, sizeof(*c->zones));
	if (err)
		return err;
	c->zones[c->n_zones] = (struct config_zone){ 0 };
	snprintf(c->zones[c->n_zones++].name, sizeof(c->zones->name), "%s", name);
	r->section = SECTION_ZONE;
	return 0;
}

static int begin_pool(struct reading *r, const char *name)
{
	struct config *c = r->config;
	int err;

	for (size_t i = 0; i < c->n_pools; i++) {
		if (strcmp(c->pools[i].name, name))
			continue;
		fail(r, "[pool %s]: there is a pool of that name already", name);
		return 0;
	}
	err = array_room((void **)&c->pools, c->n_pools, &c->pools_room, sizeof(*c->pools));
	if (err)
		return err;
	c->pools[c->n_pools] = (struct config_pool){ 0 };
	snprintf(c->pools[c->n_pools++].name, sizeof(c->pools->name), "%s", name);
	r->section = SECTION_POOL;
	return 0;
}

static int begin_named(struct reading *r, const char *kind, const char *name)
{
	static const struct {
		const char *kind;
		int (*begin)(struct reading *r, const char *name);
	} kinds[] = { { "rule", begin_rule }, { "zone", begin_zone }, { "pool", begin_pool } };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kind, kinds[i].kind))
			continue;
		if (policy_name_is_valid(name))
			return kinds[i].begin(r, name);
		fail(r, "[%s %.80s]: a name is letters, digits, - _ . (at most %d)", kind, name,
		     TPROXY_NAME_LEN - 1);
		return 0;
	}
	fail(r, "[%.40s%s%.80s]: unknown section", kind, *name ? " " : "", name);
	return 0;
}

static bool is_left_out(const struct reading *r)
{
	return r->place.reader->no_policy &&
	       (r->section == SECTION_LOADER || r->section == SECTION_RULE ||
		r->section == SECTION_ZONE);
}

static int end_section(struct reading *r)
{
	unsigned int line = r->place.line;
	int err = 0;

	if (r->section == SECTION_RULE && !is_left_out(r))
		err = config_finish_rule(r);
	r->place.line = line;
	r->section = SECTION_NONE;
	r->seen = 0;
	return err;
}

/* text: between the brackets. */
static int begin_section(struct reading *r, char *text)
{
	char *kind = strtok(text, BLANKS);
	char *name = strtok(NULL, "");
	int err = end_section(r);

	if (err)
		return err;
	name = name ? name + strspn(name, BLANKS) : (char *)"";
	for (char *end = name + strlen(name); end > name && strchr(BLANKS, end[-1]);)
		*--end = '\0';
	if (kind && !*name && !strcmp(kind, "loader")) {
		r->section = SECTION_LOADER;
		if (r->seen_loader)
			fail(r, "[loader]: there is such a section already");
		r->seen_loader = true;
		return 0;
	}
	if (kind && !*name && !strcmp(kind, "relay")) {
		r->section = SECTION_RELAY;
		if (r->config->has_relay)
			fail(r, "[relay]: there is such a section already");
		r->config->has_relay = true;
		r->relay_line = r->place.line;
		return 0;
	}
	return begin_named(r, kind ? kind : "", name);
}

/* ---- lines ---------------------------------------------------------------- */

/* A line that should have been a key and never reached take_line was none. */
static void check_taken(struct reading *r)
{
	if (r->expects_key && !r->got_key)
		fail(r, "%.*s: expected KEY = VALUE",
		     (int)strcspn(r->line + strspn(r->line, BLANKS), "\r\n"),
		     r->line + strspn(r->line, BLANKS));
	r->expects_key = r->got_key = false;
}

/*
 * Sections are taken here: libinih tells of none that is empty, and cuts long names.
 * Returns what libinih is to see.
 */
static const char *look_at_line(struct reading *r)
{
	const char *text = r->line + strspn(r->line, BLANKS);
	char section[256];
	size_t len;

	r->continued = text != r->line && !strchr(text, '=') && *text != '[';
	if (!*text || strchr(";#", *text))
		return "\n";
	if (r->section == SECTION_POOL && parse_pool_begins(text)) {
		r->expects_key = true;
		return "address = server\n"; /* config_take_pool looks at the line itself */
	}
	if (*text == '[') {
		len = strcspn(text, "]");
		r->skipping = false;
		if (text[len] != ']' || len >= sizeof(section) ||
		    !strchr(";#", text[len + 1 + strspn(text + len + 1, BLANKS)])) {
			fail(r, "%.*s: expected [SECTION]", (int)strcspn(text, "\r\n"), text);
			r->err = r->err ? r->err : end_section(r);
			r->skipping = true;
			return "[-]\n";
		}
		snprintf(section, sizeof(section), "%.*s", (int)len - 1, text + 1);
		r->err = r->err ? r->err : begin_section(r, section);
		r->skipping = r->section == SECTION_NONE;
		return "[-]\n";
	}
	r->expects_key = true;
	return r->continued ? r->line : text;
}

static char *next_line(char *buf, int size, void *arg)
{
	struct reading *r = arg;
	const char *text;
	ssize_t len;

	check_taken(r);
	do {
		len = r->err ? -1 : line_read(&r->line, &r->room, r->in);
		if (len < 0)
			return NULL;
		r->place.line++;
		if (r->place.line == 1 && !strncmp(r->line, "\xef\xbb\xbf", 3))
			memmove(r->line, r->line + 3, (size_t)(len -= 3) + 1);
		if (strlen(r->line) != (size_t)len)
			fail(r, "NUL byte");
		else if (len > size - 3)
			fail(r, "longer than %d bytes (put prefixes into a file: @FILE)", size - 3);
		else
			break;
	} while (true);
	text = look_at_line(r);
	snprintf(buf, (size_t)size, "%s", text);
	return buf;
}

static int take_line(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *r = arg;
	int err = 0;

	r->got_key = true;
	if (r->err || r->skipping || is_left_out(r))
		return 1;
	switch (r->section) {
	case SECTION_LOADER:
		err = config_take_loader(r, key, value);
		break;
	case SECTION_RULE:
		err = config_take_rule(r, key, value);
		break;
	case SECTION_ZONE:
		err = config_take_zone(r, key, value);
		break;
	case SECTION_POOL:
		err = config_take_pool(r);
		break;
	case SECTION_RELAY:
		err = config_take_relay(r, key, value);
		break;
	default:
		fail(r, "%.80s: stands before the first [section]", key);
	}
	r->err = err;
	return 1;
}

/* ---- the whole ------------------------------------------------------------ */

static int resolve_zones(struct reading *r)
{
	struct config *c = r->config;
	int err = 0;

	for (size_t i = 0; i < r->n_uses && !err; i++) {
		const struct zone_use *use = &r->uses[i];
		const struct config_zone *zone = NULL;

		for (size_t z = 0; z < c->n_zones; z++)
			if (!strcmp(c->zones[z].name, use->name))
				zone = &c->zones[z];
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

/* Keys of [relay] that are right one by one, and cannot be together. */
static void finish_relay(struct reading *r)
{
	const struct config_relay *relay = r->place.reader->relay;
	char why[256];

	if (!r->config->has_relay || !relay || !relay->finish)
		return;
	r->place.line = r->relay_line;
	if (relay->finish(relay->arg, why, sizeof(why)))
		fail(r, "[relay]: %s", why);
}

static void set_defaults(struct reading *r)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (r->default_reset[i])
			r->config->policy.rules[i].on_down = r->config->on_down;
}

bool config_is_empty(const struct config *config)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (config->policy.rules[i].used)
			return false;
	for (size_t i = 0; i < config->n_pools; i++)
		if (config->pools[i].n)
			return false;
	return true;
}

unsigned int config_learn_seconds(const struct config *config)
{
	return config->has_learn ? config->learn : CONFIG_LEARN_DEFAULT_S;
}

int config_read(const struct config_reader *reader, FILE *in, struct config *ret_config)
{
	struct config config __cleanup_config = { 0 };
	struct reading r = { .place = { .reader = reader, .file = reader->name },
			     .config = &config,
			     .in = in };
	int err;

	ini_use_stack = false;
	ini_max_line = ini_initial_alloc = MAX_LINE;
	err = ini_parse_stream(next_line, &r, take_line, &r);
	err = err == -2 ? -ENOMEM : r.err;
	if (!err && (ferror(in) || errno == EFBIG))
		fail(&r, "cannot be read: %s", strerror(errno));
	if (!err)
		err = end_section(&r);
	if (!err)
		err = resolve_zones(&r);
	if (!err)
		finish_relay(&r);
	set_defaults(&r);
	free(r.draft.ports.items);
	free(r.line);
	free(r.uses);
	if (err || r.place.errors)
		return err ? err : -EINVAL;
	*ret_config = config;
	config = (struct config){ 0 };
	return 0;
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->n_zones; i++)
		free(config->zones[i].interfaces.items);
	for (size_t i = 0; i < config->n_pools; i++)
		free(config->pools[i].items);
	for (size_t i = 0; i < config->n_relay; i++) {
		free(config->relay[i].key);
		free(config->relay[i].value);
	}
	free(config->interfaces.items);
	free(config->divert.items);
	free(config->zones);
	free(config->pools);
	free(config->relay);
	policy_free(&config->policy);
	*config = (struct config){ 0 };
}
