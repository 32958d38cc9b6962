/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * THE state table. Nothing else decides what an event does to a state: guards live with the judges of sender and
 * receiver, which only yield an event when its condition holds, so that nothing has to correct the table afterwards.
 *
 * One machine per endpoint. A compound segment is several events in the order in which RFC 9293 examines it: "SYN,ACK"
 * is rcv_syn, then rcv_ack_s; "FIN,ACK" is rcv_ack_f, then rcv_fin. The rows ending in _again and snd_nack_fin take an
 * assumed delivery back; they never move a synchronised state forward.
 *
 * sOR  back to where the open came from: LISTEN if passive, CLOSED if active
 * sIV  impossible if the state shown is right: the state is kept, and the caller looks for an unseen segment first
 */
#include "transition.h"

#include <assert.h>

enum {
#define STATE(id, name, alias) alias = TCPSTATE_##id,
#include "state.def"
#undef STATE
    sOR = TCPSTATE_CELL_ORIGIN,
    sIV = TCPSTATE_CELL_IMPOSSIBLE
};

#define ROW(event) [TCPSTATE_EVENT_##event]

/* clang-format off */
static const uint8_t table[TCPSTATE_EVENTS][TCPSTATE_STATES] = {
/*                          sUN  sCL  sLI  sSS  sSR  sES  sF1  sF2  sCW  sCG  sLA  sTW */
ROW(snd_syn)           = { sSS, sSS, sSS, sSS, sSR, sIV, sIV, sIV, sIV, sIV, sIV, sSS },
/*	sLI, sCL -> sSS	Active OPEN, also of a listening socket: 3.10.1.
	sSR -> sSR	The SYNs crossed: figure 7.
	sTW -> sSS	The holder of TIME-WAIT opens again. */
ROW(snd_syn_again)     = { sSS, sSS, sSS, sSS, sSS, sSS, sIV, sIV, sIV, sIV, sIV, sIV },
/*	sSR, sES -> sSS	The same ISN again: no SYN of the peer has arrived, we had assumed too much. */
ROW(snd_synack)        = { sSR, sSR, sSR, sSR, sSR, sES, sIV, sIV, sIV, sIV, sIV, sIV },
/*	sES -> sES	Only the first SYN,ACK of an active opener: simultaneous open, figure 7 line 5. */
ROW(snd_synack_again)  = { sSR, sSR, sSR, sSR, sSR, sSR, sF1, sF1, sSR, sF1, sIV, sIV },
/*	sES, sCW -> sSR	The ACK of our SYN has not arrived, or was ignored.
	sF1 -> sF1	A FIN may be sent from SYN-RECEIVED (3.10.4), so the SYN,ACK may be repeated after it. */
ROW(snd_ack_syn)       = { sES, sIV, sIV, sES, sSR, sES, sF1, sF2, sCW, sCG, sLA, sTW },
/*	sSS -> sES	Our ACK covers the peer's SYN: 3.10.7.3 fourth. */
ROW(snd_ack_fin)       = { sUN, sCL, sIV, sSS, sCW, sCW, sCG, sTW, sCW, sCG, sLA, sTW },
/*	sES -> sCW, sF1 -> sCG, sF2 -> sTW	Our ACK covers the peer's FIN: 3.10.7.4 eighth. */
ROW(snd_nack_fin)      = { sUN, sCL, sLI, sSS, sSR, sES, sF1, sF2, sES, sF1, sF1, sF2 },
/*	sCW -> sES, sCG -> sF1, sLA -> sF1, sTW -> sF2	Long after the peer's FIN our ACK still stops short of it. */
ROW(snd_fin)           = { sUN, sIV, sIV, sIV, sF1, sF1, sF1, sF2, sLA, sCG, sLA, sTW },
/*	sSR, sES -> sF1, sCW -> sLA	Our first FIN: 3.10.4. */
ROW(snd_fin_x)         = { sUN, sIV, sIV, sIV, sF1, sF1, sF1, sF2, sCG, sCG, sLA, sTW },
/*	sCW -> sCG	The FINs crossed: 3.6 figure 13. */
ROW(snd_fin_again)     = { sUN, sLA, sIV, sIV, sF1, sF1, sF1, sF1, sLA, sCG, sLA, sCG },
/*	sF2 -> sF1, sTW -> sCG, sCL -> sLA	The ACK of our FIN has not arrived: 3.8.1. */
ROW(snd_rst)           = { sCL, sCL, sLI, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL },
/*	3.10.5 ABORT. 3.5.2 speaks of TIME-WAIT after a RST was sent; every measured stack goes to CLOSED. */
ROW(snd_rst_reply)     = { sUN, sCL, sLI, sSS, sSR, sCL, sCL, sCL, sCL, sCL, sCL, sCL },
/*	sLI, sSS, sSR	An answer to an unacceptable segment leaves an unsynchronised state alone: 3.5.2 group 2, figures 8, 9, 11. */
ROW(rcv_syn)           = { sSR, sCL, sSR, sSR, sSR, sES, sF1, sF2, sCW, sCG, sLA, sSR },
/*	sLI, sSS -> sSR	3.10.7.2 third, 3.10.7.3 fourth.
	sTW -> sSR	Only if RFC 6191 section 2 accepts it. */
ROW(rcv_ack_s)         = { sUN, sCL, sLI, sSS, sES, sES, sF1, sF2, sCW, sCG, sLA, sTW },
/*	sSR -> sES	The ACK of our SYN: 3.10.7.4 fifth. */
ROW(rcv_ack_f)         = { sUN, sCL, sLI, sSS, sSR, sES, sF2, sF2, sCW, sTW, sCL, sTW },
/*	sF1 -> sF2, sCG -> sTW, sLA -> sCL	The ACK of our FIN: 3.10.7.4 fifth. */
ROW(rcv_fin)           = { sUN, sCL, sLI, sSS, sCW, sCW, sCG, sTW, sCW, sCG, sLA, sTW },
/*	sSR, sES -> sCW, sF1 -> sCG, sF2 -> sTW	3.10.7.4 eighth. */
ROW(rcv_rst)           = { sCL, sCL, sLI, sCL, sOR, sCL, sCL, sCL, sCL, sCL, sCL, sCL },
/*	sSR -> sOR	3.10.7.4 second.
	sTW -> sCL	The RFC and Linux; FreeBSD stays (RFC 1337): assumed. */
ROW(pickup)            = { sES, sCL, sLI, sSS, sSR, sES, sF1, sF2, sCW, sCG, sLA, sTW },
/*	sUN -> sES	The capture starts in the middle. Not for a segment with FIN or RST. */
ROW(open_passive)      = { sUN, sLI, sLI, sSS, sSR, sES, sF1, sF2, sCW, sCG, sLA, sTW },
/*	sCL -> sLI	3.10.1: a server whose connection was reset is assumed to listen when a new SYN comes. */
ROW(time_2msl)         = { sUN, sCL, sLI, sSS, sSR, sES, sF1, sF2, sCW, sCG, sLA, sCL },
/*	sTW -> sCL	3.10.8. */
};
/* clang-format on */

unsigned tcpstate_cell(enum tcpstate_event event, enum tcpstate_state state) {
    assert(event < TCPSTATE_EVENTS && state < TCPSTATE_STATES);
    return table[event][state];
}

enum tcpstate_state tcpstate_transition(enum tcpstate_event event, enum tcpstate_state state, bool active_open,
                                        bool *impossible) {
    unsigned cell = tcpstate_cell(event, state);

    if (cell == TCPSTATE_CELL_ORIGIN)
        return active_open ? TCPSTATE_CLOSED : TCPSTATE_LISTEN;
    if (cell == TCPSTATE_CELL_IMPOSSIBLE) {
        *impossible = true;
        return state;
    }
    return (enum tcpstate_state)cell;
}
