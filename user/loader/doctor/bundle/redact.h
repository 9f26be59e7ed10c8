/* SPDX-License-Identifier: BSD-2-Clause */
/* Replaces passwords in text that leaves this host. Pure. */
#ifndef TPROXY_LOADER_DOCTOR_BUNDLE_REDACT_H
#define TPROXY_LOADER_DOCTOR_BUNDLE_REDACT_H

/*
 * Credentials of URLs ("socks5:" before "user:pass@host") become "***", also with typing errors.
 * Values of keys whose name says that they are secret become stars. In place: the text becomes
 * shorter or stays as long.
 */
void redact(char *text);

#endif
