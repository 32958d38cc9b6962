/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Comparison of sequence numbers modulo 2^32, RFC 9293 3.4. The only place that subtracts them to compare them.
 */
#ifndef TCPSTATE_SEQ_H
#define TCPSTATE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* Octets from b to a, negative if a lies before b. Meaningful while both lie within 2^31 of each other. */
static inline int32_t seq_distance(uint32_t a, uint32_t b) { return (int32_t)(a - b); }
static inline bool seq_before(uint32_t a, uint32_t b) { return seq_distance(a, b) < 0; }
static inline bool seq_after(uint32_t a, uint32_t b) { return seq_distance(a, b) > 0; }
static inline bool seq_at_most(uint32_t a, uint32_t b) { return seq_distance(a, b) <= 0; }
static inline bool seq_at_least(uint32_t a, uint32_t b) { return seq_distance(a, b) >= 0; }
static inline uint32_t seq_max(uint32_t a, uint32_t b) { return seq_after(a, b) ? a : b; }
/* low <= x <= high on the circle. */
static inline bool seq_within(uint32_t x, uint32_t low, uint32_t high) { return x - low <= high - low; }

#endif
