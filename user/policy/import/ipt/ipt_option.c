/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/ipt/ipt_option.h"

#include <stdarg.h>
#include <string.h>

void ipt_refuse(struct ipt_parse *p, const char *fmt, ...)
{
	va_list args;

	if (p->rule->why[0])
		return;
	va_start(args, fmt);
	vsnprintf(p->rule->why, sizeof(p->rule->why), fmt, args);
	va_end(args);
}

const char *ipt_value(struct ipt_parse *p)
{
	if (p->at + 1 < p->n)
		return p->words[++p->at];
	ipt_refuse(p, "%.40s has no value", p->words[p->at]);
	return "";
}

static bool parse_number(const char *text, const char **ret_end, __u32 *ret_value)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (*text < '0' || *text > '9' || end == text || errno || value > UINT32_MAX)
		return false;
	*ret_end = end;
	*ret_value = (__u32)value;
	return true;
}

void ipt_mark(struct ipt_parse *p, const char *text, __u32 *ret_value, __u32 *ret_mask)
{
	__u32 value, mask = UINT32_MAX;
	const char *end;

	if (parse_number(text, &end, &value) &&
	    (!*end || (*end == '/' && parse_number(end + 1, &end, &mask) && !*end))) {
		*ret_value = value;
		*ret_mask = mask;
		return;
	}
	ipt_refuse(p, "%.40s is not a mark", text);
}

static const struct ipt_option *find(const struct ipt_option *options, const char *name)
{
	for (; options->name; options++)
		if (!strcmp(options->name, name))
			return options;
	return NULL;
}

void ipt_option_take(struct ipt_parse *p)
{
	const char *word = p->words[p->at];
	const struct ipt_option *option;

	if (!strcmp(word, "!")) {
		p->invert = true;
		return;
	}
	option = find(ipt_flow_options, word);
	if (!option)
		option = find(ipt_match_options, word);
	if (!option)
		option = find(ipt_target_options, word);
	if (option)
		option->take(p);
	else
		ipt_refuse(p, "%.40s has no counterpart", word);
	p->invert = false;
}
