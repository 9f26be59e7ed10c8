/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/problem.h"

#include <stdarg.h>
#include <string.h>

#include "loader/app/shell_word.h"

const char *const verdict_names[VERDICT_MAX] = {
	[VERDICT_OK] = "ok",
	[VERDICT_DEGRADED] = "degraded",
	[VERDICT_BROKEN] = "broken",
};

struct problem *problem_add(struct problems *problems, const char *id, enum verdict verdict,
			    const char *ifname, const char *rule)
{
	struct problem *p;

	if (array_room((void **)&problems->items, problems->n, &problems->room,
		       sizeof(*problems->items))) {
		problems->incomplete = true;
		return NULL;
	}
	p = &problems->items[problems->n++];
	*p = (struct problem){ .id = id, .verdict = verdict };
	snprintf(p->ifname, sizeof(p->ifname), "%s", ifname ? ifname : "");
	snprintf(p->rule, sizeof(p->rule), "%s", rule ? rule : "");
	return p;
}

void problem_text(struct problem *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (p)
		vsnprintf(p->text, sizeof(p->text), fmt, args);
	va_end(args);
}

void problem_next(struct problem *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (p)
		vsnprintf(p->next, sizeof(p->next), fmt, args);
	va_end(args);
	if (p)
		shell_quote_name(p->next, sizeof(p->next), p->ifname);
}

void problem_concerns(struct problem *p, __u8 classes)
{
	if (p)
		p->classes = classes;
}

enum verdict problems_verdict(const struct problems *problems)
{
	enum verdict worst = problems->incomplete ? VERDICT_DEGRADED : VERDICT_OK;

	for (size_t i = 0; i < problems->n; i++)
		if (problems->items[i].verdict > worst)
			worst = problems->items[i].verdict;
	return worst;
}

bool problem_same(const struct problem *a, const struct problem *b)
{
	return !strcmp(a->id, b->id) && !strcmp(a->ifname, b->ifname) && !strcmp(a->rule, b->rule);
}

const struct problem *problems_find(const struct problems *problems, const struct problem *like)
{
	for (size_t i = 0; i < problems->n; i++)
		if (problem_same(&problems->items[i], like))
			return &problems->items[i];
	return NULL;
}

char *problem_line(const struct problem *p, char *buf)
{
	snprintf(buf, PROBLEM_LINE_LEN, "%s%s%s%s%s%s%s%s%s", p->ifname, *p->ifname ? ": " : "",
		 *p->rule ? "rule " : "", p->rule, *p->rule ? ": " : "", p->text,
		 *p->next ? " (" : "", p->next, *p->next ? ")" : "");
	return buf;
}

void problems_print(const struct problems *problems)
{
	char line[PROBLEM_LINE_LEN];

	for (size_t i = 0; i < problems->n; i++)
		printf("  %c %s\n", problems->items[i].verdict == VERDICT_BROKEN ? 'x' : '!',
		       problem_line(&problems->items[i], line));
}

void problem_add_json(const struct problem *p, struct json_object *object)
{
	json_object_object_add(object, "id", json_object_new_string(p->id));
	json_object_object_add(object, "verdict",
			       json_object_new_string(verdict_names[p->verdict]));
	if (*p->ifname)
		json_object_object_add(object, "interface", json_object_new_string(p->ifname));
	if (*p->rule)
		json_object_object_add(object, "rule", json_object_new_string(p->rule));
	json_object_object_add(object, "text", json_object_new_string(p->text));
	json_object_object_add(object, "next", json_object_new_string(p->next));
}

static struct json_object *problem_json(const struct problem *p)
{
	struct json_object *object = json_object_new_object();

	problem_add_json(p, object);
	return object;
}

struct json_object *problems_json(const struct problems *problems)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < problems->n; i++)
		json_object_array_add(array, problem_json(&problems->items[i]));
	return array;
}

void problems_free(struct problems *problems)
{
	free(problems->items);
	*problems = (struct problems)PROBLEMS_NONE;
}
