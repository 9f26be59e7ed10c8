/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sets and verdict maps of nf_tables that rules look values up in. Large ones are not read: a
 * rule that uses such a set counts as one that may match.
 */
#ifndef TPROXY_KERNEL_NETFILTER_NFT_SET_H
#define TPROXY_KERNEL_NETFILTER_NFT_SET_H

#include "kernel/netfilter/build.h"
#include "lib/netlink.h"

struct nft_element {
	struct fw_range range;
	bool end;                /* of an interval: only until nft_sets_finish */
	int verdict;             /* NF_* and NFT_* of a verdict map */
	char chain[FW_NAME_LEN]; /* of a jump or goto */
};

struct nft_set {
	__u8 family;
	char table[FW_NAME_LEN], name[FW_NAME_LEN];
	size_t key_len;
	bool verdicts;                /* it maps to verdicts */
	bool intervals;               /* until nft_sets_finish an element is one edge of a range */
	bool read;                    /* the elements are all of it */
	struct nft_element *elements; /* owned */
	size_t n, room;
};

struct nft_sets {
	struct nft_set *items; /* owned */
	size_t n, room;
	size_t elements; /* of all */
};

/* Takes the description of a set, or the elements of one, from a message of the kernel. */
int nft_sets_take(struct nft_sets *sets, const struct nlmsghdr *msg);
int nft_sets_take_elements(struct nft_sets *sets, const struct nlmsghdr *msg);
/* What was taken becomes ranges. To be called once, after all messages. */
void nft_sets_finish(struct nft_sets *sets);
/* Of this table, with all its elements, or NULL. */
const struct nft_set *nft_sets_find(const struct nft_sets *sets, __u8 family, const char *table,
				    const char *name);
void nft_sets_free(struct nft_sets *sets);

/* May this set be read: are its elements single values, and not too many read already? */
bool nft_set_is_readable(const struct nft_sets *sets, const struct nft_set *set);

#endif
