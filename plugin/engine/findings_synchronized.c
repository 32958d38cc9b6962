/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about synchronised states: acceptability, SYN, ACK, window, timestamps (group E of finding.def).
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 *
 * What contradicts itself may have been sent in another order, or with segments between that were not captured. A
 * Warning here needs a proof of the order, and only timestamps give one: x reads its clock when it sends, and what it
 * echoes is the newest that it has received.
 */
#include "findings_open.h"

enum { MS = 1000000, KEEP_ALIVES = 3, TRANSMISSIONS = 4, TTL_SAMPLES = 3, TTL_TOLERANCE = 2 };
static const int64_t SECOND_NS = 1000000000;
static const int64_t RETRANSMISSION_NS = 100 * MS; /* sooner it may be a duplicate of the network */
static const int32_t CLOCK_LEAP = 1 << 28;         /* more than the 2 MSL that a segment can be late, at 1 us a tick */

/* ---- tools ---------------------------------------------------------------------------------------------------- */

static bool has_timestamps(const struct tcpstate_segment *s) { return (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0; }

/* The numbers are those of this connection, not of one whose SYN was not captured. */
static bool is_of_this_connection(const struct judgement *j) {
    const struct tcpstate_evidence_open *e = &j->x->evidence_open;

    return e->has_smax && findings_near(j->segment->seq, e->smax) && e->has_acked &&
           findings_near(j->segment->ack, e->acked);
}

/* RFC 9293 3.8.4. */
static bool is_keep_alive(const struct judgement *j) {
    const struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;

    return j->ordinary && !j->fin && s->length <= 1 && e->has_smax && s->seq + 1 == e->smax;
}

/* RFC 9293 3.8.6.1. Linux probes with an old number and no data, others with one octet. */
static bool is_window_probe(const struct judgement *j) {
    return j->y->evidence_open.zero_window && j->ordinary && !j->fin && j->segment->length <= 1;
}

static void provoke(struct judgement *j) {
    j->y->evidence_open.provoked_frame = j->segment->frame;
    j->y->evidence_open.provoked_ns = j->segment->time_ns;
}

/* ---- SYN in an open connection, and what follows -------------------------------------------------------------- */

/* A SYN like the sender's own (options, MSS, TTL) comes from a host that has restarted or uses its port again, so it is
 * lowered; so is one that nothing of the sender's own SYN can be compared with. An old duplicate of a SYN of the
 * connection before is told as that. */
static void judge_syn(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_summary *previous = &j->conversation->previous;
    uint8_t state = j->report->end[j->receiver].state;
    uint32_t seq = j->segment->seq;
    bool in_window = findings_know_options(j) && y->has_redge && y->has_acked && seq_at_least(seq, y->acked) &&
                     seq_before(seq, y->redge);
    enum tcpstate_role old = j->segment->direction == previous->client_direction ? TCPSTATE_CLIENT : TCPSTATE_SERVER;
    /* y is believed closed by its own RST, which x did not take: y may not have sent it */
    bool only_a_rst_of_y = state == TCPSTATE_CLOSED && j->y->undo.cause == TCPSTATE_UNDO_RST_SENT &&
                           state_is_synchronized((enum tcpstate_state)j->x->state);

    if (!j->candidate || state == TCPSTATE_TIME_WAIT || (state < TCPSTATE_ESTABLISHED && !only_a_rst_of_y))
        return;
    provoke(j);
    if (findings_is_previous_isn(j, old))
        return;
    findings_tell_weak(j, j->conversation->candidate.genuine || only_a_rst_of_y,
                       in_window ? TCPSTATE_FINDING_syn_in_window : TCPSTATE_FINDING_syn_in_connection, 0, 0, 0);
}

/* The handshake was not captured, but y is past it; a late copy of its SYN,ACK lies before what y has acknowledged. */
static bool is_not_of_unseen_handshake(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool first = !x->sent_syn && (!x->sent_synack || x->synack_frame == j->segment->frame);

    return j->connection->summary.roles == TCPSTATE_ROLES_GUESS && first && y->heard && y->has_acked &&
           seq_at_least(j->segment->seq, y->acked) && state_is_synchronized((enum tcpstate_state)j->receiver_had);
}

/* RFC 9293 3.10.7.4 fourth: x has long sent the SYN,ACK that it sent. */
static void judge_synack(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool established = state_is_synchronized((enum tcpstate_state)x->state) && (x->spoke || x->synack_acked);
    bool unlike = x->sent_synack ? s->seq != x->iss || s->ack != x->synack_ack
                                 : x->sent_syn && !(s->seq == x->iss && y->sent_syn);

    if (!((established && unlike) || is_not_of_unseen_handshake(j)) || j->receiver_had == TCPSTATE_SYN_SENT ||
        findings_told(j, TCPSTATE_FINDING_synack_isn_changed))
        return;
    provoke(j);
    findings_tell(j, TCPSTATE_FINDING_synack_in_connection, j->connection->summary.synack_frame, 0, 0);
}

/* RFC 9293 3.5.1 figure 9. The form of figure 10 is rst_no_connection, that of TIME-WAIT time_wait_rejects_syn. Lowered
 * if the SYN was the host's own, for then nothing is wrong but its memory, or if the older connection was not
 * captured. */
static void judge_half_open(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_conversation *conversation = j->conversation;
    uint32_t frame = findings_answered_by_rst(j, false);
    bool after_close = conversation->has_previous && conversation->previous.outcome == TCPSTATE_OUTCOME_CLOSED;

    if (j->receiver_had == TCPSTATE_TIME_WAIT)
        return;
    if (j->half_open_reset)
        findings_tell_weak(j, conversation->candidate.genuine, TCPSTATE_FINDING_half_open_discovered, frame, 0, 0);
    else if (j->rst_reply && x->state == TCPSTATE_SYN_SENT && x->has_bad_ack && j->segment->seq == x->bad_ack &&
             x->evidence_open.bad_ack_was_pure && !after_close)
        findings_tell_weak(j, true, TCPSTATE_FINDING_half_open_discovered, x->bad_ack_frame, 0, 0);
}

/* RFC 5961 3.2, 4.2, 5.2. An empty ACK that repeats what x said before it was provoked. Old data and keep-alives get
 * the same answer, but there it only means that they came twice: that is no challenge. */
static void judge_challenge(struct judgement *j) {
    struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;

    if (e->provoked_frame != 0 && j->pure_ack && s->time_ns - e->provoked_ns <= findings_patience_ns(j) &&
        e->has_smax && s->seq == e->smax && e->has_acked && s->ack == e->acked)
        findings_tell(j, TCPSTATE_FINDING_challenge_ack, e->provoked_frame, 0, 0);
    e->provoked_frame = 0;
}

/* ---- acknowledgment number ------------------------------------------------------------------------------------ */

/* RFC 5961 5.2: the oldest acceptable number. */
static void judge_old_ack(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    uint32_t least = x->acked - x->max_window;

    if (!findings_know_options(j) || !x->has_acked || !x->has_redge || !seq_before(j->segment->ack, least))
        return;
    provoke(j);
    findings_tell(j, TCPSTATE_FINDING_ack_too_old, 0, least, 0);
}

/* RFC 9293 3.10.7.4 seventh: RCV.NXT never goes back. */
static void judge_ack_backwards(struct judgement *j) {
    const struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;

    if (e->high_ack_frame != 0 && has_timestamps(s) && is_of_this_connection(j) && seq_before(s->ack, e->high_ack) &&
        seq_after(s->tsval, e->high_ack_tsval))
        findings_tell(j, TCPSTATE_FINDING_ack_went_backwards, e->high_ack_frame, e->high_ack, 0);
}

/* y acknowledged octets that x was not seen to send. Were they only missed by the capture, x would not send them any
 * more once it had the ACK; and it has it, or a later one, if it echoes a newer timestamp of y. */
static void judge_unsent(struct judgement *j) {
    struct tcpstate_evidence_open *e = &j->y->evidence_open;
    const struct tcpstate_segment *s = j->segment;
    bool keep_alive = s->length <= 1 && s->seq + 1 == e->unsent_ack;

    if (e->unsent_frame == 0 || s->length == 0)
        return;
    if (seq_at_least(s->seq, e->unsent_ack)) {
        e->unsent_frame = 0; /* they were sent and not captured */
    } else if (has_timestamps(s) && seq_after(s->tsecr, e->unsent_tsval) && seq_at_least(s->seq, e->unsent_smax) &&
               !keep_alive) {
        findings_tell(j, TCPSTATE_FINDING_ack_of_unsent_data, e->unsent_frame, e->unsent_ack, e->unsent_smax);
        e->unsent_frame = 0;
    }
}

static void remember_unsent(struct judgement *j) {
    struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_evidence_open *peer = &j->y->evidence_open;
    const struct tcpstate_segment *s = j->segment;

    if (!peer->has_smax || !seq_after(s->ack, peer->smax))
        return;
    provoke(j);
    if (e->unsent_frame != 0 || !has_timestamps(s) || !findings_near(s->ack, peer->smax))
        return;
    e->unsent_frame = s->frame;
    e->unsent_ack = s->ack;
    e->unsent_smax = peer->smax;
    e->unsent_tsval = s->tsval;
}

/* ---- window --------------------------------------------------------------------------------------------------- */

/* Any number of pure ACKs of y may have been missed without leaving a hole. Not so if y's newest captured segment, in
 * whose window these data do not fit either, is newer than what x echoes: x had got nothing that the capture has not.
 * Without that proof the finding is lowered. */
static void judge_data_beyond_window(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_evidence_open *e = &y->evidence_open;
    const struct tcpstate_segment *s = j->segment;
    uint32_t spare = y->syn_mss != 0 ? y->syn_mss : TCPSTATE_DEFAULT_MSS;
    uint32_t right = s->seq + s->length;
    bool hole = !j->x->evidence_open.has_smax || seq_after(s->seq, j->x->evidence_open.smax);
    bool proved;

    if (j->end != s->seq && findings_know_options(j) && y->has_redge && !is_window_probe(j) &&
        seq_after(s->seq, y->redge)) /* a FIN too */
        provoke(j);
    if (s->length == 0 || !findings_know_options(j) || !y->has_redge || is_window_probe(j) ||
        !seq_after(right, y->redge + spare))
        return;
    proved = !hole && has_timestamps(s) && e->edge_tsval != 0 && seq_before(s->tsecr, e->edge_tsval) &&
             seq_after(right, e->edge + spare);
    findings_tell_weak(j, !proved, TCPSTATE_FINDING_data_beyond_window, 0, y->redge, 0);
}

/* RFC 9293 3.8.6 SHLD-14; RFC 7323 2.4: rounding takes back up to one unit of the scale. */
static void judge_shrunk_window(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    uint32_t unit = x->has_shift && j->y->has_shift ? 1u << x->shift : 1u;
    bool known;
    uint32_t edge = j->segment->ack + unscaled_window(j, &known);

    if (known && findings_know_options(j) && !j->stale && !j->fin && !j->ack_refused && x->has_redge &&
        j->segment->ack == x->acked && seq_before(edge + unit, x->redge))
        findings_tell(j, TCPSTATE_FINDING_window_shrunk, 0, x->redge, edge);
}

static void judge_already_acked(struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;

    if (j->end != j->segment->seq && y->captured && j->receiver_had > TCPSTATE_LISTEN && y->has_acked &&
        seq_at_most(j->end, y->acked) && !is_keep_alive(j))
        findings_tell(j, TCPSTATE_FINDING_segment_already_acked, 0, 0, 0);
}

/* ---- timestamps ----------------------------------------------------------------------------------------------- */

/* Octets at or behind SND.NXT of an earlier pure ACK were first sent after it, in whatever order they were captured;
 * one octet or a FIN there may have been a keep-alive's. A leap is older than anything that can still be on its way. */
static void judge_clock_backwards(struct judgement *j) {
    const struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;
    bool older = e->nxt_frame != 0 && seq_at_least(s->seq, e->nxt) && seq_after(j->end, e->nxt + 1) &&
                 seq_before(s->tsval, e->nxt_tsval);
    bool leap = j->x->ts_newest != 0 && e->has_smax && seq_at_least(s->seq, e->smax) &&
                seq_distance(j->x->ts_newest, s->tsval) > CLOCK_LEAP;

    if (j->end == s->seq || !has_timestamps(s) || !is_of_this_connection(j))
        return;
    if (older)
        findings_tell(j, TCPSTATE_FINDING_tsval_went_backwards, e->nxt_frame, e->nxt_tsval, 0);
    else if (leap)
        findings_tell(j, TCPSTATE_FINDING_tsval_went_backwards, 0, j->x->ts_newest, 0);
}

/* RFC 7323 3.2. */
static void judge_negotiation(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    bool agreed = (j->x->syn_options & j->y->syn_options & TCPSTATE_OPT_TIMESTAMPS) != 0;

    if (!findings_know_options(j) || !is_of_this_connection(j))
        return;
    if (agreed && !has_timestamps(s) && !(s->traits & TCPSTATE_TRUNCATED_HEADER))
        findings_tell(j, TCPSTATE_FINDING_ts_missing, 0, 0, 0);
    if (!agreed && has_timestamps(s))
        findings_tell(j, TCPSTATE_FINDING_ts_not_negotiated, 0, 0, 0);
}

/* Segments of y that were not captured may have carried it, but not before y's clock showed that time. */
static void judge_echo(struct judgement *j) {
    const struct tcpstate_path *path = j->y_path;
    const struct tcpstate_segment *s = j->segment;
    int64_t elapsed_ns = s->time_ns - path->first_tick_ns;
    int64_t ahead_ns = (int64_t)seq_distance(s->tsecr, path->first_tsval) * MS - elapsed_ns;
    bool ticks_each_ms = path->best_ratio > 0.75 && path->best_ratio < 1.33;

    if (!has_timestamps(s) || !path->has_first_tick || !ticks_each_ms || !is_of_this_connection(j) ||
        !seq_after(s->tsecr, j->y->ts_newest))
        return;
    if (ahead_ns > 2 * SECOND_NS + elapsed_ns / 2)
        findings_tell(j, TCPSTATE_FINDING_tsecr_never_sent, 0, 0, 0);
}

/* ---- urgent data, TTL ----------------------------------------------------------------------------------------- */

/* RFC 9293 3.8.5 MUST-62. A closed window keeps urgent data back, but not the news of them. */
static void judge_urgent(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool nothing_there = s->length == 0 && y->has_acked && y->acked == s->seq && x->has_smax && x->smax == s->seq &&
                         y->has_redge && seq_after(y->redge, s->seq) && !y->evidence_open.zero_window;

    if (!(s->flags & TCPSTATE_URG))
        return;
    if (s->urgent_pointer == 0 || nothing_there || (x->has_fin && seq_after(s->seq + s->urgent_pointer, x->fin)))
        findings_tell(j, TCPSTATE_FINDING_urgent_pointer_invalid, 0, 0, 0);
}

/* Only segments that open or end a connection, which are worth forging. */
static void judge_ttl(struct judgement *j) {
    struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;
    bool differs = s->ttl + TTL_TOLERANCE < e->ttl_least || s->ttl > e->ttl_most + TTL_TOLERANCE;

    if (!(s->traits & TCPSTATE_HAS_TTL))
        return;
    if (e->ttl_count >= TTL_SAMPLES && differs) {
        if (s->flags & (TCPSTATE_SYN | TCPSTATE_FIN | TCPSTATE_RST))
            findings_tell(j, TCPSTATE_FINDING_ttl_differs, 0, s->ttl < e->ttl_least ? e->ttl_least : e->ttl_most, 0);
        if (s->flags & (TCPSTATE_SYN | TCPSTATE_RST))
            return; /* perhaps not its own: the next is held against the others too */
    }
    if (e->ttl_count == 0 || s->ttl < e->ttl_least)
        e->ttl_least = s->ttl;
    if (e->ttl_count == 0 || s->ttl > e->ttl_most)
        e->ttl_most = s->ttl;
    if (e->ttl_count < TTL_SAMPLES)
        e->ttl_count++;
}

/* ---- silence -------------------------------------------------------------------------------------------------- */

/* RFC 9293 3.8.4 MUST-29: a single probe without an answer proves nothing. */
static void judge_keepalive(struct judgement *j) {
    struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_endpoint *y = j->y;

    if (!is_keep_alive(j) || is_window_probe(j) || !y->captured || !y->has_acked || y->acked != e->smax) {
        e->keepalives = 0;
        return;
    }
    if (e->keepalives > 0 && j->segment->time_ns - e->resent_ns < RETRANSMISSION_NS)
        return;
    e->resent_ns = j->segment->time_ns;
    if (e->keepalives < KEEP_ALIVES && ++e->keepalives == KEEP_ALIVES)
        findings_tell(j, TCPSTATE_FINDING_keepalive_unanswered, 0, KEEP_ALIVES, 0);
}

/* RFC 9293 3.8.3 SHLD-10, SHLD-11. Transmissions of the same octets are counted from the first after y's newest. */
static void judge_retransmission(struct judgement *j) {
    struct tcpstate_evidence_open *e = &j->x->evidence_open;
    const struct tcpstate_segment *s = j->segment;

    if (j->end == s->seq || is_keep_alive(j) || is_window_probe(j) || !j->y->captured)
        return;
    if (e->resent == 0 || seq_before(s->seq, e->resent_seq)) {
        e->resent = 1;
        e->resent_seq = s->seq;
    } else if (s->seq != e->resent_seq || s->time_ns - e->resent_ns < RETRANSMISSION_NS) {
        return;
    } else if (e->resent < TRANSMISSIONS && ++e->resent == TRANSMISSIONS) {
        findings_tell(j, TCPSTATE_FINDING_retransmission_unanswered, 0, TRANSMISSIONS, 0);
    }
    e->resent_ns = s->time_ns;
}

/* ---- what is remembered --------------------------------------------------------------------------------------- */

static void remember_order(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    struct tcpstate_evidence_open *e = &x->evidence_open;
    const struct tcpstate_segment *s = j->segment;
    bool known;
    uint32_t window = unscaled_window(j, &known);

    if (!j->stale)
        e->zero_window = s->window == 0;
    if (!has_timestamps(s) || j->stale || j->ack_refused)
        return;
    if (known && (e->edge_tsval == 0 || seq_at_least(s->tsval, e->edge_tsval))) {
        e->edge = s->ack + window;
        e->edge_tsval = s->tsval;
    }
    if (e->high_ack_frame == 0 || seq_after(s->ack, e->high_ack)) {
        e->high_ack = s->ack;
        e->high_ack_tsval = s->tsval;
        e->high_ack_frame = s->frame;
    }
    /* below smax: a keep-alive, or the window was taken back */
    if (j->pure_ack && e->has_smax && seq_at_least(s->seq, e->smax) &&
        (e->nxt_frame == 0 || seq_after(s->tsval, e->nxt_tsval))) {
        e->nxt = s->seq;
        e->nxt_tsval = s->tsval;
        e->nxt_frame = s->frame;
    }
}

static void remember(struct judgement *j) {
    if (j->ordinary && j->ack && !j->alien)
        remember_order(j);
    for (unsigned role = 0; role < 2; role++) {
        struct tcpstate_endpoint *end = &j->connection->end[role];
        end->evidence_open.has_smax = end->has_smax;
        end->evidence_open.smax = end->smax;
        end->evidence_open.has_acked = end->has_acked;
        end->evidence_open.acked = end->acked;
    }
}

static void judge_ordinary(struct judgement *j) {
    judge_negotiation(j);
    judge_old_ack(j);
    judge_ack_backwards(j);
    judge_data_beyond_window(j);
    judge_clock_backwards(j);
    judge_echo(j);
    judge_urgent(j);
    judge_already_acked(j);
    remember_unsent(j);
    if (j->alien)
        return;
    judge_challenge(j);
    judge_unsent(j);
    judge_shrunk_window(j);
    judge_keepalive(j);
    judge_retransmission(j);
    j->y->evidence_open.keepalives = j->y->evidence_open.resent = 0;
}

/* Signatures are agreed by configuration, so the SYN has told which segments carry one. */
static void judge_signature(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    if (j->syn || !(x->sent_syn || x->sent_synack) || (s->traits & TCPSTATE_TRUNCATED_HEADER))
        return;
    if ((x->syn_options ^ s->options) & TCPSTATE_OPT_MD5)
        findings_tell(j, TCPSTATE_FINDING_md5_signature_unexpected, j->connection->summary.syn_frame, 0, 0);
}

void findings_synchronized(struct judgement *j) {
    bool past_open = state_is_synchronized((enum tcpstate_state)j->report->end[j->sender].before) || j->x->spoke;

    if (j->rst) {
        judge_half_open(j);
        if (j->rst_challenged)
            provoke(j);
    } else if (j->syn && j->ack) {
        judge_synack(j);
    } else if (j->syn) {
        judge_syn(j);
    } else if (j->ack && past_open) {
        judge_ordinary(j);
    }
    judge_ttl(j);
    judge_signature(j);
    remember(j);
}
