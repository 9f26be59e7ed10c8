/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the sections whose keys only the relay's own configuration knows: it checks them, and
 * they are kept as text. Must not know what they mean.
 */
#ifndef TPROXY_POLICY_CONFIG_CARRIED_H
#define TPROXY_POLICY_CONFIG_CARRIED_H

#include "policy/config/reading.h"

/* taker: NULL to keep the line without a check. Reports what is wrong; 0 or -ENOMEM. */
int carried_take(struct reading *r, const struct config_taker *taker, struct config_lines *lines,
		 const struct ini_line *line);

#endif
