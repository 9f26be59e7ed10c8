/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of packet filters: chains with rules, each with conditions and effects. Where a rule
 * could not be read, it says so. build.h fills it, match.h and walk.h ask it what happens to a
 * packet. Pure data; knows no format.
 */
#ifndef TPROXY_KERNEL_NETFILTER_MODEL_H
#define TPROXY_KERNEL_NETFILTER_MODEL_H

#include <linux/types.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#define FW_NAME_LEN 64
#define FW_VALUE_LEN 16
#define FW_DEVICES 16 /* of one chain or flowtable */
#define FW_NONE (~0u) /* no index */

/* ---- conditions --------------------------------------------------------- */

/* What a rule may ask. Numbers are in network byte order, names are padded with zeros. */
enum fw_field {
	FW_FAMILY,    /* 1 byte: AF_INET, AF_INET6 */
	FW_ETHERTYPE, /* 2 bytes */
	FW_IIF,       /* the name */
	FW_OIF,
	FW_PROTO, /* 1 byte: IPPROTO_* */
	FW_SADDR, /* 4 or 16 bytes */
	FW_DADDR,
	FW_SPORT, /* 2 bytes */
	FW_DPORT,
	FW_TCPFLAGS, /* 1 byte, as in the header */
	FW_MARK,     /* 4 bytes */
	FW_CTMARK,
	FW_CTSTATE,     /* 4 bytes, FW_STATE_* */
	FW_TRANSPARENT, /* 1 byte: the socket of the packet is transparent */
	FW_DSTTYPE,     /* 4 bytes: RTN_* of the destination */
	FW_FIELD_MAX
};

/* As in nf_tables. */
#define FW_STATE_INVALID 1
#define FW_STATE_ESTABLISHED 2
#define FW_STATE_RELATED 4
#define FW_STATE_NEW 8
#define FW_STATE_UNTRACKED 64

/* Values are compared as bytes, so that a prefix, a range of ports and "eth*" are all ranges. */
struct fw_range {
	__u8 lo[FW_VALUE_LEN], hi[FW_VALUE_LEN];
};

/* The field of a packet, ANDed with the mask, is in one of the ranges; with `invert` in none. */
struct fw_cond {
	enum fw_field field;
	bool invert;
	__u8 mask[FW_VALUE_LEN];
	__u32 first, n; /* of firewall.ranges */
};

/* ---- rules -------------------------------------------------------------- */

enum fw_verdict {
	FW_CONTINUE,
	FW_ACCEPT,
	FW_DROP,
	FW_REJECT,
	FW_RETURN,
	FW_JUMP,
	FW_GOTO,
	FW_QUEUE, /* a program decides */
	FW_VERDICT_MAX
};

#define FW_SETS_MARK (1u << 0)
#define FW_SETS_CTMARK (1u << 1)
#define FW_DNAT (1u << 2) /* also to this host (REDIRECT) */
#define FW_SNAT (1u << 3) /* also MASQUERADE */
#define FW_TPROXY (1u << 4)
#define FW_NOTRACK (1u << 5)
#define FW_MSS (1u << 6)
#define FW_OFFLOAD (1u << 7) /* puts the flow into a flowtable */
#define FW_REDIRECT (1u << 8)

enum fw_source { FW_CONSTANT, FW_FROM_MARK, FW_FROM_CTMARK, FW_FROM_UNKNOWN };

/* The new value of a mark: (source & and) ^ xor; host byte order. */
struct fw_write {
	enum fw_source source;
	__u32 keep; /* these bits keep their old value */
	__u32 and, xor;
};

struct fw_rule {
	__u32 chain;    /* index of its chain */
	__u32 next;     /* index of the next rule of the chain, or FW_NONE */
	__u64 handle;   /* of nf_tables; 0: of the older iptables */
	__u32 number;   /* in its chain, from 1 */
	__u32 first, n; /* of firewall.conds */
	bool unread;    /* it asks for more than its conditions say: it may match fewer packets */
	enum fw_verdict verdict;
	__u32 target; /* index of the chain of FW_JUMP and FW_GOTO */
	unsigned int effects;
	struct fw_write mark, ctmark;
	__u16 mss; /* 0: that of the route */
};

/* ---- chains ------------------------------------------------------------- */

/* In the order in which a packet meets them. */
enum fw_hook {
	FW_INGRESS, /* after tc */
	FW_PREROUTING,
	FW_INPUT,
	FW_FORWARD,
	FW_OUTPUT,
	FW_POSTROUTING,
	FW_HOOK_MAX /* also: called by other chains only */
};

struct fw_chain {
	__u8 family; /* NFPROTO_* */
	bool legacy; /* of the older iptables */
	bool odd;    /* a name had to be changed: no command can name it */
	char table[FW_NAME_LEN], name[FW_NAME_LEN];
	enum fw_hook hook;
	int priority;
	bool drops;                            /* its policy */
	bool nat;                              /* sees only the first packet of a flow */
	char devices[FW_DEVICES][IF_NAMESIZE]; /* of FW_INGRESS; none: all */
	__u32 first, last;                     /* rules, or FW_NONE */
};

struct fw_flowtable {
	__u8 family;
	bool odd;
	bool hardware; /* network cards forward its flows */
	char table[FW_NAME_LEN], name[FW_NAME_LEN];
	char devices[FW_DEVICES][IF_NAMESIZE];
};

struct firewall {
	struct fw_range *ranges; /* all owned */
	size_t n_ranges, room_ranges;
	struct fw_cond *conds;
	size_t n_conds, room_conds;
	struct fw_rule *rules;
	size_t n_rules, room_rules;
	struct fw_chain *chains;
	size_t n_chains, room_chains;
	struct fw_flowtable *flowtables;
	size_t n_flowtables, room_flowtables;
	bool incomplete; /* there is more than was read: too much, or not permitted */
};

void firewall_free(struct firewall *fw);
#define __cleanup_firewall __attribute__((cleanup(firewall_free)))

#endif
