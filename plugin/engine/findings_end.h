/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to the findings of groups C, R, T and F.
 */
#ifndef TCPSTATE_FINDINGS_END_H
#define TCPSTATE_FINDINGS_END_H

#include "judgement.h"

enum {
    /* No single segment holds more, not even one that the network card splits: so much beyond what was captured needs
     * two unseen segments at least. */
    LARGEST_SEGMENT = 65535,
    NEAR_NUMBERS = 1 << 24 /* numbers further apart than this are of different connections */
};

/* As findings_tell(), with evidence that is weak for a reason that only the caller knows. */
void findings_tell_weakly(struct judgement *j, enum tcpstate_finding_id id, uint32_t cause_frame, uint32_t value1,
                          uint32_t value2);
/* As findings_tell(), for the end of a story that began in `cause_frame` and went on in `via_frame`, 0: nothing more. */
void findings_tell_story(struct judgement *j, enum tcpstate_finding_id id, uint32_t cause_frame,
                         const uint32_t via_frame[TCPSTATE_VIA], uint32_t value1, uint32_t value2);
/* Has this segment raised `id`? */
bool findings_told(const struct judgement *j, enum tcpstate_finding_id id);
/* Has `end` raised `id`, a finding told once? */
bool findings_told_once(const struct tcpstate_endpoint *end, enum tcpstate_finding_id id);
/* Twice the round trip, at least 100 ms; 1 s where it is not known. What was captured this much earlier is known to
 * both ends, or lost. */
int64_t findings_patience_ns(const struct judgement *j);
/* RFC 9293 3.8.4: nothing new, at the number before the next, although all was acknowledged; the window is open. */
bool findings_is_keep_alive(const struct judgement *j);
/* The number of this SYN was the ISN of `role` in the connection before. */
bool findings_is_previous_isn(const struct judgement *j, enum tcpstate_role role);
bool findings_scale_is_known(const struct judgement *j);
/* Does x answer a segment of y with this RST: RST without ACK, its number that of y's acknowledgment (RFC 9293
 * 3.10.7.1)? `stimulus`: only a segment counts that asks for an answer. The frame, or 0. */
uint32_t findings_answered_by_rst(const struct judgement *j, bool stimulus);

/* findings_final.c: what tcpstate_final_findings() needs. */
void findings_note_for_the_end(struct judgement *j);

#endif
