/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about the handshake (group H of finding.def), and those that look at the flags and options of one header
 * only. Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 *
 * Told elsewhere: syn_sent, simultaneous_open, handshake_completed (summary.c), syn_unanswered and
 * handshake_incomplete, which only the end can tell (findings.c).
 */
#include "findings_open.h"

enum { MS = 1000000 };
static const int64_t SECOND_NS = 1000000000;
static const int64_t CAPTURE_ORDER_NS = 100 * MS; /* frames of two ports or files are mixed up by no more than this */

/* ---- shared with findings_synchronized.c ---------------------------------------------------------------------- */

bool findings_know_options(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    return (x->sent_syn || x->sent_synack) && (y->sent_syn || y->sent_synack) && !x->evidence_open.syn_truncated &&
           !y->evidence_open.syn_truncated && findings_scale_is_known(j);
}

bool findings_fit_previous(const struct judgement *j) {
    const struct tcpstate_conversation *conversation = j->conversation;
    const struct tcpstate_segment *s = j->segment;

    if (!conversation->has_previous)
        return false;
    if (findings_near(s->seq, conversation->previous_smax[s->direction]))
        return true;
    return j->ack && findings_near(s->ack, conversation->previous_smax[1 - s->direction]);
}

static uint32_t ms_since(int64_t now_ns, int64_t then_ns) {
    return then_ns > 0 && now_ns > then_ns ? (uint32_t)((now_ns - then_ns) / MS) : 0;
}

/* ---- the header alone ----------------------------------------------------------------------------------------- */

static void judge_flags(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;

    if ((s->flags & TCPSTATE_SYN) && j->rst) /* a reset has the forms RST and RST,ACK only: RFC 9293 3.5.2 */
        findings_tell(j, TCPSTATE_FINDING_syn_rst, 0, 0, 0);
    else if (j->syn && j->fin)
        findings_tell(j, j->ack ? TCPSTATE_FINDING_synack_fin : TCPSTATE_FINDING_syn_fin, 0, 0, 0);
    if (j->syn && !j->rst && (s->flags & TCPSTATE_URG))
        findings_tell(j, TCPSTATE_FINDING_syn_urg, 0, 0, 0);
    if (j->ordinary && !j->ack)
        findings_tell(j, TCPSTATE_FINDING_ack_flag_missing, 0, 0, 0);
    if (!j->ack && !j->rst && s->ack != 0) /* resets carry anything there */
        findings_tell(j, TCPSTATE_FINDING_ack_number_without_ack_flag, 0, 0, 0);
}

static void judge_options_and_address(struct judgement *j) {
    const uint8_t syn_only =
        TCPSTATE_OPT_MSS | TCPSTATE_OPT_WINDOW_SCALE | TCPSTATE_OPT_SACK_PERMITTED | TCPSTATE_OPT_FAST_OPEN;

    if (!(j->segment->flags & TCPSTATE_SYN) && (j->segment->options & syn_only))
        findings_tell(j, TCPSTATE_FINDING_syn_option_without_syn, 0, 0, 0);
    if (j->segment->traits & TCPSTATE_BROADCAST)
        findings_tell(j, TCPSTATE_FINDING_broadcast_address, 0, 0, 0);
}

/* ---- ISNs ----------------------------------------------------------------------------------------------------- */

/* The ISN of x in the connection before, if a SYN,ACK answered or carried it: a refused one may be used again. */
static bool repeats_previous_isn(const struct judgement *j, uint32_t *frame) {
    const struct tcpstate_summary *previous = &j->conversation->previous;
    enum tcpstate_role role = j->segment->direction == previous->client_direction ? TCPSTATE_CLIENT : TCPSTATE_SERVER;

    if (previous->iss_inferred[role] || !findings_is_previous_isn(j, role))
        return false;
    *frame = role == TCPSTATE_CLIENT ? previous->syn_frame : previous->synack_frame;
    return previous->synack_frame != 0;
}

/* RFC 9293 3.4.1 MUST-8, SHLD-1. */
static void judge_isn(struct judgement *j) {
    uint32_t frame = 0;

    if (j->syn_again || j->synack_again)
        return;
    if (repeats_previous_isn(j, &frame) || j->segment->seq == 0)
        findings_tell(j, TCPSTATE_FINDING_isn_repeated, frame, 0, 0);
}

/* The attempt before was refused, or nobody answered it, which the engine calls over after a second at the earliest. */
static void judge_new_isn(struct judgement *j) {
    const struct tcpstate_summary *previous = &j->conversation->previous;

    if (!j->report->started_connection || !j->conversation->has_previous ||
        previous->client_direction != j->segment->direction || previous->isns[TCPSTATE_CLIENT].count == 0 ||
        findings_is_previous_isn(j, TCPSTATE_CLIENT))
        return;
    if (previous->outcome == TCPSTATE_OUTCOME_REFUSED || previous->outcome == TCPSTATE_OUTCOME_UNANSWERED)
        findings_tell(j, TCPSTATE_FINDING_syn_new_isn, previous->syn_frame, 0, 0);
}

/* ---- SYN ------------------------------------------------------------------------------------------------------ */

static void judge_syn_data(struct judgement *j) {
    if (j->segment->length == 0)
        return;
    if (j->segment->options & TCPSTATE_OPT_FAST_OPEN_COOKIE)
        findings_tell(j, TCPSTATE_FINDING_syn_data_fast_open, 0, 0, 0);
    else
        findings_tell(j, TCPSTATE_FINDING_syn_data, 0, 0, 0);
}

/* Whoever repeats its SYN was in SYN-SENT until then, whatever was missed. That it sent data or a FIN *before* only its
 * clock proves: a SYN that is late on the way is captured after them too. */
static void judge_sent_in_syn_sent(struct judgement *j) {
    const struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;

    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || j->y->sent_synack)
        return;
    if (e->early_frame != 0 && seq_after(s->tsval, e->early_tsval))
        findings_tell(j, TCPSTATE_FINDING_data_in_syn_sent, e->early_frame, 0, 0);
    if (e->early_fin_frame != 0 && seq_after(s->tsval, e->early_fin_tsval))
        findings_tell(j, TCPSTATE_FINDING_fin_in_syn_sent, e->early_fin_frame, 0, 0);
}

/* The first SYN of x, although an answer to it was captured before. */
static void judge_late_syn(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (j->connection->summary.roles != TCPSTATE_ROLES_SYN_ACK || j->sender != TCPSTATE_CLIENT || !y->sent_synack ||
        s->seq + 1 != y->synack_ack || x->evidence_open.sent_ordinary || j->syn_again)
        return;
    if (s->time_ns - y->synack_ns <= CAPTURE_ORDER_NS)
        findings_tell(j, TCPSTATE_FINDING_synack_before_syn, y->synack_frame, 0, 0);
    else /* the first one was not captured */
        findings_tell(j, TCPSTATE_FINDING_syn_retransmitted, 0, 0, 0);
}

static void judge_bare_syn(struct judgement *j) {
    struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;
    int64_t before_ns = e->syn_ns != 0 ? e->syn_ns : j->x->first_syn_ns;

    judge_syn_data(j);
    /* x knew the SYN of y when it sent its own: they did not cross. If y has got further, a SYN,ACK was missed and this
     * SYN is of another connection. */
    if (e->acked_syn && !j->syn_again && !j->y->evidence_open.sent_ordinary)
        findings_tell(j, TCPSTATE_FINDING_split_handshake, 0, 0, 0);
    if (j->candidate)
        return;
    judge_isn(j);
    judge_new_isn(j);
    judge_late_syn(j);
    if (!j->syn_again)
        return;
    if (e->syn_count < 255)
        e->syn_count++;
    judge_sent_in_syn_sent(j);
    if (!j->x->spoke && !j->x->sent_synack) /* otherwise a late copy: x has got further since */
        findings_tell(j, TCPSTATE_FINDING_syn_retransmitted, j->connection->summary.syn_frame, e->syn_count,
                      ms_since(s->time_ns, before_ns));
}

/* ---- SYN,ACK -------------------------------------------------------------------------------------------------- */

/* Both had to agree when the ACK came: it crossed the SYN,ACK (then nothing is wrong), or x did not take it. */
static void judge_repeated_synack(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    struct tcpstate_evidence_open *e = &x->evidence_open;
    const struct tcpstate_segment *s = j->segment;
    uint32_t ms = ms_since(s->time_ns, e->synack_ns);
    bool has_sent_data =
        e->early_frame != 0 && (s->options & TCPSTATE_OPT_TIMESTAMPS) && seq_after(s->tsval, e->early_tsval);

    if (e->synack_count < 255)
        e->synack_count++;
    /* x was in SYN-RECEIVED until now, whatever was missed, and its clock proves that the data left before; with Fast
     * Open they may: RFC 7413 4.2.2 */
    if (has_sent_data && !x->fast_open && !(j->y->evidence_open.offered & TCPSTATE_OPT_FAST_OPEN))
        findings_tell(j, TCPSTATE_FINDING_data_before_established, e->early_frame, 0, 0);
    if (x->spoke)
        return; /* a late copy */
    if (x->ignored_acks > 0 && x->state == TCPSTATE_SYN_RECEIVED && !j->has_shown)
        findings_tell(j, TCPSTATE_FINDING_synack_retransmitted_after_ack, x->handshake_ack_frame, e->synack_count, ms);
    else
        findings_tell(j, TCPSTATE_FINDING_synack_retransmitted, j->connection->summary.synack_frame, e->synack_count,
                      ms);
}

/* Two SYN,ACKs for one SYN. A repeated SYN, be it before the first, may get another ISN: SYN cookies change with time.
 * After a second, the earliest that a SYN is repeated (RFC 6298 2.1), that SYN may have been missed. */
static void judge_isn_changed(struct judgement *j) {
    const struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;

    if (e->synack_frame != 0 && e->synack_ack == s->ack && e->synack_seq != s->seq && !e->asked_again &&
        j->y->sent_syn && j->y->evidence_open.syn_count == 0)
        findings_tell_weak(j, s->time_ns - e->synack_ns >= SECOND_NS, TCPSTATE_FINDING_synack_isn_changed,
                           e->synack_frame, e->synack_seq, 0);
}

/* RFC 7323 2.2, 3.2: these two may answer only. In a simultaneous open a SYN,ACK is a repeated SYN. */
static void judge_offer(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    uint8_t offered = y->evidence_open.offered | y->syn_options;
    const uint8_t answers = TCPSTATE_OPT_WINDOW_SCALE | TCPSTATE_OPT_TIMESTAMPS;

    if (y->sent_syn && !j->x->sent_syn && !y->evidence_open.syn_truncated && (j->segment->options & answers & ~offered))
        findings_tell(j, TCPSTATE_FINDING_option_not_offered, j->connection->summary.syn_frame, 0, 0);
}

/* The clock of the opener lies between its SYNs if it echoes one that was not captured, or shortly before or after.
 * RFC 7323 3.2. Proxies send 0, and Linux accepts that. */
static void judge_echo(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    const int32_t one_unseen_syn = 1 << 18; /* all SYNs of an attempt are sent within 127 s, at 1 ms a tick */
    int32_t early = seq_distance(y->first_syn_tsval, s->tsecr), late = seq_distance(s->tsecr, y->ts_newest);

    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || s->tsecr == 0 || !y->sent_syn ||
        !(y->syn_options & TCPSTATE_OPT_TIMESTAMPS) || (early <= 0 && late <= 0))
        return;
    findings_tell_weak(j, early > 0 ? early <= one_unseen_syn : late <= one_unseen_syn,
                       TCPSTATE_FINDING_synack_tsecr_wrong, j->connection->summary.syn_frame, 0, 0);
}

/* RFC 3168 6.1.1.1: the answer to a SYN that asks for ECN has ECE if it agrees; RFC 3360 for hosts that drop such SYNs
 * or refuse them. */
static void judge_ecn(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool echoes_first = (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr == y->first_syn_tsval &&
                        y->evidence_open.ecn_syn_frame >= j->connection->summary.syn_frame;

    if (y->evidence_open.plain_syn && !j->synack_again && !(s->flags & TCPSTATE_ECE) && !echoes_first)
        findings_tell(j, TCPSTATE_FINDING_ecn_syn_not_accepted, y->evidence_open.ecn_syn_frame, 0, 0);
}

/* Lowered where one SYN that was not captured would explain it: the same with data, or, a second later, another; one that
 * the sender had before it told of that by an ACK; or one from before, whose timestamp the SYN,ACK echoes, or whose number
 * it acknowledges, or a RST bears that was captured before all else: the attempt before was refused by a RST that has not
 * arrived. */
static void judge_unacceptable_synack(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool echoes_earlier = (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr != 0 && y->sent_ts &&
                          seq_before(s->tsecr, y->first_syn_tsval);
    bool was_there_before = j->x->has_pure && j->x->pure_seq == s->seq + 1; /* it has told its number already */
    bool refused_before = j->conversation->lone_rst.is && j->conversation->lone_rst.direction != s->direction &&
                          j->conversation->lone_rst.seq == s->ack;
    bool weak = echoes_earlier || was_there_before || refused_before || findings_fit_previous(j) ||
                seq_within(s->ack, y->iss + 1, y->iss + 1 + LARGEST_SEGMENT) ||
                s->time_ns - y->last_syn_ns >= SECOND_NS;

    if (y->state == TCPSTATE_SYN_SENT && j->receiver_had == TCPSTATE_SYN_SENT && y->sent_syn)
        findings_tell_weak(j, weak, TCPSTATE_FINDING_synack_ack_unacceptable, j->connection->summary.syn_frame, 0, 0);
}

static void judge_synack(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool fits = y->has_iss && seq_within(s->ack, y->iss + 1, y->smax);

    if (j->report->started_connection && j->connection->summary.roles == TCPSTATE_ROLES_SYN_ACK)
        findings_tell(j, TCPSTATE_FINDING_synack_without_syn, 0, 0, 0);
    if (!fits) {
        judge_unacceptable_synack(j);
        return;
    }
    judge_isn_changed(j);
    judge_echo(j);
    if (j->alien)
        return;
    judge_offer(j);
    judge_ecn(j);
    judge_isn(j);
    if (j->synack_again)
        judge_repeated_synack(j);
    /* one unseen SYN of y makes it figure 7, so it is always lowered */
    if (x->sent_syn && s->seq == x->iss && !j->synack_again && (!y->sent_syn || y->iss_inferred) && !x->spoke)
        findings_tell_weak(j, true, TCPSTATE_FINDING_synack_from_opener, 0, 0, 0);
    if (y->syn_length > 0 && seq_before(s->ack, y->iss + 1 + y->syn_length))
        findings_tell(j, TCPSTATE_FINDING_syn_data_not_acked, j->connection->summary.syn_frame,
                      y->iss + 1 + y->syn_length - s->ack, 0);
}

/* ---- the third segment ---------------------------------------------------------------------------------------- */

/* A segment of an older connection has two wrong numbers, so one must be right: a box that changes numbers, or somebody
 * who could see only one direction. */
static void judge_third_ack_number(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    /* one unseen SYN,ACK to a repeated SYN may have had another ISN: SYN cookies */
    bool maybe_another = x->evidence_open.syn_count > 0 || y->evidence_open.synack_count > 0;

    if (!seq_within(s->seq, x->iss + 1, x->evidence_open.smax))
        return;
    if (seq_before(s->ack, y->iss + 1))
        findings_tell_weak(j, maybe_another, TCPSTATE_FINDING_handshake_ack_number_wrong, y->synack_frame, 0, 0);
    /* beyond all that was captured of y: later segments may explain it (ack_of_unsent_data), unless it is much */
    else if (seq_distance(s->ack, y->smax) > FINDINGS_NEAR && s->time_ns - y->synack_ns < SECOND_NS)
        findings_tell_weak(j, true, TCPSTATE_FINDING_handshake_ack_number_wrong, y->synack_frame, 0, 0);
}

/* A hole behind the SYN is a lost segment, so only what is before it, or beyond the window, is wrong. A keep-alive
 * repeats the number of the SYN (RFC 9293 3.8.4), where x is ESTABLISHED and y has not got the ACK. */
static void judge_third_seq_number(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool keep_alive = s->seq == x->iss && s->length <= 1;

    if (!seq_within(s->ack, y->iss + 1, y->smax))
        return;
    if (seq_before(s->seq, x->iss + 1) && !keep_alive)
        findings_tell(j, TCPSTATE_FINDING_handshake_seq_number_wrong, y->synack_frame, 0, 0);
    else if (y->has_redge && seq_after(s->seq, y->redge)) /* unless window updates of y were missed */
        findings_tell_weak(j, true, TCPSTATE_FINDING_handshake_seq_number_wrong, y->synack_frame, 0, 0);
}

static void judge_ordinary(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (j->receiver_had == TCPSTATE_SYN_RECEIVED && y->sent_synack && x->sent_syn && y->synack_ack == x->iss + 1) {
        judge_third_ack_number(j);
        judge_third_seq_number(j);
    }
    if (j->receiver_had != TCPSTATE_SYN_SENT || !j->pure_ack || !y->sent_syn)
        return;
    if (!seq_within(s->ack, y->iss + 1, y->smax))
        findings_tell(j, TCPSTATE_FINDING_syn_answered_by_challenge_ack, j->connection->summary.syn_frame, 0, 0);
    else if (!x->sent_syn && !x->sent_synack)
        findings_tell(j, TCPSTATE_FINDING_ack_before_synack, j->connection->summary.syn_frame, 0, 0);
}

/* ---- RST ------------------------------------------------------------------------------------------------------ */

/* Lowered where the connection may have lived on without being captured: long after the SYN, where it acknowledges a
 * little more than the SYN, or without ACK, as whoever answers a segment with ACK does (RFC 9293 3.10.7.1). */
static void judge_reset_of_syn(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool lived_on = !j->ack || s->time_ns - y->last_syn_ns >= SECOND_NS ||
                    (findings_near(s->ack, y->smax) && seq_after(s->ack, y->smax));

    findings_tell_weak(j, lived_on, TCPSTATE_FINDING_rst_to_syn_unacceptable, j->connection->summary.syn_frame, 0, 0);
}

static void judge_reset(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool never_answered = !x->sent_syn && !x->sent_synack;

    if (j->rst_reply && x->state == TCPSTATE_SYN_SENT && x->has_bad_ack && s->seq == x->bad_ack &&
        !x->evidence_open.bad_ack_was_pure)
        findings_tell(j, TCPSTATE_FINDING_rst_answers_bad_synack, x->bad_ack_frame, 0, 0);
    if (j->receiver_had == TCPSTATE_SYN_SENT && y->sent_syn && never_answered) {
        if (j->rst_accepted && j->connection->refused)
            findings_tell(j, TCPSTATE_FINDING_connection_refused, j->connection->summary.syn_frame, 0, 0);
        else if (!j->rst_accepted && !findings_fit_previous(j))
            judge_reset_of_syn(j);
    }
    if (!j->rst_accepted || x->evidence_open.sent_ordinary || incarnation_reset_before(j))
        return;
    if (x->sent_synack)
        findings_tell(j, TCPSTATE_FINDING_handshake_aborted_by_server, y->handshake_ack_frame, 0, 0);
    else if (x->sent_syn && y->sent_synack && seq_within(s->seq, x->iss + 1, x->smax))
        findings_tell(j, TCPSTATE_FINDING_handshake_aborted_by_client, y->synack_frame, 0, 0);
}

/* ---- all of it ------------------------------------------------------------------------------------------------ */

/* Nothing but the two SYNs was ever numbered, so nothing was missed either. */
static void judge_connection_without_data(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool ends = !y->has_fin && (j->first_fin || (j->rst_accepted && !x->has_fin));

    bool has_reset_beyond =
        x->evidence_end.rst_frame != 0 && x->evidence_end.rst_seq != x->iss + 1; /* so it has sent more */

    if (!ends || j->connection->summary.handshake_ns < 0 || x->has_dmax || y->has_dmax || !x->has_iss || !y->has_iss ||
        !y->captured || has_reset_beyond)
        return;
    if (j->segment->seq == x->iss + 1 && y->smax == y->iss + 1 && x->acked == y->iss + 1 && y->una == y->iss + 1)
        findings_tell(j, TCPSTATE_FINDING_connection_without_data, 0, 0, 0);
}

static void judge_handshake_time(struct judgement *j) {
    int64_t took_ns = j->connection->summary.handshake_time_ns;

    if (j->report->completes_handshake && took_ns >= SECOND_NS) /* RFC 6298 2.1: the first timer */
        findings_tell(j, TCPSTATE_FINDING_handshake_slow, j->connection->summary.syn_frame, (uint32_t)(took_ns / MS),
                      0);
}

/* ---- what is remembered --------------------------------------------------------------------------------------- */

/* A SYN that was refused and comes again opens a new connection, but is the same attempt: RFC 3360 2.1. */
static uint32_t refused_ecn_syn(const struct judgement *j) {
    const struct tcpstate_summary *previous = &j->conversation->previous;

    return j->report->started_connection && j->conversation->has_previous &&
                   previous->outcome == TCPSTATE_OUTCOME_REFUSED &&
                   previous->client_direction == j->segment->direction && findings_is_previous_isn(j, TCPSTATE_CLIENT)
               ? previous->end_facts.ecn_syn_frame
               : 0;
}

static void remember_syn(struct judgement *j) {
    struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;
    const uint16_t ecn = TCPSTATE_ECE | TCPSTATE_CWR;

    e->offered |= s->options;
    e->syn_truncated |= (s->traits & TCPSTATE_TRUNCATED_HEADER) != 0;
    if (j->ack) {
        e->synack_ns = s->time_ns;
        e->synack_seq = s->seq;
        e->synack_ack = s->ack;
        e->synack_frame = s->frame;
        e->asked_again = false;
        return;
    }
    e->syn_ns = s->time_ns;
    if (e->ecn_syn_frame == 0)
        e->ecn_syn_frame = refused_ecn_syn(j);
    if ((s->flags & ecn) == ecn)
        e->ecn_syn_frame = s->frame;
    else if (e->ecn_syn_frame != 0 && j->y->evidence_open.synack_frame == 0)
        e->plain_syn = true;
}

static void remember_ordinary(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct tcpstate_evidence_open *e = &x->evidence_open;
    const struct tcpstate_segment *s = j->segment;
    bool opening = x->sent_synack || (x->sent_syn && !y->sent_synack);

    e->sent_ordinary = true;
    if (j->pure_ack && !x->sent_syn && !x->sent_synack && y->sent_syn && s->ack == y->iss + 1)
        e->acked_syn = true;
    if (!opening || !(s->options & TCPSTATE_OPT_TIMESTAMPS))
        return;
    if (s->length > 0 && e->early_frame == 0) {
        e->early_frame = s->frame;
        e->early_tsval = s->tsval;
    }
    if (j->fin && e->early_fin_frame == 0) {
        e->early_fin_frame = s->frame;
        e->early_fin_tsval = s->tsval;
    }
}

static void remember(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;

    if (j->rst || (j->syn && !j->ack))
        y->evidence_open.asked_again = true;
    if (y->has_bad_ack && y->bad_ack_frame == j->segment->frame)
        y->evidence_open.bad_ack_was_pure = !j->syn;
    if (j->alien || j->candidate || j->rst)
        return;
    if (j->syn)
        remember_syn(j);
    else if (j->ack)
        remember_ordinary(j);
}

void findings_handshake(struct judgement *j) {
    judge_flags(j);
    judge_options_and_address(j);
    if (j->connection->self) { /* RFC 9293 A.2: both directions look alike, so nothing else can be said */
        findings_tell(j, TCPSTATE_FINDING_self_connect, 0, 0, 0);
        return;
    }
    if (j->rst)
        judge_reset(j);
    else if (j->syn && j->ack)
        judge_synack(j);
    else if (j->syn)
        judge_bare_syn(j);
    else if (j->ack)
        judge_ordinary(j);
    judge_connection_without_data(j);
    judge_handshake_time(j);
    remember(j);
}
