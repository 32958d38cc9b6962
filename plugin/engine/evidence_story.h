/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is remembered of a story that is still to be told: a SYN that met an older connection, or a reset that was
 * ignored. It may outlive a connection.
 */
#ifndef TCPSTATE_EVIDENCE_STORY_H
#define TCPSTATE_EVIDENCE_STORY_H

#include <stdbool.h>
#include <stdint.h>

struct tcpstate_story {
    uint32_t frame;                          /* where it began, 0: there is no story */
    uint32_t connection;                     /* number of the one that it is about now */
    uint8_t direction;                       /* of the SYN or reset that began it: whose it seems to be */
    uint8_t count;                           /* of the SYNs or resets, up to 255 */
    uint32_t challenge_frame, challenge_ack; /* the answer of the other end */
    uint32_t rst_frame, again_frame;         /* of a SYN: the RST that answers the challenge, and the SYN after it */
    bool lives[2];                           /* by direction: it has shown since that it still has its connection */
    bool has_smax[2];
    uint32_t smax[2];          /* by direction: the end of what it had sent when the newest one came */
    int64_t first_ns, last_ns; /* of the SYNs or resets */
};

#endif
