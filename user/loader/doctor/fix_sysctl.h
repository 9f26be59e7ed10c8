/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sysctls of this network namespace, as a cure names them: "sysctl -w net/ipv4/ip_forward=1", also
 * several, or with several numbers: "sysctl -w net.ipv4.tcp_mem=\"1 2 3\"".
 */
#ifndef TPROXY_LOADER_DOCTOR_FIX_SYSCTL_H
#define TPROXY_LOADER_DOCTOR_FIX_SYSCTL_H

#include <stdbool.h>
#include <stddef.h>

struct sysctl_setting {
	char name[128]; /* with slashes: "net/ipv4/conf/eth0.5/rp_filter" */
	char value[64]; /* one word, or numbers with single blanks */
};

#define FIX_SYSCTL_MAX 4

struct sysctl_cure {
	struct sysctl_setting items[FIX_SYSCTL_MAX];
	size_t n;
};

/*
 * Reads the first command of a cure, up to "; ". False unless each word of it is a write to a sysctl
 * of net/. In a name with dots each one becomes a slash; one with slashes stays, as sysctl(8) does.
 */
bool fix_sysctl_parse(const char *command, struct sysctl_cure *ret_cure);
/* Writes it, shows the step, and says how to make it permanent. 0, or a reported -errno. */
int fix_sysctl_write(const struct sysctl_setting *setting);

#endif
