/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about the handshake (group H of finding.def).
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "judgement.h"

void findings_handshake(struct judgement *j)
{
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (j->syn_again && !x->spoke && !x->sent_synack)
        findings_tell(j, TCPSTATE_FINDING_syn_retransmitted, j->connection->summary.syn_frame, 0, 0);
    if (j->synack_again && !j->copy) {
        if (x->synack_acked || x->ignored_acks > 0)
            findings_tell(j, x->state == TCPSTATE_SYN_RECEIVED && !j->has_shown
                                 ? TCPSTATE_FINDING_synack_retransmitted_after_ack
                                 : TCPSTATE_FINDING_synack_retransmitted,
                          j->connection->summary.synack_frame, 0, 0);
        else
            findings_tell(j, TCPSTATE_FINDING_synack_retransmitted, j->connection->summary.synack_frame, 0, 0);
    }
    if (y->state == TCPSTATE_SYN_SENT && j->receiver_had == TCPSTATE_SYN_SENT && y->has_bad_ack &&
        y->bad_ack_frame == s->frame) {
        if (j->syn)
            findings_tell(j, TCPSTATE_FINDING_synack_ack_unacceptable, j->connection->summary.syn_frame, y->iss, 0);
        else if (j->pure_ack)
            findings_tell(j, TCPSTATE_FINDING_syn_answered_by_challenge_ack, j->connection->summary.syn_frame, y->iss, 0);
    }
    if (j->rst_reply && x->state == TCPSTATE_SYN_SENT && x->has_bad_ack && s->seq == x->bad_ack)
        findings_tell(j, TCPSTATE_FINDING_rst_answers_bad_synack, x->bad_ack_frame, 0, 0);
    if (j->rst_accepted && j->connection->refused && y->state == TCPSTATE_CLOSED)
        findings_tell(j, TCPSTATE_FINDING_connection_refused, j->connection->summary.syn_frame, 0, 0);
}
