/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the log file again when a signal asks for it, as log rotation does: the helper process
 * opens it, since the relay itself may not. Must not read the configuration again.
 */
#ifndef TPROXY_RELAY_REOPEN_H
#define TPROXY_RELAY_REOPEN_H

#include "relay/config/options.h"
#include "relay/process/registrar.h"

/* Asks for the file; standard output needs no such thing. */
void reopen_ask(const struct options *o, const struct registrar *r);

/* The answer. Takes over its descriptor. */
void reopen_take(const struct options *o, struct registrar_report *report);

#endif
