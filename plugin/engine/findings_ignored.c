/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Why the receiver takes nothing from a segment, for the segments of which no other finding has said it: there is no
 * connection (RFC 9293 3.10.7.1, 3.10.7.2), or one of the checks of 3.10.7.4 fails, asked here in their order. All of it
 * is ordinary after a loss or a close, so it is Chat at most where the capture has shown the rest.
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "findings_end.h"

/* Steps of the handshake and the close, and what is told of the whole capture, are no reasons. */
static bool is_reason(enum tcpstate_finding_id id) {
    return tcpstate_finding_info(id)->kind != TCPSTATE_MILESTONE && id != TCPSTATE_FINDING_roles_guessed &&
           id != TCPSTATE_FINDING_window_scale_unknown && id != TCPSTATE_FINDING_close_wait_stuck &&
           id != TCPSTATE_FINDING_ttl_differs && id != TCPSTATE_FINDING_frames_reordered;
}

static bool reason_is_told(const struct judgement *j) {
    for (unsigned i = 0; i < j->report->finding_count; i++)
        if (is_reason((enum tcpstate_finding_id)j->report->findings[i].id))
            return true;
    return false;
}

static bool has_no_connection(const struct judgement *j) {
    if (j->report->started_connection || j->receiver_had != j->report->end[j->receiver].state)
        return false;
    return j->receiver_had == TCPSTATE_CLOSED || (j->receiver_had == TCPSTATE_LISTEN && (!j->syn || j->ack || j->rst));
}

/* RFC 9293 3.10.7.4 seventh and eighth: y has taken x's FIN, and after it there is nothing. */
static bool is_after_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;

    return j->end != j->segment->seq && y->state >= TCPSTATE_CLOSE_WAIT && j->x->has_fin && y->has_rnxt &&
           seq_after(j->segment->seq, j->x->fin);
}

/* RFC 9293 3.10.7.4 first, SHLD-31: kept until the octets before it have come. Once for each hole, and for a FIN that
 * opens none because it is older than what x has said since. */
static bool waits_behind_hole(const struct judgement *j) {
    const struct tcpstate_evidence_end *e = &j->x->evidence_end;
    bool opens_hole = e->in_hole && e->hole_frame == j->segment->frame;

    return j->end != j->segment->seq && j->y->has_rnxt && seq_after(j->segment->seq, j->y->rnxt) &&
           (opens_hole || (j->fin && (j->stale || j->alien)));
}

/* A SYN that neither opens nor accepts anything, and is no repetition. */
static bool is_unexpected_syn(const struct judgement *j) {
    return j->syn && !j->rst && j->receiver_had >= TCPSTATE_SYN_RECEIVED && j->report->step == TCPSTATE_STEP_NONE &&
           j->receiver_had == j->report->end[j->receiver].state && !j->syn_again && !j->synack_again &&
           !findings_told(j, TCPSTATE_FINDING_frames_reordered);
}

/* The edges of the window are only known where both ends were captured; elsewhere 0 says so. */
static void judge_window(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;

    if (findings_told(j, TCPSTATE_FINDING_frames_reordered))
        return; /* late, so y has it or has got further */
    findings_tell(j, TCPSTATE_FINDING_outside_window, 0, y->has_acked ? y->acked : 0,
                  y->has_redge && findings_scale_is_known(j) ? y->redge : 0);
}

/* 3.10.7.4 first; RFC 7323 5.3; 3.10.7.4 fifth. */
static void judge_unacceptable(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;

    if (acceptable_segment(j) == TCPSTATE_SURELY_NOT)
        judge_window(j);
    else if (!acceptable_by_timestamp(j))
        findings_tell(j, TCPSTATE_FINDING_timestamp_too_old, 0, y->ts_recent, 0);
    else if (!acceptable_old_ack(j) && y->has_iss && seq_at_most(j->segment->ack, y->iss))
        findings_tell(j, TCPSTATE_FINDING_ack_before_isn, 0, 0, 0);
}

/* What passes the checks of the numbers, and yet moves nothing. */
static void judge_acceptable(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (j->ack_refused || (y->maybe_fin && !y->maybe_own && j->segment->ack == y->maybe + 1))
        findings_tell(j, TCPSTATE_FINDING_ack_of_uncaptured_data, 0, j->segment->ack - y->smax > 1 ? y->smax : 0, 0);
    else if (is_after_fin(j))
        findings_tell(j, TCPSTATE_FINDING_segment_after_fin_taken, x->fin_frame, x->fin, 0);
    else if (waits_behind_hole(j))
        findings_tell(j, TCPSTATE_FINDING_data_after_hole, 0, y->rnxt, 0);
}

void findings_ignored(struct judgement *j) {
    bool may_judge = j->ordinary && !j->report->started_connection;

    if (reason_is_told(j))
        return;
    if (is_unexpected_syn(j))
        findings_tell(j, TCPSTATE_FINDING_syn_unexpected, 0, 0, 0);
    else if (j->candidate)
        return;
    else if (has_no_connection(j))
        findings_tell(j, TCPSTATE_FINDING_receiver_closed, 0, 0, 0);
    else if (may_judge && j->receiver_had == TCPSTATE_SYN_SENT && j->y->state == TCPSTATE_SYN_SENT)
        findings_tell(j, TCPSTATE_FINDING_syn_awaited, 0, 0, 0);
    else if (!may_judge || j->receiver_had < TCPSTATE_SYN_RECEIVED)
        return;
    else if (j->acceptable == TCPSTATE_SURELY_NOT)
        judge_unacceptable(j);
    else
        judge_acceptable(j);
}
