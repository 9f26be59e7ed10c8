/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a user chooses of the log: its format and its threshold. Must not need the log itself, since
 * the loader reads the options, too.
 */
#ifndef TPROXY_RELAY_LOG_LEVEL_H
#define TPROXY_RELAY_LOG_LEVEL_H

enum record_format { RECORD_TEXT, RECORD_JSON };

enum record_level { RECORD_DEBUG, RECORD_INFO, RECORD_WARN, RECORD_ERROR, RECORD_LEVEL_MAX };

extern const char *const record_level_names[RECORD_LEVEL_MAX];

#endif
