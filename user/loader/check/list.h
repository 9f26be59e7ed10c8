/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks, for the table in checks.c, which says of each what it asks, and whether only `doctor`
 * runs it. A group of checks is a folder here. Each comment lists the ids of the problems.
 */
#ifndef TPROXY_LOADER_CHECK_LIST_H
#define TPROXY_LOADER_CHECK_LIST_H

#include "loader/check/tools/checkup.h"

/* ---- kernel ------------------------------------------------------------- */

/* kernel-old, bpf-refused, no-permission, kernel-lacks, jit-off, lockdown */
void check_kernel(struct checkup *c);
/* bpffs-missing, bpffs-open */
void check_bpffs(struct checkup *c);
/* state-abi, state-broken, pins-refused, other-netns */
void check_state(struct checkup *c);

/* ---- interface ---------------------------------------------------------- */

/* program-missing, enslaved, unfit-device, device-down, renamed, vrf-changed, egress-missing */
void check_program(struct checkup *c, const struct checked_iface *iface);
/* device-gone, moved, lookup-missing, other-build */
void check_programs(struct checkup *c);
/* vlan-not-attached */
void check_vlan(struct checkup *c, const struct checked_iface *iface);
/* leftovers */
void check_leftovers(struct checkup *c);
/* earlier-program, order-unread */
void check_order(struct checkup *c, const struct checked_iface *iface);

/* ---- routing ------------------------------------------------------------ */

/* rule-missing, route-missing, ipv6-half, earlier-rule, not-delivered, routing-unknown */
void check_routing(struct checkup *c, const struct checked_iface *iface);
/* table-shared */
void check_table(struct checkup *c);
/* forwarding-off, icmp-redirects, rp-filter */
void check_router(struct checkup *c, const struct checked_iface *iface);
/* src-valid-mark */
void check_source(struct checkup *c, const struct checked_iface *iface);
/* networkd-rules */
void check_networkd(struct checkup *c);

/* ---- firewall ----------------------------------------------------------- */

/* mark-overwritten, mark-collision */
void check_marks(struct checkup *c, const struct checked_iface *iface);
void check_mark_users(struct checkup *c);
/* input-filter, rewritten, output-filter, other-tproxy */
void check_filters(struct checkup *c, const struct checked_iface *iface);
/* forward-skipped */
void check_skipped(struct checkup *c, const struct checked_iface *iface);
/* mss-clamp, hardware-offload */
void check_forwarding_path(struct checkup *c, const struct checked_iface *iface);
/* conntrack-full */
void check_conntrack(struct checkup *c);
/* half-open */
void check_handshakes(struct checkup *c);

/* ---- host --------------------------------------------------------------- */

/* backlog-small, syncookies */
void check_backlog(struct checkup *c);
/* tcp-memory, udp-memory */
void check_memory(struct checkup *c);
/* udp-port-taken */
void check_udp_ports(struct checkup *c);

/* ---- proxy -------------------------------------------------------------- */

/* no-listener, listener-not-transparent, listener-family, listener-device, listener-unknown */
void check_listeners(struct checkup *c);
/* not-accepted */
void check_accepting(struct checkup *c);
/* listener-exposed, listener-shared */
void check_exposed(struct checkup *c);
/*
 * relay-silent, relay-elsewhere, descriptors-short, no-free-port, port-range-small, upstream-down,
 * loop
 */
void check_relays(struct checkup *c);
/* divert-missing */
void check_divert(struct checkup *c);
/* log-lost, log-moved */
void check_relay_log(struct checkup *c);
/*
 * not-delivered, input-filter, rp-filter, mark-lost, rewritten, no-return-route, no-neighbour,
 * wrong-interface
 */
void check_delivery(struct checkup *c);
/* relay-outdated */
void check_relay_build(struct checkup *c);
/* not-delivered, input-filter, rp-filter, mark-lost, rewritten; fills c->rule_probes */
void check_rule_probes(struct checkup *c);

/* ---- policy ------------------------------------------------------------- */

/* pool-not-local */
void check_pool_addresses(struct checkup *c);
/* not-covered */
void check_coverage(struct checkup *c);
/* never-matches */
void check_rules(struct checkup *c);
/* ipv6-leak */
void check_ipv6(struct checkup *c, const struct checked_iface *iface);
/* quic-passes */
void check_quic(struct checkup *c, const struct checked_iface *iface);
/* dns-tcp-passes */
void check_dns(struct checkup *c, const struct checked_iface *iface);
/* not-persistent, a note: nothing is wrong now */
void check_persistent(struct checkup *c);
/* drift */
void check_drift(struct checkup *c);
/* confirm-pending */
void check_confirm(struct checkup *c);

/* ---- own traffic -------------------------------------------------------- */

/* own-not-attached, owner-gone */
void check_own_attached(struct checkup *c);
/* own-hook-missing, own-lo-missing, own-earlier-program */
void check_own_hooks(struct checkup *c);
/* own-rule-missing, own-earlier-rule, own-route-missing, own-source-gone, routing-unknown */
void check_own_routing(struct checkup *c);
/* own-filtered, own-rewritten, own-mark-lost */
void check_own_filters(struct checkup *c);
/* own-loop */
void check_own_proxies(struct checkup *c);
/* own-tokens-full */
void check_own_tokens(struct checkup *c);

#endif
