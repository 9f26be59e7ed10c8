/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the options of a relay that runs once more, as the user that it has become, and logs what
 * is wrong. Must not use them.
 */
#ifndef TPROXY_RELAY_RELOAD_H
#define TPROXY_RELAY_RELOAD_H

#include "relay/config/options.h"

/* in_vrf: as the relay is. NULL: they have errors. reload_free frees them. */
struct options *reload_read(int argc, char **argv, bool in_vrf);
void reload_free(struct options *o);

#endif
