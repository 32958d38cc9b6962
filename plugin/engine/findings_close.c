/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about the close (group C of finding.def). Its steps are told in summary.c, a FIN that was not captured in
 * sender.c, what is known only in the end in findings_final.c, the resets of a close in findings_reset.c.
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "findings_end.h"

static const int64_t SECOND_NS = 1000000000;

enum { MS = 1000000, CLOSE_WAIT_SECONDS = 60, KEEP_ALIVE_IDLE_MS = 900 };

static uint32_t ms_since(const struct judgement *j, int64_t time_ns) {
    int64_t elapsed = j->segment->time_ns - time_ns;

    return time_ns != 0 && elapsed > 0 ? (uint32_t)(elapsed / MS) : 0;
}

/* Numbers can be held against a FIN while its connection lives. Much later the ports may have been used again without
 * the capture having seen it. */
static bool fin_still_binds(const struct judgement *j, const struct tcpstate_endpoint *end, uint32_t number) {
    const struct tcpstate_connection *c = j->connection;
    int32_t distance = seq_distance(number, end->evidence_end.fin);

    return end->evidence_end.has_fin && distance < NEAR_NUMBERS && distance > -NEAR_NUMBERS &&
           (!c->closed || j->segment->time_ns - c->closed_ns <= findings_patience_ns(j)) &&
           (!c->reset || j->segment->time_ns - c->rst_ns <= findings_patience_ns(j));
}

/* ---- a FIN ------------------------------------------------------------------------------------------------------ */

static void judge_first_fin(struct judgement *j, uint32_t fin) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (x->has_dmax && seq_before(fin, x->dmax) && x->dmax - fin < NEAR_NUMBERS)
        findings_tell(j, TCPSTATE_FINDING_fin_below_sent_data, 0, x->dmax, 0);
    if (j->first_fin && y->captured && y->has_acked && seq_before(y->acked, fin))
        findings_tell(j, TCPSTATE_FINDING_fin_before_data_acked, 0, 0, 0);
    if (findings_scale_is_known(j) && y->has_redge && seq_after(fin, y->redge))
        x->evidence_end.fin_over_edge = true;
}

/* A repeated FIN whose ACK was captured: that ACK was lost beyond the capture point. */
static void judge_lost_last_ack(struct judgement *j) {
    struct tcpstate_evidence_end *e = &j->x->evidence_end;
    const struct tcpstate_summary *s = &j->connection->summary;

    if (j->last_ack_lost)
        e->last_ack_frame = j->x->fin_ack_frame;
    else if (e->last_ack_frame == 0 || j->x->fin_acked)
        return;
    findings_tell(j, TCPSTATE_FINDING_last_ack_not_received, e->last_ack_frame, 0, 0);
    if (e->last_acks_lost < 255)
        e->last_acks_lost++;
    if (e->last_acks_lost == 2 && s->closed_ns >= 0 && j->segment->time_ns - s->closed_ns < 2 * j->settings->msl_ns)
        findings_tell(j, TCPSTATE_FINDING_time_wait_no_answer, e->last_ack_frame, 0, 0);
}

static void judge_repeated_fin(struct judgement *j, uint32_t fin) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct tcpstate_evidence_end *e = &x->evidence_end;

    findings_tell(j, TCPSTATE_FINDING_fin_retransmitted, e->fin_frame, e->fin_count, ms_since(j, e->fin_last_ns));
    judge_lost_last_ack(j);
    /* Windows do not shrink: what y announces after the FIN was captured shows that no larger window was missed. */
    if (e->fin_over_edge && e->peer_spoke_since_fin && seq_after(fin, y->redge))
        findings_tell(j, TCPSTATE_FINDING_fin_beyond_window, e->fin_frame, y->redge, 0);
}

static void judge_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct tcpstate_evidence_end *e = &x->evidence_end;
    uint32_t fin = j->end - 1;

    if (e->has_fin && e->fin != fin) {
        if (fin_still_binds(j, x, fin))
            findings_tell(j, TCPSTATE_FINDING_fin_moved, e->fin_frame, e->fin, 0);
    } else if (e->has_fin) {
        judge_repeated_fin(j, fin);
    } else {
        judge_first_fin(j, fin);
    }
    /* in order of sequence: RFC 9293 3.10.7.4 first; beyond the window it is not kept */
    if (y->has_rnxt && !y->peer_fin_taken && seq_before(y->rnxt, j->segment->seq) &&
        j->acceptable != TCPSTATE_SURELY_NOT && state_is_synchronized((enum tcpstate_state)y->state))
        findings_tell(j, TCPSTATE_FINDING_fin_after_hole, 0, 0, 0);
    if (!e->has_fin) {
        e->has_fin = true;
        e->fin = fin;
        e->fin_frame = j->segment->frame;
    }
    if (e->fin == fin) {
        e->fin_last_ns = j->segment->time_ns;
        if (e->fin_count < 255)
            e->fin_count++;
    }
}

/* A FIN that its nominal sender has denied, or cannot have sent, was somebody else's: nothing is held against it. */
static void forget_false_fin(struct tcpstate_endpoint *end) {
    struct tcpstate_evidence_end *e = &end->evidence_end;

    if (!e->has_fin || (end->has_fin && end->fin == e->fin))
        return;
    e->has_fin = e->fin_over_edge = e->peer_spoke_since_fin = false;
    e->fin_count = 0;
}

/* ---- after a FIN ------------------------------------------------------------------------------------------------ */

static void judge_data_after_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    uint32_t right = s->seq + s->length;

    /* a keep-alive may use the number of the FIN: RFC 9293 3.8.4 */
    if (!j->fin && fin_still_binds(j, x, right) && seq_after(right, x->evidence_end.fin) &&
        !(s->length == 1 && s->seq == x->evidence_end.fin))
        findings_tell(j, TCPSTATE_FINDING_data_beyond_fin, x->evidence_end.fin_frame, x->evidence_end.fin, 0);
    if (y->has_fin && !y->fin_inferred && !x->has_fin && seq_after(x->acked, y->fin) &&
        !(s->length == 1 && s->seq + 1 == x->smax && y->acked == x->smax))
        findings_tell(j, TCPSTATE_FINDING_half_close_data, y->fin_frame, s->length, 0);
}

static void judge_ack_of_fin(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;

    if (fin_still_binds(j, y, j->segment->ack) && seq_after(j->segment->ack, y->evidence_end.fin + 1) &&
        !findings_told_once(y, TCPSTATE_FINDING_fin_moved) && !findings_told_once(y, TCPSTATE_FINDING_data_beyond_fin))
        findings_tell(j, TCPSTATE_FINDING_ack_beyond_fin, y->evidence_end.fin_frame, y->evidence_end.fin, 0);
}

static void judge_after_close(struct judgement *j) {
    const struct tcpstate_connection *c = j->connection;
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (findings_is_keep_alive(j) &&
        j->segment->time_ns - x->evidence_end.active_ns > (int64_t)KEEP_ALIVE_IDLE_MS * MS) {
        if (x->evidence_end.has_fin || y->state == TCPSTATE_CLOSED)
            findings_tell(j, TCPSTATE_FINDING_keepalive_after_fin, 0, 0, 0);
        return;
    }
    if (!c->closed || j->segment->time_ns - c->closed_ns <= findings_patience_ns(j))
        return;
    if (j->pure_ack && y->has_fin && seq_after(j->segment->ack, y->fin))
        return; /* acknowledges a repeated FIN again */
    findings_tell(j, TCPSTATE_FINDING_segment_after_close, 0, 0, 0);
}

/* ---- CLOSE-WAIT ------------------------------------------------------------------------------------------------- */

static void judge_close_wait(struct judgement *j, struct tcpstate_endpoint *end) {
    struct tcpstate_evidence_end *e = &end->evidence_end;
    int64_t elapsed = j->segment->time_ns - e->close_wait_ns;

    bool closes_now = end == j->x && j->first_fin; /* at last */

    if (e->close_wait_frame == 0 || e->close_wait_told || (end->has_fin && !closes_now) || j->connection->reset ||
        j->connection->closed || elapsed <= CLOSE_WAIT_SECONDS * SECOND_NS)
        return;
    e->close_wait_told = true;
    findings_tell(j, TCPSTATE_FINDING_close_wait_stuck, e->close_wait_frame, (uint32_t)(elapsed / SECOND_NS), 0);
}

static void note_close_wait(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct tcpstate_evidence_end *e = &x->evidence_end;

    if (j->rst || j->fin || x->has_fin || !y->has_fin || y->fin_inferred) {
        e->close_wait_frame = 0;
    } else if (e->close_wait_frame == 0 && j->ordinary && j->ack && seq_after(j->segment->ack, y->fin) && !j->alien) {
        e->close_wait_frame = j->segment->frame;
        e->close_wait_ns = j->segment->time_ns;
    } else if (j->segment->length > 0 && !findings_is_keep_alive(j)) {
        e->close_wait_ns = j->segment->time_ns; /* it still works */
    }
}

void findings_close(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool judged = !j->stale && !j->candidate && !findings_told(j, TCPSTATE_FINDING_segment_of_old_connection);

    if (judged) {
        judge_close_wait(j, x);
        judge_close_wait(j, y);
    }
    if (j->fin_not_received)
        findings_tell(j, TCPSTATE_FINDING_fin_not_received, y->fin_frame, y->fin, 0);
    if (judged && j->ordinary && j->ack) {
        if (j->segment->length > 0)
            judge_data_after_fin(j);
        judge_ack_of_fin(j);
    }
    if (j->ordinary && j->ack && !j->fin && !j->candidate && /* here a late copy is what is looked for */
        !findings_told(j, TCPSTATE_FINDING_segment_of_old_connection) &&
        !findings_told(j, TCPSTATE_FINDING_frames_reordered))
        judge_after_close(j);
    if (judged && j->fin && j->ack)
        judge_fin(j);
    if (judged)
        note_close_wait(j);
    if (!j->candidate && !j->rst) {
        y->evidence_end.last_acks_lost = 0; /* y has been answered */
        if (!j->stale && j->ordinary)
            y->evidence_end.peer_spoke_since_fin = y->evidence_end.has_fin;
    }
    forget_false_fin(x);
    forget_false_fin(y);
}
