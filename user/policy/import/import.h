/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns iptables-save text into a configuration: what PREROUTING does with flows that enter, and
 * OUTPUT with those of this host. Each line of the text ends as one of these: it is in the rules,
 * it is not needed, it is left out, or its chain does not intercept.
 */
#ifndef TPROXY_POLICY_IMPORT_IMPORT_H
#define TPROXY_POLICY_IMPORT_IMPORT_H

#include <stdio.h>

#include "policy/config/config.h"

struct import {
	bool ipv6; /* of text that does not name the program that wrote it */
	/* Called for each line that is not in the rules. needless: the data path does its job. */
	void (*left_out)(unsigned int line, const char *text, const char *why, bool needless,
			 void *arg);
	/*
	 * What the rules as a whole do not do as iptables did. hint: they do, if this is seen to.
	 */
	void (*note)(const char *text, bool hint, void *arg);
	void *arg;
	/* ---- results ---- */
	bool any_interface;  /* a rule names no interface, so the configuration cannot name all */
	const char *refused; /* the text is something else; static, NULL: it is not */
	/* Lines with rules or sets; the others together are all of them. */
	size_t lines, used, needless, left, elsewhere;
};

/* 0, or -ENOMEM, -EIO, -EFBIG (a line is too long). */
int import_iptables(struct import *import, FILE *in, struct config *ret_config);

#endif
