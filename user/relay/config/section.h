/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Section [relay] for the reader of configuration files (lib/config.h): the relay's own
 * start and the loader's check take its keys by the same table. Reads list files, no more.
 */
#ifndef TPROXY_RELAY_CONFIG_SECTION_H
#define TPROXY_RELAY_CONFIG_SECTION_H

#include "policy/config/config.h"
#include "relay/config/options.h"

/* Sets keys in o, which lives as long as the result. */
struct config_relay relay_section(struct options *o);

/* What a start on this host would refuse beyond the file: 0, or -errno with a line in ret_why. */
int relay_section_fits_host(const struct options *o, char *ret_why, size_t size);

#endif
