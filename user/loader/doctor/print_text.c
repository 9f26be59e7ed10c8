/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor as text: one line for each check, and below it the problems with their cures. */
#include <arpa/inet.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "lib/plain.h"
#include "loader/check/kinds.h"
#include "loader/check/list.h"
#include "loader/check/tools/listening.h"
#include "loader/check/tools/rule_probe.h"
#include "loader/doctor/doctor_print.h"

/* ---- signs -------------------------------------------------------------- */

enum sign { SIGN_OK, SIGN_WARNING, SIGN_ERROR, SIGN_UNCHECKED, SIGN_MAX };

static enum sign sign_of(const struct examined *item)
{
	if (item->verdict == VERDICT_BROKEN)
		return SIGN_ERROR;
	if (item->verdict == VERDICT_DEGRADED)
		return SIGN_WARNING;
	return item->unchecked ? SIGN_UNCHECKED : SIGN_OK;
}

struct style {
	bool utf8, colour;
};

static struct style find_style(void)
{
	struct style style = { .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") };

	setlocale(LC_CTYPE, "");
	style.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	return style;
}

static void print_sign(const struct style *style, enum sign sign)
{
	static const struct {
		const char *utf8, *ascii, *colour;
	} signs[SIGN_MAX] = {
		[SIGN_OK] = { "\u221a", "ok", "\033[32m" },
		[SIGN_WARNING] = { "\u203c", "!!", "\033[33m" },
		[SIGN_ERROR] = { "\u00d7", "x", "\033[31m" },
		[SIGN_UNCHECKED] = { "-", "-", "" },
	};
	const char *text = style->utf8 ? signs[sign].utf8 : signs[sign].ascii;
	const int pad = style->utf8 ? 0 : (int)(2 - strlen(text));

	printf("  %s%s%s%*s ", style->colour ? signs[sign].colour : "", text,
	       style->colour ? "\033[0m" : "", pad, "");
}

/* ---- problems ----------------------------------------------------------- */

static void print_problem(const struct problem *p)
{
	printf("      %s: %s%s%s%s%s%s\n", p->id, p->ifname, *p->ifname ? ": " : "",
	       *p->rule ? "rule " : "", p->rule, *p->rule ? ": " : "", p->text);
	if (*p->next)
		printf("        cure: %s\n", p->next);
}

static void print_problems(const struct examination *e, const struct examined *item)
{
	for (size_t i = item->first; i < item->first + item->n; i++)
		print_problem(&e->checkup.problems.items[i]);
}

/* ---- probes ------------------------------------------------------------- */

static void print_address(const struct endpoint *address)
{
	char text[INET6_ADDRSTRLEN];

	if (!address->family)
		return;
	inet_ntop(address->family, address->addr, text, sizeof(text));
	printf(strchr(text, ':') ? " [%s]:%u" : " %s:%u", text, address->port);
}

static void print_probes(const struct checkup *c)
{
	for (size_t i = 0; i < c->n_rule_probes; i++) {
		const struct rule_probe *probe = &c->rule_probes[i];
		char rule[TPROXY_NAME_LEN], name[IF_NAMESIZE];

		plain_text(c->policy.rules[probe->rule].name, sizeof(rule), rule, sizeof(rule));
		plain_text(probe->iface->device.name, sizeof(name), name, sizeof(name));
		printf("      rule %s, %s, %s:", rule, name, listening_class_names[probe->cls]);
		print_address(&probe->dst);
		printf(" %s\n", rule_probe_names[probe->result]);
	}
}

/* ---- the whole ---------------------------------------------------------- */

static void print_item(const struct examination *e, const struct style *style,
		       const struct examined *item)
{
	print_sign(style, sign_of(item));
	printf("%s%s%s\n", item->check->question, *item->evidence ? " " : "", item->evidence);
	print_problems(e, item);
	if (item->check->of_all == check_rule_probes)
		print_probes(&e->checkup);
}

/* Returns how many checks of the group have run. */
static size_t print_group(const struct examination *e, const struct style *style,
			  enum check_group group)
{
	size_t n = 0;

	for (size_t i = 0; i < checks_n; i++) {
		if (e->items[i].check->group != group || !e->items[i].ran)
			continue;
		if (!n++)
			printf("%s\n", check_group_names[group]);
		print_item(e, style, &e->items[i]);
	}
	return n;
}

static bool is_mendable(const struct examination *e)
{
	for (size_t i = 0; i < e->checkup.problems.n; i++) {
		const struct kind *kind = kind_find(e->checkup.problems.items[i].id);

		if (kind && kind->fix != FIX_NONE)
			return true;
	}
	return false;
}

static void print_summary(const struct examination *e, size_t ran)
{
	if (e->checkup.problems.incomplete)
		printf("out of memory: some problems are missing\n");
	printf("%zu checks: %zu error%s, %zu warning%s", ran, e->errors, e->errors == 1 ? "" : "s",
	       e->warnings, e->warnings == 1 ? "" : "s");
	if (ran < checks_n)
		printf("; %zu more need an attached interface", checks_n - ran);
	printf("\n");
	if (e->checkup.problems.n)
		printf("tproxy-loader doctor --explain ID explains a problem%s\n",
		       is_mendable(e) ? ", --fix mends what is ours" : "");
	if (e->checkup.problems.n)
		app_print_place(e->checkup.session->app);
}

void doctor_print_text(const struct examination *e)
{
	const struct style style = find_style();
	size_t ran = 0;

	for (int group = 0; group < CHECK_GROUP_MAX; group++)
		ran += print_group(e, &style, group);
	print_summary(e, ran);
}
