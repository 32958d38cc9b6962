/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about the close (group C of finding.def). Its steps are told in summary.c.
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "judgement.h"

void findings_close(struct judgement *j)
{
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (j->fin_again && !j->copy) {
        findings_tell(j, TCPSTATE_FINDING_fin_retransmitted, x->fin_frame, x->fin, 0);
        if (j->last_ack_lost)
            findings_tell(j, TCPSTATE_FINDING_last_ack_not_received, x->fin_ack_frame, 0, 0);
    }
    if (j->fin_not_received)
        findings_tell(j, TCPSTATE_FINDING_fin_not_received, y->fin_frame, y->fin, 0);
    if (j->ordinary && j->segment->length > 0 && y->has_fin && !y->fin_inferred && !x->has_fin &&
        seq_after(x->acked, y->fin) && !j->stale && !j->copy)
        findings_tell(j, TCPSTATE_FINDING_half_close_data, y->fin_frame, j->segment->length, 0);
}
