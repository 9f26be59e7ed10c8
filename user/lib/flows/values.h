/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of a flow as text, for people and for programs. Pure; addresses are numeric. */
#ifndef TPROXY_LIB_FLOWS_VALUES_H
#define TPROXY_LIB_FLOWS_VALUES_H

#include "lib/flows/proto.h"

#define FLOWS_TEXT_LEN 80

extern const char *const flows_state_names[FLOWS_STATE_MAX];

/* mapped: 16 bytes (lib/mapped.h); port: in network byte order. */
struct flows_address flows_address_from(const uint8_t *mapped, uint16_t port);

/* Each writes to buf, FLOWS_TEXT_LEN bytes, and returns it. */
char *flows_host_text(const struct flows_address *a, char *buf);    /* "2001:db8::1" */
char *flows_address_text(const struct flows_address *a, char *buf); /* "[2001:db8::1]:22", "-" */
char *flows_amount_text(uint64_t amount, char *buf);                /* "712", "1.5k", "20M" */
char *flows_time_text(uint64_t ms, char *buf);                      /* "0.3s", "42s", "3m07s" */

const char *flows_state_text(uint8_t state);
const char *flows_proto_text(uint8_t proto);

#endif
