/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of the levels: apart from the log, for those that only read options. */
#include "relay/log/record.h"

const char *const record_level_names[RECORD_LEVEL_MAX] = {
	[RECORD_DEBUG] = "debug",
	[RECORD_INFO] = "info",
	[RECORD_WARN] = "warn",
	[RECORD_ERROR] = "error",
};
