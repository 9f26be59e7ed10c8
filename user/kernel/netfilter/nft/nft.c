/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/nft/nft.h"

#include <arpa/inet.h>
#include <libnftnl/chain.h>
#include <libnftnl/flowtable.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "kernel/netfilter/nft/rule.h"
#include "lib/netlink.h"

#define TRIES 3 /* while others change the rules */

/* ---- chains and flowtables ---------------------------------------------- */

static void free_chain(struct nftnl_chain **chain)
{
	if (*chain)
		nftnl_chain_free(*chain);
}

static void free_flowtable(struct nftnl_flowtable **flowtable)
{
	if (*flowtable)
		nftnl_flowtable_free(*flowtable);
}

static void take_devices(char (*to)[IF_NAMESIZE], const char *const *names)
{
	for (size_t i = 0; names && names[i] && i < FW_DEVICES; i++)
		build_name(to[i], IF_NAMESIZE, names[i]);
}

static enum fw_hook hook_of(__u8 family, __u32 number)
{
	static const enum fw_hook hooks[] = {
		[NF_INET_PRE_ROUTING] = FW_PREROUTING,   [NF_INET_LOCAL_IN] = FW_INPUT,
		[NF_INET_FORWARD] = FW_FORWARD,          [NF_INET_LOCAL_OUT] = FW_OUTPUT,
		[NF_INET_POST_ROUTING] = FW_POSTROUTING, [NF_INET_INGRESS] = FW_INGRESS,
	};

	if (family == NFPROTO_NETDEV)
		return number == NF_NETDEV_INGRESS ? FW_INGRESS : FW_HOOK_MAX;
	if (family != NFPROTO_INET && family != NFPROTO_IPV4 && family != NFPROTO_IPV6)
		return FW_HOOK_MAX;
	return number < ARRAY_SIZE(hooks) ? hooks[number] : FW_HOOK_MAX;
}

static void take_base(struct fw_chain *to, const struct nftnl_chain *chain)
{
	const char *type = nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE);

	to->hook = hook_of(to->family, nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM));
	to->priority = nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO);
	to->drops = nftnl_chain_is_set(chain, NFTNL_CHAIN_POLICY) &&
		    nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_DROP;
	to->nat = type && !strcmp(type, "nat");
	if (nftnl_chain_is_set(chain, NFTNL_CHAIN_DEVICES))
		take_devices(to->devices, nftnl_chain_get_array(chain, NFTNL_CHAIN_DEVICES));
	else if (nftnl_chain_is_set(chain, NFTNL_CHAIN_DEV))
		build_name(to->devices[0], IF_NAMESIZE,
			   nftnl_chain_get_str(chain, NFTNL_CHAIN_DEV));
}

static int take_chain(struct firewall *fw, const struct nlmsghdr *msg)
{
	struct nftnl_chain *chain __attribute__((cleanup(free_chain))) = nftnl_chain_alloc();
	struct fw_chain *to;

	if (!chain)
		return -ENOMEM;
	if (nftnl_chain_nlmsg_parse(msg, chain) < 0 ||
	    !nftnl_chain_is_set(chain, NFTNL_CHAIN_TABLE) ||
	    !nftnl_chain_is_set(chain, NFTNL_CHAIN_NAME))
		return 0;
	to = build_chain(fw, (__u8)nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY),
			 nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE),
			 nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
	if (to && nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM))
		take_base(to, chain);
	return 0;
}

static int take_flowtable(struct firewall *fw, const struct nlmsghdr *msg)
{
	struct nftnl_flowtable *flowtable __attribute__((cleanup(free_flowtable))) =
		nftnl_flowtable_alloc();
	struct fw_flowtable *to;

	if (!flowtable)
		return -ENOMEM;
	if (nftnl_flowtable_nlmsg_parse(msg, flowtable) < 0 ||
	    !nftnl_flowtable_is_set(flowtable, NFTNL_FLOWTABLE_TABLE) ||
	    !nftnl_flowtable_is_set(flowtable, NFTNL_FLOWTABLE_NAME))
		return 0;
	to = build_flowtable(fw);
	if (!to)
		return 0;
	to->family = (__u8)nftnl_flowtable_get_u32(flowtable, NFTNL_FLOWTABLE_FAMILY);
	to->hardware = nftnl_flowtable_get_u32(flowtable, NFTNL_FLOWTABLE_FLAGS) &
		       NFT_FLOWTABLE_HW_OFFLOAD;
	to->odd = build_name(to->table, sizeof(to->table),
			     nftnl_flowtable_get_str(flowtable, NFTNL_FLOWTABLE_TABLE));
	to->odd |= build_name(to->name, sizeof(to->name),
			      nftnl_flowtable_get_str(flowtable, NFTNL_FLOWTABLE_NAME));
	take_devices(to->devices, nftnl_flowtable_get_array(flowtable, NFTNL_FLOWTABLE_DEVICES));
	return 0;
}

/* ---- tables ------------------------------------------------------------- */

static void free_table(struct nftnl_table **table)
{
	if (*table)
		nftnl_table_free(*table);
}

/* The chains of a dormant table are at no hook. */
static int take_table(struct firewall *fw, const struct nlmsghdr *msg)
{
	struct nftnl_table *table __attribute__((cleanup(free_table))) = nftnl_table_alloc();
	char name[FW_NAME_LEN];
	__u8 family;

	if (!table)
		return -ENOMEM;
	if (nftnl_table_nlmsg_parse(msg, table) < 0 || !nftnl_table_is_set(table, NFTNL_TABLE_NAME))
		return 0;
	if (!(nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT))
		return 0;
	family = (__u8)nftnl_table_get_u32(table, NFTNL_TABLE_FAMILY);
	build_name(name, sizeof(name), nftnl_table_get_str(table, NFTNL_TABLE_NAME));
	for (size_t i = 0; i < fw->n_chains; i++)
		if (fw->chains[i].family == family && !strcmp(fw->chains[i].table, name))
			fw->chains[i].hook = FW_HOOK_MAX;
	return 0;
}

/* ---- messages ----------------------------------------------------------- */

int nft_take(struct firewall *fw, struct nft_sets *sets, const struct nlmsghdr *msg)
{
	if (msg->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return 0;
	switch (msg->nlmsg_type & 0xff) {
	case NFT_MSG_NEWCHAIN:
		return take_chain(fw, msg);
	case NFT_MSG_NEWTABLE:
		return take_table(fw, msg);
	case NFT_MSG_NEWFLOWTABLE:
		return take_flowtable(fw, msg);
	case NFT_MSG_NEWSET:
		return nft_sets_take(sets, msg);
	case NFT_MSG_NEWSETELEM:
		return nft_sets_take_elements(sets, msg);
	case NFT_MSG_NEWRULE:
		return nft_rule_take(fw, sets, msg);
	default:
		return 0;
	}
}

struct reading {
	struct firewall *fw;
	struct nft_sets sets;
	__u32 generation;
};

static int take(const struct nlmsghdr *msg, void *arg)
{
	struct reading *reading = arg;
	int err = nft_take(reading->fw, &reading->sets, msg);

	errno = -err;
	return err ? MNL_CB_ERROR : MNL_CB_OK;
}

static struct nlmsghdr *message(struct nl *nl, char *buf, __u16 type, __u16 flags)
{
	struct nlmsghdr *msg = nl_message(nl, buf, NFNL_SUBSYS_NFTABLES << 8 | type, flags);
	struct nfgenmsg *gen = mnl_nlmsg_put_extra_header(msg, sizeof(*gen));

	gen->nfgen_family = NFPROTO_UNSPEC;
	gen->version = NFNETLINK_V0;
	return msg;
}

static int dump(struct nl *nl, __u16 type, struct reading *reading)
{
	char buf[NL_BUFFER];

	return nl_query(nl, message(nl, buf, type, NLM_F_DUMP), take, reading);
}

/* On a socket of its own: what is left of a large set need not be read. */
static int dump_elements(const struct nft_set *set, struct reading *reading)
{
	struct nl nl __cleanup_nl = { 0 };
	char buf[NL_BUFFER];
	struct nlmsghdr *msg;
	int err = nl_open_bus(&nl, NETLINK_NETFILTER);

	if (err)
		return err;
	msg = message(&nl, buf, NFT_MSG_GETSETELEM, NLM_F_DUMP);
	((struct nfgenmsg *)mnl_nlmsg_get_payload(msg))->nfgen_family = set->family;
	mnl_attr_put_strz(msg, NFTA_SET_ELEM_LIST_TABLE, set->table);
	mnl_attr_put_strz(msg, NFTA_SET_ELEM_LIST_SET, set->name);
	err = nl_query(&nl, msg, take, reading);
	return err == -E2BIG || err == -ENOENT ? 0 : err;
}

static int dump_sets(struct nl *nl, struct reading *reading)
{
	int err = dump(nl, NFT_MSG_GETSET, reading);

	for (size_t i = 0; i < reading->sets.n && !err; i++) {
		struct nft_set *set = &reading->sets.items[i];

		set->read = nft_set_is_readable(&reading->sets, set);
		if (set->read)
			err = dump_elements(set, reading);
	}
	nft_sets_finish(&reading->sets);
	return err;
}

/* ---- all ---------------------------------------------------------------- */

static int take_generation(const struct nlmsghdr *msg, void *arg)
{
	const struct nlattr *attr[NFTA_GEN_MAX + 1];
	struct nl_attrs attrs = { attr, NFTA_GEN_MAX };

	nl_parse(msg, sizeof(struct nfgenmsg), &attrs);
	*(__u32 *)arg = ntohl(nl_attr_u32(attr[NFTA_GEN_ID], 0));
	return MNL_CB_OK;
}

/* It grows with each change of the rules. */
static int generation(struct nl *nl, __u32 *ret_generation)
{
	char buf[NL_BUFFER];

	return nl_query(nl, message(nl, buf, NFT_MSG_GETGEN, 0), take_generation, ret_generation);
}

static int read_all(struct nl *nl, struct firewall *fw)
{
	struct reading reading = { .fw = fw };
	/* Rules name chains and sets, which must be known by then. */
	int err = dump(nl, NFT_MSG_GETCHAIN, &reading);

	if (!err)
		err = dump(nl, NFT_MSG_GETTABLE, &reading);
	if (!err)
		err = dump_sets(nl, &reading);
	if (!err)
		err = dump(nl, NFT_MSG_GETRULE, &reading);
	if (!err)
		err = dump(nl, NFT_MSG_GETFLOWTABLE, &reading);
	nft_sets_free(&reading.sets);
	return err == -EOPNOTSUPP ? 0 : err;
}

/* A first message would load the module. Its functions are also listed if it is built in. */
static bool is_loaded(void)
{
	__cleanup_file FILE *file = NULL;
	char line[512], name[128];

	if (!access("/sys/module/nf_tables", F_OK))
		return true;
	file = fopen("/proc/kallsyms", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %127s", name) == 1 && !strcmp(name, "nft_do_chain"))
			return true;
	return !file;
}

int nft_read(struct firewall *fw)
{
	struct nl nl __cleanup_nl = { 0 };
	__u32 before = 0, after = 0;
	int err;

	if (!is_loaded())
		return 0;
	err = nl_open_bus(&nl, NETLINK_NETFILTER);
	for (int i = 0; i < TRIES && !err; i++) {
		firewall_free(fw);
		err = generation(&nl, &before);
		if (!err)
			err = read_all(&nl, fw);
		if (!err)
			err = generation(&nl, &after);
		if (!err && before == after)
			return 0;
	}
	if (!err)
		fw->incomplete = true;
	return err;
}
