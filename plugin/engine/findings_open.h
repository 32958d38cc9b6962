/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What findings_handshake.c and findings_synchronized.c share.
 */
#ifndef TCPSTATE_FINDINGS_OPEN_H
#define TCPSTATE_FINDINGS_OPEN_H

#include "findings_end.h"

/* Lowered one step also if `weak`: an honest explanation needs no more than one segment that was not captured. */
static inline void findings_tell_weak(struct judgement *j, bool weak, enum tcpstate_finding_id id, uint32_t cause_frame,
                                      uint32_t value1, uint32_t value2) {
    (weak ? findings_tell_weakly : findings_tell)(j, id, cause_frame, value1, value2);
}

/* Both SYNs were captured with all their options, so the scale of the windows is known (RFC 7323 2.2). */
bool findings_know_options(const struct judgement *j);
/* Could the segment be one of the connection before, captured or delivered late? */
bool findings_fit_previous(const struct judgement *j);

/* Distance on the circle of sequence numbers. Two connections choose their ISNs at random (RFC 9293 3.4.1): numbers
 * this close are of the same one. */
enum { FINDINGS_NEAR = 1 << 20 };
static inline bool findings_near(uint32_t a, uint32_t b) {
    return seq_distance(a, b) < FINDINGS_NEAR && seq_distance(b, a) < FINDINGS_NEAR;
}

#endif
