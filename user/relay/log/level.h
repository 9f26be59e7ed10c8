/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The choices a user has for the log: its format and its threshold. Apart from the log itself,
 * for programs that only read the options.
 */
#ifndef TPROXY_RELAY_LOG_LEVEL_H
#define TPROXY_RELAY_LOG_LEVEL_H

enum record_format { RECORD_TEXT, RECORD_JSON };

enum record_level { RECORD_DEBUG, RECORD_INFO, RECORD_WARN, RECORD_ERROR, RECORD_LEVEL_MAX };

extern const char *const record_level_names[RECORD_LEVEL_MAX];

#endif
