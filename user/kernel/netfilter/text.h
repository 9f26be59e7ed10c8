/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules and chains of the model in words, and the commands that delete them. Changes nothing. */
#ifndef TPROXY_KERNEL_NETFILTER_TEXT_H
#define TPROXY_KERNEL_NETFILTER_TEXT_H

#include "kernel/netfilter/model.h"

/* Names have no quotes and no control characters. */
#define FW_TEXT_LEN 224

/* "nft chain inet filter input"; "iptables-legacy chain INPUT of table filter". Returns buf. */
char *fw_chain_text(const struct fw_chain *chain, char *buf);
/* The same with ", rule with handle 7" or ", rule 3". */
char *fw_rule_text(const struct firewall *fw, const struct fw_rule *rule, char *buf);
/* What it does to the packet mark: "sets it to 0x1". */
char *fw_mark_text(const struct fw_write *write, char *buf);
/* The command that deletes it: "nft delete rule …". False if a name could not be printed. */
bool fw_rule_delete_text(const struct firewall *fw, const struct fw_rule *rule, char *buf);
/* The command that lists it. */
char *fw_list_text(const struct fw_chain *chain, char *buf);

#endif
