/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/own/checked.h"

#include "kernel/own/own.h"

int own_checked_open(const struct checkup *c, const char *pin)
{
	return state_get(&c->session->state.pins, pin);
}

bool own_checked_read(struct checkup *c, struct own_checked *ret_checked)
{
	struct own_checked view = { .lo = checkup_own(c) };

	if (!view.lo || own_read_config(&c->session->state, &view.config))
		return false;
	*ret_checked = view;
	return true;
}
