/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections [relay] and [egress] for the reader of configuration files: the relay and the loader take
 * their keys by the same tables, and judge the sections as a whole by the same functions.
 */
#ifndef TPROXY_RELAY_CONFIG_SECTION_H
#define TPROXY_RELAY_CONFIG_SECTION_H

#include "policy/config/read.h"
#include "relay/config/options.h"

/* Set keys in o, which lives as long as the result. */
struct config_taker relay_section(struct options *o);
struct config_taker egress_section(struct options *o);

/*
 * For config_reader.check_relay, with the struct options as argument: keys that exclude each
 * other; and also what a start on this host would refuse.
 */
int relay_section_check(void *options, unsigned int n, char *ret_why, size_t size);
int relay_section_check_host(void *options, unsigned int n, char *ret_why, size_t size);

/* For config_reader.check_egress, likewise. */
int egress_section_check(void *options, size_t i, __u32 marks, char *ret_why, size_t size);

#endif
