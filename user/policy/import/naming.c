/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/import/naming.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_LEN 24 /* leaves room for a number */

/* "ssh to the gate" becomes ssh-to-the-gate. */
static void word_of(const char *comment, char *word)
{
	size_t len = 0;

	for (const char *p = comment; *p && len < WORD_LEN; p++)
		if (isalnum((unsigned char)*p) || strchr("-_.", *p))
			word[len++] = *p;
		else if (len && word[len - 1] != '-')
			word[len++] = '-';
	while (len && word[len - 1] == '-')
		len--;
	word[len] = '\0';
}

void naming_set(const struct policy *policy, struct rule *rule, int index)
{
	char word[WORD_LEN + 1], name[TPROXY_NAME_LEN];
	int number = index + 1;

	word_of(rule->name, word);
	if (*word)
		snprintf(name, sizeof(name), "%s", word);
	else
		snprintf(name, sizeof(name), "%s-%d", policy_action_names[rule->action], number);
	while (policy_find(policy, name) >= 0)
		snprintf(name, sizeof(name), "%s-%d",
			 *word ? word : policy_action_names[rule->action], number++);
	snprintf(rule->name, sizeof(rule->name), "%s", name);
}
