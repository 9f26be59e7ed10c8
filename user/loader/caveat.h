/* SPDX-License-Identifier: BSD-2-Clause */
/* Says what attaching to a device does not cover, where one might think it does. Changes nothing. */
#ifndef TPROXY_LOADER_CAVEAT_H
#define TPROXY_LOADER_CAVEAT_H

#include "lib/device.h"
#include "loader/app.h"

void caveat_warn(struct session *session, const struct device *device);

#endif
