/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about resets (group R of finding.def), those that end a close, and what follows a reset. Resets of a handshake
 * are told in findings_handshake.c.
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "findings_end.h"

static const int64_t SECOND_NS = 1000000000;

enum { IDLE_SECONDS = 60, SEGMENTS_OF_WHO_LIVES_ON = 3 };

/* ---- a RST that its receiver does not take ---------------------------------------------------------------------- */

/* RFC 9293 3.10.7.4 second. What was captured of x ends before this RST: so much is certain only if more is missing than
 * one segment can hold, else one unseen segment makes the number right. */
static void judge_rst_above(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t seq = j->segment->seq;
    bool unseen = !x->has_smax || (seq_after(seq, x->smax) && seq - x->smax <= LARGEST_SEGMENT);
    bool in_hole = x->has_smax && seq_at_most(seq, x->smax); /* what x sent before was lost, not forged */
    bool beyond = findings_scale_is_known(j) && y->has_redge && seq_at_least(seq, y->redge) && !in_hole;

    if (!findings_scale_is_known(j))
        findings_tell(j, TCPSTATE_FINDING_window_scale_unknown, 0, 0, 0);
    (unseen || in_hole ? findings_tell_weakly
                       : findings_tell)(j, beyond ? TCPSTATE_FINDING_rst_beyond_window : TCPSTATE_FINDING_rst_inexact,
                                        findings_answered_by_rst(j, false), beyond ? y->redge : y->rnxt, 0);
}

/* ---- a RST that ends the connection ----------------------------------------------------------------------------- */

static void judge_rst_taken(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    enum tcpstate_state before = (enum tcpstate_state)j->report->end[j->sender].before;
    uint32_t answered = findings_answered_by_rst(j, true);

    if (before == TCPSTATE_FIN_WAIT_2 && j->segment->time_ns - y->last_sent_ns > SECOND_NS)
        findings_tell(j, TCPSTATE_FINDING_fin_wait_2_reset, x->fin_frame, 0, 0);
    else if (x->has_fin)
        findings_tell(j, TCPSTATE_FINDING_rst_after_own_fin, x->fin_frame, 0, 0);
    else if (y->has_wire_fin || y->has_fin)
        findings_tell(j, TCPSTATE_FINDING_rst_answers_fin, y->has_wire_fin ? y->wire_fin_frame : y->fin_frame, 0, 0);
    else if (answered != 0)
        findings_tell(j, TCPSTATE_FINDING_rst_no_connection, answered, 0, 0);
    else
        findings_tell(j, TCPSTATE_FINDING_connection_aborted, 0, 0, 0);
}

/* Octets that were sent and not acknowledged. A RST with ACK acknowledges too. */
static void judge_discarded_data(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t known = j->ack && x->has_acked ? seq_max(x->acked, j->segment->ack) : x->acked;
    uint32_t of_x = x->has_dmax && y->captured && y->has_acked && seq_after(x->dmax, y->acked) ? x->dmax - y->acked : 0;
    uint32_t of_y = y->has_dmax && x->has_acked && seq_after(y->dmax, known) ? y->dmax - known : 0;

    if (of_x != 0 || of_y != 0)
        findings_tell(j, TCPSTATE_FINDING_rst_discards_data, 0, of_x, of_y);
}

static void judge_idle(struct judgement *j) {
    int64_t last = j->x->evidence_end.active_ns;

    if (j->y->evidence_end.active_ns > last)
        last = j->y->evidence_end.active_ns;
    if (last != 0 && j->segment->time_ns - last >= IDLE_SECONDS * SECOND_NS)
        findings_tell(j, TCPSTATE_FINDING_rst_after_idle, 0, (uint32_t)((j->segment->time_ns - last) / SECOND_NS), 0);
}

/* ---- which RST? ------------------------------------------------------------------------------------------------- */

/* Told already, as part of a handshake, of a half-open connection or of the TIME-WAIT of the connection before. */
static bool told_elsewhere(const struct judgement *j) {
    return j->half_open_reset || incarnation_reset_before(j) || j->receiver_had == TCPSTATE_SYN_SENT ||
           j->receiver_had == TCPSTATE_LISTEN || findings_told(j, TCPSTATE_FINDING_connection_refused) ||
           findings_told(j, TCPSTATE_FINDING_rst_to_syn_unacceptable) ||
           findings_told(j, TCPSTATE_FINDING_rst_answers_bad_synack) ||
           findings_told(j, TCPSTATE_FINDING_half_open_discovered) ||
           findings_told(j, TCPSTATE_FINDING_time_wait_rejects_syn) ||
           findings_told(j, TCPSTATE_FINDING_handshake_aborted_by_client) ||
           findings_told(j, TCPSTATE_FINDING_handshake_aborted_by_server);
}

/* After a SYN,ACK whose SYN was not captured, from a host that asked for nothing: figure 11. */
static bool answers_unknown_synack(const struct judgement *j) {
    return j->connection->summary.roles == TCPSTATE_ROLES_SYN_ACK && !j->ack && !j->x->sent_syn && !j->x->spoke &&
           j->y->sent_synack && j->segment->seq == j->y->synack_ack;
}

static void judge_rst(struct judgement *j) {
    const struct tcpstate_connection *c = j->connection;

    if (j->report->started_connection && j->conversation->connections == 1) {
        findings_tell(j, TCPSTATE_FINDING_rst_orphan, 0, 0, 0);
        return;
    }
    if (answers_unknown_synack(j)) {
        findings_tell(j, TCPSTATE_FINDING_rst_answers_unknown_synack, j->y->synack_frame, 0, 0);
        return;
    }
    if (told_elsewhere(j))
        return;
    if (j->rst_too_low)
        findings_tell(j, TCPSTATE_FINDING_rst_behind_window, findings_answered_by_rst(j, false), j->y->rnxt, 0);
    else if (j->rst_challenged)
        judge_rst_above(j);
    else if (c->closed)
        findings_tell(j, TCPSTATE_FINDING_rst_after_close, 0, 0, 0);
    else if (j->rst_accepted && j->receiver_had != TCPSTATE_SYN_RECEIVED && !j->alien) /* else x has aborted nothing */
        judge_rst_taken(j);
}

/* Three resets of x in a short time, all different, of which at most one answers a segment of y. */
static void judge_burst(struct judgement *j) {
    const struct tcpstate_evidence_end *e = &j->x->evidence_end;
    uint32_t seq = j->segment->seq;
    bool different = seq != e->rst_seqs[0] && seq != e->rst_seqs[1] && e->rst_seqs[0] != e->rst_seqs[1];
    unsigned answers =
        (findings_answered_by_rst(j, false) != 0) + (unsigned)e->rst_answers[0] + (unsigned)e->rst_answers[1];

    if (e->rst_count >= TCPSTATE_BURST && different && j->y->captured && answers <= 1 &&
        j->segment->time_ns - e->rst_times_ns[0] <= findings_patience_ns(j))
        findings_tell(j, TCPSTATE_FINDING_rst_burst, 0, TCPSTATE_BURST + 1, 0);
}

/* What may stand beside any of the above. */
static void judge_beside(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool synchronized = state_is_synchronized((enum tcpstate_state)j->receiver_had);

    if (s->length > 0)
        findings_tell(j, TCPSTATE_FINDING_rst_with_data, 0, 0, 0);
    if (s->flags & TCPSTATE_FIN)
        findings_tell(j, TCPSTATE_FINDING_rst_fin, 0, 0, 0);
    if (j->ack && synchronized && y->has_smax && y->captured && seq_after(s->ack, y->smax))
        findings_tell(j, TCPSTATE_FINDING_rst_ack_of_unsent_data, 0, y->smax, 0);
    if (j->ack && synchronized && s->seq == 0 && !j->rst_accepted)
        findings_tell(j, TCPSTATE_FINDING_rst_seq_zero, 0, 0, 0);
    judge_burst(j);
    if (y->evidence_end.rst_frame != 0 && !y->evidence_end.others_since_peer && x->evidence_end.active_ns != 0 &&
        s->time_ns - y->evidence_end.rst_ns <= findings_patience_ns(j))
        findings_tell(j, TCPSTATE_FINDING_rst_answers_rst, y->evidence_end.rst_frame, 0, 0);
    if (j->rst_accepted && !j->connection->refused) {
        if (synchronized && !j->connection->closed)
            judge_discarded_data(j);
        judge_idle(j);
    }
}

static void remember_rst(struct judgement *j) {
    struct tcpstate_evidence_end *e = &j->x->evidence_end;

    e->rst_seqs[0] = e->rst_seqs[1];
    e->rst_times_ns[0] = e->rst_times_ns[1];
    e->rst_answers[0] = e->rst_answers[1];
    e->rst_seqs[1] = e->rst_seq = j->segment->seq;
    e->rst_times_ns[1] = e->rst_ns = j->segment->time_ns;
    e->rst_answers[1] = findings_answered_by_rst(j, false) != 0;
    e->rst_frame = j->segment->frame;
    if (e->rst_count < 255)
        e->rst_count++;
    if (!j->rst_reply && !j->half_open_reset && (j->rst_accepted || !e->reset_taken)) { /* those do not end x */
        e->reset_sent = true;
        e->reset_taken = j->rst_accepted;
        e->reset_frame = j->segment->frame;
        e->reset_seq = j->segment->seq;
        e->reset_ns = j->segment->time_ns;
    }
}

/* ---- after a reset ---------------------------------------------------------------------------------------------- */

/* Does this segment show that x got what y sent long after the reset? */
static bool knows_of_later(const struct judgement *j) {
    const struct tcpstate_evidence_end *e = &j->y->evidence_end;
    const struct tcpstate_segment *s = j->segment;

    if (j->ack_unsent)
        return false;
    return (e->has_reset_smax && seq_after(s->ack, e->reset_smax) && seq_at_most(s->ack, j->y->smax)) ||
           (e->has_reset_tsval && (s->options & TCPSTATE_OPT_TIMESTAMPS) && seq_after(s->tsecr, e->reset_tsval) &&
            seq_at_most(s->tsecr, j->y->ts_newest));
}

/* x goes on after its own reset. Its older octets may have been queued behind the RST, and a dead socket answers below
 * its own numbers: new octets alone prove little. Only what it can have learned later proves that it lived. */
static void judge_sender_of_reset(struct judgement *j, bool new_octets) {
    const struct tcpstate_evidence_end *e = &j->x->evidence_end;

    if (knows_of_later(j))
        findings_tell(j, TCPSTATE_FINDING_rst_forged, e->reset_frame, 0, 0);
    else if (new_octets && seq_at_least(j->segment->seq, e->reset_seq))
        findings_tell_weakly(j, TCPSTATE_FINDING_rst_forged, e->reset_frame, 0, 0);
}

/* x goes on after y's reset. That may have been lost beyond the capture point, so the reset is proved false only by y,
 * who must have been alive to be acknowledged. */
static void judge_receiver_of_reset(struct judgement *j, bool new_octets) {
    struct tcpstate_evidence_end *e = &j->x->evidence_end;
    uint32_t frame = j->y->evidence_end.reset_frame;

    if (new_octets && e->new_after_reset < 255)
        e->new_after_reset++;
    if (knows_of_later(j))
        findings_tell(j, TCPSTATE_FINDING_rst_not_obeyed, frame, 0, 0);
    else if (e->new_after_reset >= SEGMENTS_OF_WHO_LIVES_ON)
        findings_tell_weakly(j, TCPSTATE_FINDING_rst_not_obeyed, frame, 0, 0);
}

static void judge_after_reset(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_evidence_end *mine = &x->evidence_end, *other = &j->y->evidence_end;
    const struct tcpstate_segment *s = j->segment;
    bool own = mine->reset_sent && (!other->reset_sent || mine->reset_ns >= other->reset_ns);
    const struct tcpstate_evidence_end *reset = own ? mine : other;
    bool new_octets;

    if (s->time_ns - reset->reset_ns <= findings_patience_ns(j) || j->stale || j->alien)
        return;
    new_octets = s->length > 0 && mine->has_reset_smax && seq_after(s->seq + s->length, mine->reset_smax);
    if (own)
        judge_sender_of_reset(j, new_octets);
    else if (reset->reset_taken)
        judge_receiver_of_reset(j, new_octets);
    if (reset->reset_taken && !findings_told_once(x, TCPSTATE_FINDING_rst_forged) &&
        !findings_told_once(x, TCPSTATE_FINDING_rst_not_obeyed) && !j->connection->closed)
        findings_tell(j, TCPSTATE_FINDING_segment_after_rst, reset->reset_frame, 0, 0);
}

/* What x had sent when a reset was at most a round trip or two old: it may have left before the reset was known. */
static void note_what_a_reset_may_cross(struct judgement *j) {
    int64_t patience_ns = findings_patience_ns(j);
    int64_t reset_ns = j->x->evidence_end.reset_ns > j->y->evidence_end.reset_ns ? j->x->evidence_end.reset_ns
                                                                                 : j->y->evidence_end.reset_ns;

    for (unsigned role = 0; role < 2; role++) {
        struct tcpstate_endpoint *end = &j->connection->end[role];
        if (j->segment->time_ns - reset_ns > patience_ns)
            continue;
        end->evidence_end.has_reset_smax = end->has_smax;
        end->evidence_end.reset_smax = end->smax;
        end->evidence_end.has_reset_tsval = end->sent_ts;
        end->evidence_end.reset_tsval = end->ts_newest;
    }
}

void findings_reset(struct judgement *j) {
    struct tcpstate_evidence_end *mine = &j->x->evidence_end, *other = &j->y->evidence_end;

    if (j->candidate || (j->rst && findings_told(j, TCPSTATE_FINDING_segment_of_old_connection)))
        return;
    if (j->rst) {
        judge_rst(j);
        judge_beside(j);
        remember_rst(j);
    } else if (j->ordinary && j->ack && (mine->reset_sent || other->reset_sent)) {
        judge_after_reset(j);
    }
    if (j->syn) /* both begin anew */
        mine->reset_sent = mine->reset_taken = other->reset_sent = other->reset_taken = false;
    if (mine->reset_sent || other->reset_sent)
        note_what_a_reset_may_cross(j);
    other->others_since_peer = false;
    mine->others_since_peer = mine->others_since_peer || !j->rst;
}
