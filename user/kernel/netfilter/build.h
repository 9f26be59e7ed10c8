/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the readers (nft/, xt/) fill the model. Bounds it: what is beyond a limit is left out, and
 * the model says that it is incomplete. Knows no format.
 */
#ifndef TPROXY_KERNEL_NETFILTER_BUILD_H
#define TPROXY_KERNEL_NETFILTER_BUILD_H

#include "kernel/netfilter/model.h"

/* Of the whole model. */
#define FW_MAX_RULES 65536
#define FW_MAX_CHAINS 8192
#define FW_MAX_RANGES 262144
#define FW_MAX_FLOWTABLES 64

/* Copies a name without control characters and quotes. True if it had to be changed. */
bool build_name(char *to, size_t size, const char *name);

/* The new chain, or NULL (no room). It has no rule and no hook. */
struct fw_chain *build_chain(struct firewall *fw, __u8 family, const char *table, const char *name);
/* Its index, or FW_NONE. */
__u32 build_find_chain(const struct firewall *fw, __u8 family, const char *table, const char *name);
struct fw_flowtable *build_flowtable(struct firewall *fw);

/* A rule under construction: its conditions are the last ones of the model. */
void build_begin(const struct firewall *fw, struct fw_rule *ret_rule, __u32 chain);
/* Appends a condition with its ranges. The rule counts as unread where there is no room. */
void build_cond(struct firewall *fw, struct fw_rule *rule, const struct fw_cond *cond,
		const struct fw_range *ranges, size_t n);
/* The same with the condition of another rule, whose ranges it shares. */
void build_cond_copy(struct firewall *fw, struct fw_rule *rule, __u32 index);
/* Makes a condition with the mask of a prefix one without a mask: 10.0.0.0/8 is a range. */
void build_widen(struct fw_cond *cond, struct fw_range *ranges, size_t n, size_t len);
/* The field is this value, in the bits of the condition's mask. */
void build_masked(struct firewall *fw, struct fw_rule *rule, const struct fw_cond *cond,
		  const void *value, size_t len);
/* The field is this value in all bits. */
void build_equal(struct firewall *fw, struct fw_rule *rule, enum fw_field field, const void *value,
		 size_t len);
/* Of numbers in network byte order. */
void build_between(struct firewall *fw, struct fw_rule *rule, const struct fw_cond *cond,
		   const void *lo, const void *hi, size_t len);
/* An exact name, or one that begins so ("eth+"). */
void build_device(struct firewall *fw, struct fw_rule *rule, const struct fw_cond *cond,
		  const char *name, bool prefix);
/* Appends the rule to its chain. */
void build_rule(struct firewall *fw, const struct fw_rule *rule);

#endif
