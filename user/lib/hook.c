/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "lib/log.h"
#include "tproxy.h"

/* Not in the headers of Linux 6.1 and libbpf 1.1: enum bpf_attach_type, include/uapi/linux/bpf.h. */
#define ATTACH_TCX_INGRESS 46

const char *const hook_names[HOOK_MAX] = {
	[HOOK_NONE] = "none",
	[HOOK_TCX] = "tcx",
	[HOOK_CLSACT] = "clsact",
};

/* The smallest program the verifier takes: `return TCX_NEXT`. Descriptor or -errno. */
static int probe_prog(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "tproxy_probe", "Dual BSD/GPL", insns,
			       ARRAY_SIZE(insns), NULL);

	return fd < 0 ? -errno : fd;
}

bool hook_tcx_supported(void)
{
	__cleanup_close int prog = probe_prog();
	int link;

	if (prog < 0)
		return false;
	/* No device has this index: ENODEV from tcx, EINVAL from a kernel without it. */
	link = bpf_link_create(prog, 0x7fffffff, ATTACH_TCX_INGRESS, NULL);
	if (link >= 0)
		close(link);
	return link < 0 && errno == ENODEV;
}

static int tc_query(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TPROXY_TC_HANDLE, .priority = TPROXY_TC_PRIORITY);

	return bpf_tc_query(&hook, &opts);
}

/*
 * A pinned link that still does its work. One whose device or namespace died, or
 * that was detached a moment before its pin could be removed, is of no more use.
 */
static int open_link(const char *link_path, bool (*alive)(const struct bpf_link_info *info, int arg),
		     int arg)
{
	__cleanup_close int link = bpf_obj_get(link_path);
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);

	if (link < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(link, &info, &len))
		return -errno;
	return alive(&info, arg) ? take_fd(&link) : -ENOLINK;
}

/*
 * struct bpf_link_info of 6.1 has no tcx member; its ifindex stands where xdp has
 * it, and is 0 once the device is gone.
 */
static bool is_on_device(const struct bpf_link_info *info, int ifindex)
{
	return (int)info->xdp.ifindex == ifindex;
}

static bool is_on_netns(const struct bpf_link_info *info, int unused)
{
	return info->netns.netns_ino != 0;
}

enum hook hook_present(int ifindex, const char *link_path)
{
	__cleanup_close int link = open_link(link_path, is_on_device, ifindex);

	if (link >= 0)
		return HOOK_TCX;
	return tc_query(ifindex) ? HOOK_NONE : HOOK_CLSACT;
}

/* Pins a new link; takes the place of a dead one. */
static int pin_link(int link, const char *link_path)
{
	if (unlink(link_path) && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(link, link_path) ? -errno : 0;
}

static int attach_tcx(int ifindex, int prog_fd, const char *link_path)
{
	__cleanup_close int link = open_link(link_path, is_on_device, ifindex);

	if (link >= 0)
		return bpf_link_update(link, prog_fd, NULL) ? -errno : 0;
	link = bpf_link_create(prog_fd, ifindex, ATTACH_TCX_INGRESS, NULL);
	return link < 0 ? -errno : pin_link(link, link_path);
}

static int attach_clsact(int ifindex, int prog_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TPROXY_TC_HANDLE, .priority = TPROXY_TC_PRIORITY,
		    .prog_fd = prog_fd, .flags = BPF_TC_F_REPLACE);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return err;
	return bpf_tc_attach(&hook, &opts);
}

int hook_attach(enum hook hook, int ifindex, int prog_fd, const char *link_path)
{
	if (hook == HOOK_TCX)
		return attach_tcx(ifindex, prog_fd, link_path);
	return attach_clsact(ifindex, prog_fd);
}

/* Ends a link now: another holder of a descriptor must not keep the program running. */
static int detach_link(const char *link_path)
{
	__cleanup_close int link = bpf_obj_get(link_path);

	if (link < 0)
		return errno == ENOENT ? 0 : -errno;
	/* ENOLINK: the device or namespace died before. */
	if (bpf_link_detach(link) && errno != ENOLINK)
		return -errno;
	return unlink(link_path) ? -errno : 0;
}

int hook_detach(enum hook hook, int ifindex, const char *link_path)
{
	LIBBPF_OPTS(bpf_tc_hook, hook_opts, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TPROXY_TC_HANDLE, .priority = TPROXY_TC_PRIORITY);

	if (hook != HOOK_CLSACT)
		return detach_link(link_path);
	return tc_query(ifindex) ? 0 : bpf_tc_detach(&hook_opts, &opts);
}

/* ---- clsact qdisc --------------------------------------------------------- */

struct tc_walk {
	int ifindex;
	bool clsact;
	int filters;
};

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

static int read_qdisc(const struct nlmsghdr *msg, void *data)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(msg);
	const struct nlattr *attr[TCA_MAX + 1];
	struct nl_attrs attrs = { attr, TCA_MAX };
	struct tc_walk *walk = data;

	nl_parse(msg, sizeof(*tcm), &attrs);
	if (tcm->tcm_ifindex == walk->ifindex && attr[TCA_KIND] &&
	    !strcmp(mnl_attr_get_str(attr[TCA_KIND]), "clsact"))
		walk->clsact = true;
	return MNL_CB_OK;
}

bool hook_qdisc_present(struct nl *nl, int ifindex)
{
	struct tc_walk walk = { .ifindex = ifindex };
	char buf[NL_BUFFER];

	nl_query(nl, tc_message(nl, buf, RTM_GETQDISC, NLM_F_DUMP, ifindex, 0), read_qdisc, &walk);
	return walk.clsact;
}

static int read_filter(const struct nlmsghdr *msg, void *data)
{
	struct tc_walk *walk = data;

	walk->filters++;
	return MNL_CB_OK;
}

int hook_qdisc_remove_if_empty(struct nl *nl, int ifindex)
{
	static const __u32 parents[] = { TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
					 TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS) };
	struct tc_walk walk = { .ifindex = ifindex };
	char buf[NL_BUFFER];
	int err;

	if (!hook_qdisc_present(nl, ifindex))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		err = nl_query(nl, tc_message(nl, buf, RTM_GETTFILTER, NLM_F_DUMP, ifindex, parents[i]),
			       read_filter, &walk);
		if (err)
			return err;
	}
	if (walk.filters)
		return 0;
	return nl_request(nl, tc_message(nl, buf, RTM_DELQDISC, 0, ifindex, TC_H_CLSACT));
}

/* ---- sk_lookup ------------------------------------------------------------ */

int hook_lookup_attach(int prog_fd, const char *link_path)
{
	__cleanup_close int netns = -1;
	__cleanup_close int link = open_link(link_path, is_on_netns, 0);

	if (link >= 0)
		return bpf_link_update(link, prog_fd, NULL) ? -errno : 0;
	netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return -errno;
	link = bpf_link_create(prog_fd, netns, BPF_SK_LOOKUP, NULL);
	return link < 0 ? -errno : pin_link(link, link_path);
}

bool hook_lookup_present(const char *link_path)
{
	__cleanup_close int link = open_link(link_path, is_on_netns, 0);

	return link >= 0;
}

bool hook_lookup_is_dead(const char *link_path)
{
	__cleanup_close int link = open_link(link_path, is_on_netns, 0);

	return link == -ENOLINK;
}

int hook_lookup_detach(const char *link_path)
{
	return detach_link(link_path);
}
