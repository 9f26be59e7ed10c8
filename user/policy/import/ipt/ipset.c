/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/ipt/ipset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util.h"
#include "policy/import/flow/flows.h"
#include "policy/import/ipt/words.h"

#define MAX_WORDS 64

const struct ipset *ipsets_find(const struct ipsets *sets, const char *name)
{
	for (size_t i = 0; i < sets->n; i++)
		if (!strcmp(sets->items[i].name, name))
			return &sets->items[i];
	return NULL;
}

static int create(struct ipsets *sets, char *const *words, int n)
{
	struct ipset set = { .family = AF_INET };
	int err = array_room((void **)&sets->items, sets->n, &sets->room, sizeof(*sets->items));

	if (err)
		return err;
	snprintf(set.name, sizeof(set.name), "%s", words[1]);
	if (strcmp(words[2], "hash:net") && strcmp(words[2], "hash:ip"))
		set.why = "sets of this type have no counterpart";
	for (int i = 3; i < n; i++) {
		if (!strcmp(words[i], "inet6"))
			set.family = AF_INET6;
		if (!strcmp(words[i], "netmask") || !strcmp(words[i], "timeout"))
			set.why = "sets with a netmask or a timeout have no counterpart";
	}
	sets->items[sets->n++] = set;
	return 0;
}

static int add(struct ipset *set, char *const *words, int n)
{
	struct prefix prefix;
	const char *why;

	for (int i = 3; i < n; i++)
		if (!strcmp(words[i], "nomatch") || !strcmp(words[i], "timeout"))
			set->why = "it has members with nomatch or a timeout";
	if (parse_prefix(words[2], &prefix, &why) || prefix.family != set->family) {
		set->why = set->why ? set->why : "it has a member that is no prefix";
		return 0;
	}
	return prefix_set_append(&set->prefixes, &prefix);
}

int ipsets_take(struct ipsets *sets, char *line)
{
	char *words[MAX_WORDS];
	int n = words_split(line, words, MAX_WORDS);

	if (n < 3)
		return -EINVAL;
	if (!strcmp(words[0], "create"))
		return ipsets_find(sets, words[1]) ? -EINVAL : create(sets, words, n);
	for (size_t i = 0; !strcmp(words[0], "add") && i < sets->n; i++)
		if (!strcmp(sets->items[i].name, words[1]))
			return add(&sets->items[i], words, n);
	return -EINVAL;
}

void ipsets_tidy(struct ipsets *sets)
{
	for (size_t i = 0; i < sets->n; i++)
		flows_tidy_prefixes(&sets->items[i].prefixes);
}

void ipsets_free(struct ipsets *sets)
{
	for (size_t i = 0; i < sets->n; i++)
		free(sets->items[i].prefixes.items);
	free(sets->items);
	*sets = (struct ipsets){ 0 };
}
