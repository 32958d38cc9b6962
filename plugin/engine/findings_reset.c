/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about resets (group R of finding.def, and the handshake rows that are resets).
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "judgement.h"

void findings_reset(struct judgement *j)
{
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool answers = false;

    if (!j->rst || j->rst_reply || j->half_open_reset || j->connection->refused)
        return;
    for (unsigned i = 0; i < j->x_path->ack_count && !j->ack; i++)
        if (j->x_path->acks[i].ack == s->seq && (j->x_path->acks[i].traits & 1) &&
            s->time_ns - j->x_path->acks[i].time_ns <= 100000000 + j->tolerance_ns)
            answers = true;
    if (j->connection->closed) {
        findings_tell(j, TCPSTATE_FINDING_rst_after_close, 0, 0, 0);
    } else if (j->rst_too_low) {
        findings_tell(j, TCPSTATE_FINDING_rst_behind_window, 0, y->rnxt, 0);
    } else if (j->rst_accepted && state_is_synchronized((enum tcpstate_state)j->receiver_had) && !x->has_fin &&
               !y->has_fin) {
        findings_tell(j, answers ? TCPSTATE_FINDING_rst_no_connection : TCPSTATE_FINDING_connection_aborted,
                      0, 0, 0);
    }
}
