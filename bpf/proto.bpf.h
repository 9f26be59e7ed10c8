/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of the protocols. BTF has no macros, so vmlinux.h cannot hold them. They have the
 * names of the kernel's headers. Nothing but numbers belongs here.
 */
#ifndef TPROXY_PROTO_BPF_H
#define TPROXY_PROTO_BPF_H

#define AF_INET 2
#define AF_INET6 10

#define ETH_HLEN 14
#define ETH_ALEN 6
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88A8
#define VLAN_VID_MASK 0x0fff

#define IP_OFFSET 0x1fff
#define IP_MF 0x2000
#define IP_DF 0x4000
#define IPOPT_EOL 0
#define IPOPT_NOP 1
#define IPOPT_LSRR 131
#define IPOPT_SSRR 137
#define IP_OPTIONS_MAX 40 /* bytes */

#define IPV6_FLOWINFO 0x0fffffff /* traffic class and flow label, host byte order */
#define NEXTHDR_HOP 0
#define NEXTHDR_ROUTING 43
#define NEXTHDR_FRAGMENT 44
#define NEXTHDR_AUTH 51
#define NEXTHDR_ICMP 58
#define NEXTHDR_DEST 60

#define ICMP_DEST_UNREACH 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_PORT_UNREACH 3
#define ICMP_FRAG_NEEDED 4
#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PKT_TOOBIG 2
#define ICMPV6_PARAMPROB 4
#define ICMPV6_PORT_UNREACH 4
#define ICMP_HEADER_LEN 8

#define TCP_HEADER_MAX 60  /* bytes */
#define TCP_OPTIONS_MAX 40 /* bytes */
#define TCPOPT_EOL 0
#define TCPOPT_NOP 1
#define TCPOPT_MD5SIG 19 /* RFC 2385 */
#define TCPOLEN_MD5SIG 18

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

#endif
