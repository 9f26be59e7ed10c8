/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/hook/clsact.h"

#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>
#include <sys/socket.h>

static const __u32 ingress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
static const __u32 egress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);

static struct nlmsghdr *tc_message(struct nl *nl, char *buf, __u16 type, __u16 flags, int ifindex,
				   __u32 parent)
{
	struct nlmsghdr *msg = nl_message(nl, buf, type, flags);
	struct tcmsg *tcm = mnl_nlmsg_put_extra_header(msg, sizeof(*tcm));

	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = parent;
	return msg;
}

/* ---- filters ------------------------------------------------------------ */

/* After a colon libbpf adds the id to the program's name, tc the section to the file's name. */
static void read_name(const struct nlattr *attr, struct clsact_filter *filter)
{
	snprintf(filter->name, sizeof(filter->name), "%s", mnl_attr_get_str(attr));
	filter->name[strcspn(filter->name, ":")] = '\0';
}

static void read_bpf(const struct nlattr *options, struct clsact_filter *filter)
{
	const struct nlattr *attr[TCA_BPF_MAX + 1];
	struct nl_attrs attrs = { attr, TCA_BPF_MAX };

	nl_parse_nested(options, &attrs);
	if (attr[TCA_BPF_ID])
		filter->prog_id = mnl_attr_get_u32(attr[TCA_BPF_ID]);
	if (attr[TCA_BPF_NAME])
		read_name(attr[TCA_BPF_NAME], filter);
}

static int append(struct clsact_list *list, const struct clsact_filter *filter)
{
	int err = array_room((void **)&list->items, list->n, &list->room, sizeof(*list->items));

	if (!err)
		list->items[list->n++] = *filter;
	return err;
}

/*
 * For each priority the kernel lists the classifier as a whole, without options, and then each of
 * its filters. Those of BPF run one after the other; other kinds count as one.
 */
static int read_filter(const struct nlmsghdr *msg, void *data)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[TCA_MAX + 1];
	struct nl_attrs attrs = { attr, TCA_MAX };
	struct clsact_filter filter = { .priority = TC_H_MAJ(tcm->tcm_info) >> 16,
					.protocol = (__be16)TC_H_MIN(tcm->tcm_info) };
	bool bpf;

	nl_parse(msg, sizeof(*tcm), &attrs);
	if (!attr[TCA_KIND] || (attr[TCA_CHAIN] && mnl_attr_get_u32(attr[TCA_CHAIN])))
		return MNL_CB_OK;
	snprintf(filter.kind, sizeof(filter.kind), "%s", mnl_attr_get_str(attr[TCA_KIND]));
	bpf = !strcmp(filter.kind, "bpf");
	if (bpf == !attr[TCA_OPTIONS])
		return MNL_CB_OK;
	if (bpf) {
		filter.handle = tcm->tcm_handle;
		read_bpf(attr[TCA_OPTIONS], &filter);
	}
	if (!append(data, &filter))
		return MNL_CB_OK;
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

void clsact_free(struct clsact_list *list)
{
	free(list->items);
	*list = (struct clsact_list){ 0 };
}

int clsact_filters_side(struct nl *nl, int ifindex, enum hook_side side,
			struct clsact_list *ret_list)
{
	struct clsact_list list = { 0 };
	char buf[NL_BUFFER];
	int err = nl_query(nl,
			   tc_message(nl, buf, RTM_GETTFILTER, NLM_F_DUMP, ifindex,
				      side == HOOK_EGRESS ? egress : ingress),
			   read_filter, &list);

	if (err)
		clsact_free(&list);
	else
		*ret_list = list;
	return err;
}

int clsact_filters(struct nl *nl, int ifindex, struct clsact_list *ret_list)
{
	return clsact_filters_side(nl, ifindex, HOOK_INGRESS, ret_list);
}

static enum bpf_tc_attach_point attach_point(enum hook_side side)
{
	return side == HOOK_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

static int attach(int ifindex, enum hook_side side, struct bpf_tc_opts *opts)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = attach_point(side));
	int err = bpf_tc_hook_create(&hook);

	return err && err != -EEXIST ? err : bpf_tc_attach(&hook, opts);
}

int clsact_attach(int ifindex, enum hook_side side, int prog_fd, __u32 priority, __u32 handle)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = priority, .prog_fd = prog_fd);

	return attach(ifindex, side, &opts);
}

int clsact_replace(int ifindex, enum hook_side side, int prog_fd, __u32 priority, __u32 handle)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = priority, .prog_fd = prog_fd,
		    .flags = BPF_TC_F_REPLACE);

	return attach(ifindex, side, &opts);
}

int clsact_detach(int ifindex, enum hook_side side, __u32 priority, __u32 handle)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = attach_point(side));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = priority);

	return bpf_tc_detach(&hook, &opts);
}

/* ---- the qdisc ---------------------------------------------------------- */

struct qdisc_walk {
	int ifindex;
	bool clsact, ingress;
};

static int read_qdisc(const struct nlmsghdr *msg, void *data)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[TCA_MAX + 1];
	struct nl_attrs attrs = { attr, TCA_MAX };
	struct qdisc_walk *walk = data;

	nl_parse(msg, sizeof(*tcm), &attrs);
	if (tcm->tcm_ifindex != walk->ifindex || !attr[TCA_KIND])
		return MNL_CB_OK;
	walk->clsact |= !strcmp(mnl_attr_get_str(attr[TCA_KIND]), "clsact");
	walk->ingress |= !strcmp(mnl_attr_get_str(attr[TCA_KIND]), "ingress");
	return MNL_CB_OK;
}

static struct qdisc_walk find_qdisc(struct nl *nl, int ifindex)
{
	struct qdisc_walk walk = { .ifindex = ifindex };
	char buf[NL_BUFFER];

	nl_query(nl, tc_message(nl, buf, RTM_GETQDISC, NLM_F_DUMP, ifindex, 0), read_qdisc, &walk);
	return walk;
}

bool clsact_present(struct nl *nl, int ifindex)
{
	struct qdisc_walk walk = find_qdisc(nl, ifindex);

	return walk.clsact || walk.ingress;
}

static int count_filter(const struct nlmsghdr *msg, void *data)
{
	size_t *n = data;

	++*n;
	return MNL_CB_OK;
}

int clsact_remove_if_empty(struct nl *nl, int ifindex)
{
	const __u32 parents[] = { ingress, egress };
	char buf[NL_BUFFER];
	size_t filters = 0;
	int err;

	if (!find_qdisc(nl, ifindex).clsact)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		err = nl_query(nl,
			       tc_message(nl, buf, RTM_GETTFILTER, NLM_F_DUMP, ifindex, parents[i]),
			       count_filter, &filters);
		if (err)
			return err;
	}
	if (filters)
		return 0;
	return nl_request(nl, tc_message(nl, buf, RTM_DELQDISC, 0, ifindex, TC_H_CLSACT));
}
