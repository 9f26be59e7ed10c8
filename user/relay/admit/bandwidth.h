/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes a second that all threads share, without a lock: the generic cell rate algorithm (ITU-T
 * I.371) for bytes. Callers ask how many bytes there is room for, and then say how many they moved.
 * Threads that ask at the same time may together move more; that is made up for afterwards.
 * TCP and UDP have half of the bytes each, and take what the other one leaves.
 */
#ifndef TPROXY_RELAY_ADMIT_BANDWIDTH_H
#define TPROXY_RELAY_ADMIT_BANDWIDTH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum bandwidth_way { BANDWIDTH_UP, BANDWIDTH_DOWN, BANDWIDTH_WAYS }; /* to servers, to clients */
enum bandwidth_use { BANDWIDTH_TCP, BANDWIDTH_UDP, BANDWIDTH_USES };

/* Of one direction. All zero: all bytes are there. */
struct bandwidth {
	_Atomic uint64_t due; /* ns: when the next byte would come if all came evenly */
	_Atomic uint64_t due_of[BANDWIDTH_USES];
};

/* rate: bytes a second, not 0; now: ns. */
size_t bandwidth_room(const struct bandwidth *b, uint64_t rate, enum bandwidth_use use,
		      uint64_t now);
void bandwidth_spend(struct bandwidth *b, uint64_t rate, enum bandwidth_use use, size_t bytes,
		     uint64_t now);

#endif
