/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iptables-save text to a configuration: the mangle table's PREROUTING chain and the
 * chains it jumps to, where transparent proxies are set up. Order is kept: there
 * too the first rule that decides wins.
 */
#ifndef TPROXY_POLICY_IMPORT_IMPORT_H
#define TPROXY_POLICY_IMPORT_IMPORT_H

#include <stdio.h>

#include "policy/config/config.h"

struct import {
	bool ipv6; /* of text that does not say by which program it was written */
	/* Called for each line that was left out. needless: we do by ourselves what it is for. */
	void (*left_out)(unsigned int line, const char *text, const char *why, bool needless,
			 void *arg);
	void *arg;
	/* result: some rule names no interface, so that the file cannot name all there are */
	bool any_interface;
};

/* 0, or -ENOMEM, -EIO. Lines that make no sense are left out like others. */
int import_iptables(struct import *import, FILE *in, struct config *ret_config);

#endif
