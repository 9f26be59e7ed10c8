/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/log/level.h"

const char *const record_level_names[RECORD_LEVEL_MAX] = {
	[RECORD_DEBUG] = "debug",
	[RECORD_INFO] = "info",
	[RECORD_WARN] = "warn",
	[RECORD_ERROR] = "error",
};
