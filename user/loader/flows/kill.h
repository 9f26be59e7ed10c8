/* SPDX-License-Identifier: BSD-2-Clause */
/* `flows kill`: asks the relays to end flows, and reports how many ended. */
#ifndef TPROXY_LOADER_FLOWS_KILL_H
#define TPROXY_LOADER_FLOWS_KILL_H

#include "loader/flows/request.h"

/* Returns an enum exit_code: EXIT_FAILED also if there is no flow of one of the ids. */
int flows_kill(const struct flows_command *command);

#endif
