/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns iptables-save text into a configuration: the PREROUTING chain of the mangle table and the
 * chains that it jumps to, where transparent proxies are set up. The order is kept, as the first
 * rule that decides wins there too.
 */
#ifndef TPROXY_POLICY_IMPORT_IMPORT_H
#define TPROXY_POLICY_IMPORT_IMPORT_H

#include <stdio.h>

#include "policy/config/config.h"

struct import {
	bool ipv6; /* of text that does not name the program that wrote it */
	/* Called for each line that is left out. needless: the data path does its job anyway. */
	void (*left_out)(unsigned int line, const char *text, const char *why, bool needless,
			 void *arg);
	void *arg;
	/* result: a rule names no interface, so the configuration cannot name all of them */
	bool any_interface;
};

/* 0, or -ENOMEM, -EIO, -EFBIG (a line is too long). Lines that are no rule are left out as well. */
int import_iptables(struct import *import, FILE *in, struct config *ret_config);

#endif
