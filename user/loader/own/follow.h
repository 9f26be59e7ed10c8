/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cgroups that rules name by path get another id when they are made again, as that of a service at
 * each start. Gives the rules the present ids. Must not know when to look.
 */
#ifndef TPROXY_LOADER_OWN_FOLLOW_H
#define TPROXY_LOADER_OWN_FOLLOW_H

#include "loader/app/session.h"

/* Cheap if nothing has changed. 0, or a reported -errno. */
int own_follow_cgroups(struct session *session);

#endif
