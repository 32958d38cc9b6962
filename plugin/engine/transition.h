/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TCPSTATE_TRANSITION_H
#define TCPSTATE_TRANSITION_H

#include "tcpstate.h"

/* A cell that names no state: the event cannot happen in that state, if the state shown is right. */
enum { TCPSTATE_CELL_ORIGIN = TCPSTATE_STATES, TCPSTATE_CELL_IMPOSSIBLE };

/* The raw cell of the table: a state, TCPSTATE_CELL_ORIGIN (back to where the open came from) or
 * TCPSTATE_CELL_IMPOSSIBLE. For tests and for the diagram in the README. */
unsigned tcpstate_cell(enum tcpstate_event event, enum tcpstate_state state);

/* The state that `event` leads to from `state`. `active_open`: the endpoint left CLOSED by sending a SYN, so a RST in
 * SYN-RECEIVED leads back to CLOSED and not to LISTEN (RFC 9293 3.10.7.4 second). Where the table says that the event
 * is impossible the state is kept and `*impossible` is set; it is never cleared here. */
enum tcpstate_state tcpstate_transition(enum tcpstate_event event, enum tcpstate_state state, bool active_open,
                                        bool *impossible);

#endif
