/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is known of a segment, as Wireshark shows it: subtree, fields, expert information, the Info column. The same
 * code in every pass; it decides nothing about TCP.
 */
#ifndef PRESENT_H
#define PRESENT_H

#include "capture_state.h"

#include <epan/packet.h>

struct presentation {
    enum tcpstate_language language;
    bool is_quiz;     /* the reader guesses: no states, and nothing that gives them away */
    bool info_column; /* tell the step or the transition in the Info column, too */
};

/* Registers the fields and the expert information of the protocol. */
void present_register(int protocol);

/* Before the first frame of a file. */
void present_begin_file(void);

/* Shows the records `first` and following, `count` of them, which are those of the frame. `tree` may be NULL. */
void present_frame(packet_info *pinfo, tvbuff_t *tvb, proto_tree *tree, struct capture_state *state, uint32_t first,
                   unsigned count, const struct presentation *presentation);

#endif
