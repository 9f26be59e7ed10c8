/* SPDX-License-Identifier: BSD-2-Clause */
/* Problems of the checks of group kernel. */
#include "loader/check/kinds.h"

const struct kind kinds_kernel[] = {
	{ .id = NULL },
};
