/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of iptables-save and ipset save as words. */
#ifndef TPROXY_POLICY_IMPORT_IPT_WORDS_H
#define TPROXY_POLICY_IMPORT_IPT_WORDS_H

/* Cuts a line into words, in place; "a \"b\"" is one word. Their number, or -EINVAL. */
int words_split(char *line, char **words, int max);

#endif
