/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration file becomes a model. The loader and the relay read it with this function, so
 * that both find the same errors. Must not know the kernel or the host.
 */
#ifndef TPROXY_POLICY_CONFIG_READ_H
#define TPROXY_POLICY_CONFIG_READ_H

#include "policy/config/config.h"
#include "policy/config/reader.h"

/* Opens a file for config_read; a directory is refused. 0 or -errno. */
int config_open(const char *path, FILE **ret_file);

/* Continues after an error. 0, -EINVAL after reported errors, -ENOMEM. */
int config_read(const struct config_reader *reader, FILE *in, struct config *ret_config);

#endif
