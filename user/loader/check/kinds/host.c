/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of group host. */
#include "loader/check/kinds.h"

const struct kind kinds_host[] = {
	{ .id = NULL },
};
