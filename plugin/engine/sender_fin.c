/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The FIN of the sender, x: whether it can be its own, whether x goes on as if it had sent none, and what x had sent before
 * its FIN though it was captured after it. RFC 9293 3.6 and 3.10.4: a FIN has the number behind all text, and nothing new
 * follows it.
 */
#include "judgement.h"

enum {
    INITIAL_WINDOW_SEGMENTS = 10, /* RFC 6928 2 */
    SEGMENTS_BELOW_WRAP = 10000   /* so few have not taken the numbers half round */
};

/* ---- is it its own? --------------------------------------------------------------------------------------------- */

/* A FIN below what x seems to have sent, for the second time: it is repeated as only its own stack does, and what lies
 * beyond it was somebody else's. */
static bool repeats_refused_fin(struct judgement *j, uint32_t fin) {
    struct tcpstate_endpoint *x = j->x;
    bool again = x->has_refused_fin && x->refused_fin == fin && engine_later_than(j, x->refused_fin_ns);

    if (!x->has_refused_fin || x->refused_fin != fin)
        x->refused_fin_ns = j->segment->time_ns;
    x->has_refused_fin = true;
    x->refused_fin = fin;
    return again;
}

/* The FIN lies further ahead of what was captured than any sender goes without an ACK: ten segments, and as many octets
 * more as were acknowledged (RFC 6928 2, RFC 5681 3.1). */
bool sender_fin_is_beyond_flight(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t una = x->has_una ? x->una : x->iss;

    if (!x->has_iss || !x->has_smax || !y->syn_mss || !seq_after(j->segment->seq, x->smax) || seq_before(una, x->iss) ||
        j->connection->summary.segments[j->sender] > SEGMENTS_BELOW_WRAP)
        return false;
    return seq_distance(j->segment->seq, x->smax) >
           (int64_t)INITIAL_WINDOW_SEGMENTS * y->syn_mss + seq_distance(una, x->iss);
}

bool sender_comes_next_before_hole(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (!y->has_rnxt || j->segment->seq != y->rnxt)
        return false;
    for (unsigned i = 0; i < x->range_count; i++)
        if (seq_within(j->end - 1, x->ranges[i].left, x->ranges[i].right - 1))
            return false;
    return true;
}

void sender_fin_was_octet(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    hindsight_note(j, x->fin_inferred_index, x->fin_inferred_frame, TCPSTATE_VERDICT_NO_FIN);
    x->has_fin = x->fin_inferred = x->fin_acked = y->peer_fin_taken = false;
    engine_restore(j, j->sender, x->peer_fin_taken ? TCPSTATE_CLOSE_WAIT : TCPSTATE_ESTABLISHED, TCPSTATE_PROVED);
    if (y->state == TCPSTATE_CLOSE_WAIT || y->state == TCPSTATE_CLOSING || y->state == TCPSTATE_TIME_WAIT ||
        y->state == TCPSTATE_LAST_ACK)
        engine_move(j, j->receiver, TCPSTATE_EVENT_snd_nack_fin, TCPSTATE_ASSUMED);
}

void sender_note_fin(struct judgement *j, enum tcpstate_state before) {
    struct tcpstate_endpoint *x = j->x;

    x->has_fin = true;
    x->fin_inferred = false;
    x->fin = j->end - 1;
    x->fin_frame = j->segment->frame;
    x->fin_index = j->index;
    x->fin_ack = j->segment->ack;
    x->fin_tsval = j->segment->tsval;
    x->fin_tsecr = j->segment->tsecr;
    x->fin_ip_id = (j->segment->traits & TCPSTATE_HAS_IP_ID) ? j->segment->ip_id : 0;
    x->fin_ns = x->fin_sent_ns = j->segment->time_ns;
    x->state_before_fin = (uint8_t)before;
    x->before_fin = x->smax;
    x->fin_leaves_hole = x->has_smax && seq_after(j->segment->seq, x->smax);
    x->hole_reported = x->hole_filled = 0;
    x->hole_next = x->fin_leaves_hole ? x->before_fin : x->fin;
    x->has_text_beyond = x->repairs = false;
}

bool sender_goes_on_from_last_word(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && x->has_newest_end &&
           x->newest_end == j->segment->seq && seq_after(j->segment->tsval, x->ts_newest) && !capture_clock_jumps(j);
}

void sender_judge_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t fin = j->end - 1;

    if (!x->has_fin || x->fin_inferred) {
        /* a FIN sent later than the octets beyond it, none of which y has: those were not x's */
        bool beyond_is_false =
            (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && seq_before(fin, x->smax) &&
            (x->has_una ? seq_at_least(fin, x->una) : !y->captured && x->has_iss && seq_after(fin, x->iss)) &&
            seq_after(j->segment->tsval, x->smax_tsval) && j->segment->length == 0;
        /* y acknowledges more than x was ever heard to send: it took that from somebody else */
        bool own_word = !x->has_iss && x->has_own_end && seq_at_least(fin, x->own_end);
        /* ... and so x says itself, by a pure ACK after them: its next number is that of this FIN */
        bool was_denied = (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && x->has_pure &&
                          x->pure_seq == fin && seq_after(x->pure_tsval, x->smax_tsval) && j->segment->length == 0;
        bool is_next = !x->has_smax || (seq_after(j->end, x->smax) && !sender_fin_is_beyond_flight(j));
        bool plausible = is_next || x->fin_inferred || beyond_is_false || was_denied ||
                         (x->smax_is_next && j->end == x->smax) || own_word || sender_comes_next_before_hole(j);
        plausible = plausible || sender_goes_on_from_last_word(j) || repeats_refused_fin(j, fin);
        bool repeats_inferred = x->fin_inferred && x->fin == fin;

        bool after_last_data = !j->stale || !(j->segment->options & TCPSTATE_OPT_TIMESTAMPS) ||
                               (x->has_smax && !seq_before(j->segment->tsval, x->smax_tsval));

        /* a pure ACK that knew more and had not counted a FIN was sent later than this, or there was no FIN */
        bool older_than_ack =
            x->has_pure && seq_at_most(x->pure_seq, fin) &&
            (seq_before(j->segment->ack, x->pure_ack) || ((j->segment->options & TCPSTATE_OPT_TIMESTAMPS) &&
                                                          x->sent_ts && seq_before(j->segment->tsval, x->pure_tsval)));

        if (!plausible || j->ack_unsent || !after_last_data || older_than_ack ||
            (x->state == TCPSTATE_SYN_RECEIVED && !x->sent_synack &&
             !x->sent_syn)) { /* its nominal sender cannot have sent it */
            j->alien = true;
            return;
        }
        if (x->has_fin && x->fin_inferred && seq_after(fin, x->fin) && x->captured) {
            sender_fin_was_octet(j);
            if (j->connection->first_fin_role != j->sender)
                j->connection->simultaneous_close = j->connection->three_segment = false; /* this FIN tells */
        } else if (x->fin_inferred && !repeats_inferred)
            x->fin_inferred = false;
        sender_note_fin(j, (enum tcpstate_state)x->state);
        if (x->has_smax && seq_before(j->end, x->smax))
            x->smax = j->end;
        x->fin_acked_before = y->has_acked && seq_after(y->acked, fin);
        x->fin_shadowed = y->has_acked && seq_at_least(y->acked, j->end) &&
                          ((x->has_seen_text && x->seen_text == j->end) ||
                           (!x->has_iss && y->heard && (!x->maybe_fin || x->maybe_denied)));
        j->first_fin = true;
        j->report->was_counted = x->has_pure && x->pure_seq == j->end;
        if (repeats_inferred)
            return;
        if (x->peer_fin_taken && (y->has_wire_fin || y->has_fin) &&
            seq_at_most(j->segment->ack, y->has_wire_fin ? y->wire_fin : y->fin)) { /* the FINs crossed */
            bool was_captured = y->has_wire_fin ? y->wire_fin_frame != 0 : !y->fin_inferred;
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_fin_x, was_captured ? TCPSTATE_ASSUMED : TCPSTATE_INFERRED);
            engine_show(j, TCPSTATE_FIN_WAIT_1);
            x->state_before_fin = TCPSTATE_ESTABLISHED;
            if (y->has_wire_fin)
                hindsight_note(j, y->wire_fin_index, y->wire_fin_frame, TCPSTATE_VERDICT_CROSSED);
            else
                hindsight_note(j, y->fin_index, y->fin_frame, TCPSTATE_VERDICT_CROSSED);
        } else {
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_fin, TCPSTATE_PROVED);
        }
        return;
    }
    if (x->fin != fin)
        return; /* FIN moved: a finding, no event */
    j->fin_again = true;
    if (!x->fin_acked)
        return;
    bool is_early = !engine_later_than(j, x->fin_ack_ns) || j->stale;
    if (is_early || j->has_shown) {
        uint8_t sent_in = j->has_shown ? j->shown : x->state; /* without y's FIN, if it does not count that */
        engine_show(j, engine_peek(TCPSTATE_EVENT_snd_fin_again, (enum tcpstate_state)sent_in));
    }
    if (is_early)
        return;
    if (x->state == TCPSTATE_CLOSED || x->state == TCPSTATE_LAST_ACK)
        j->last_ack_lost = true;
    hindsight_note(j, x->fin_ack_index, x->fin_ack_frame, TCPSTATE_VERDICT_NOT_TAKEN);
    x->fin_acked = false;
    x->una = x->fin;
    engine_move(j, j->sender, TCPSTATE_EVENT_snd_fin_again, TCPSTATE_PROVED);
}

/* ---- x goes on without it ---------------------------------------------------------------------------------------- */

/* The FIN of x left a hole, and here x sends what comes first in it. That is no repetition: nobody has asked for one, and
 * stacks wait 200 ms before they repeat something unasked. So it had not sent what lies beyond, nor a FIN. */
static bool fills_hole_unasked(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;
    bool would_echo = seq_at_most(x->hole_seq, s->ack); /* what lies behind a hole is not echoed: RFC 7323 4.3 */
    /* without SACK, nobody can have asked for it because of the FIN alone: it draws one duplicate ACK (RFC 5681 3.2) */
    bool may_be_asked = !j->y->heard && (x->syn_options & TCPSTATE_OPT_SACK_PERMITTED);

    /* a pure ACK of x had the number behind it: x had sent it before; or x repairs a loss, and y's ACK up to here asks for
     * what comes next in that: RFC 6582 3.2 */
    bool is_repetition =
        (x->has_pure && seq_at_least(x->pure_seq, j->end)) || (x->repairs && j->y->has_acked && j->y->acked == s->seq);

    return x->fin_leaves_hole && !may_be_asked && !is_repetition && s->length > 0 && s->seq == x->before_fin &&
           seq_at_most(j->end, x->fin) &&
           (x->hole_reported < 3 || (would_echo && seq_before(s->tsecr, x->hole_tsval))) &&
           (s->options & TCPSTATE_OPT_TIMESTAMPS) && seq_after(s->tsval, x->fin_tsval) &&
           s->time_ns - x->fin_ns < REPETITION_NS;
}

/* ... without timestamps: x sends one segment after the other from the start of the hole on, with many more to come. A FIN
 * behind all of them would not have overtaken them and left them in order. */
bool sender_fin_fills_hole_in_order(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    if (s->length == 0 || j->fin || s->seq != x->hole_next)
        return false;
    x->hole_next = j->end;
    if ((s->options & TCPSTATE_OPT_TIMESTAMPS) || s->time_ns - x->fin_ns >= REPETITION_NS)
        return false;
    if (x->hole_filled < 255)
        x->hole_filled++;
    return x->hole_filled >= 3 && seq_before(j->end + 8 * s->length, x->fin);
}

/* A FIN where the text ends that x has sent since from the start of that hole, without a gap: it has one FIN, and sends no
 * text after it. The one beyond was somebody else's. */
bool sender_fin_ends_text_in_hole(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return j->fin && !j->stale && !j->ack_unsent && x->fin_leaves_hole && !x->fin_acked &&
           x->hole_next != x->before_fin && j->segment->seq == x->hole_next && seq_before(j->end - 1, x->fin);
}

/* The window of y ends below what x has sent: a pure ACK then carries that edge as its number, not SND.NXT, or it would not
 * be acceptable (RFC 9293 3.10.7.4 first). */
bool sender_is_at_shrunken_edge(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    return j->pure_ack && y->has_edge && j->segment->seq == y->edge && x->has_smax && seq_before(y->edge, x->smax);
}

/* A FIN was captured, but its nominal sender goes on as if it had sent none: data at or past it, or a newer pure ACK
 * that does not count it. A probe of a closed window and a keep-alive repeat an old number and say nothing. */
bool sender_goes_on_after_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;
    const bool has_clock = s->options & TCPSTATE_OPT_TIMESTAMPS, fin_has_clock = x->fin_tsval != 0;

    if (fills_hole_unasked(j))
        return true;
    if (s->length > 0 && seq_after(s->seq + s->length, x->fin)) /* one octet at the FIN's number: a keep-alive */
        return seq_at_most(s->seq, x->fin) && (s->length > 1 || s->seq != x->fin || !x->fin_acked ||
                                               s->time_ns - x->last_sent_ns < KEEP_ALIVE_IDLE_NS);
    if (!j->pure_ack || j->ack_unsent || !seq_at_most(s->seq, x->fin) || sender_is_at_shrunken_edge(j))
        return false;
    if (x->has_una && seq_before(s->seq + 1, x->una) && seq_before(s->seq, x->before_fin))
        return false; /* so low a number y has acknowledged, and x had left behind before the FIN: no word of its own */
    if (seq_after(s->ack, x->fin_ack) && !(x->has_una && s->seq + 1 == x->una))
        return true; /* it knows more than the FIN did */
    if (j->newest_acked_ns > x->fin_ns)
        return true; /* it knows what was captured after the FIN */
    if (has_clock != fin_has_clock)
        return has_clock; /* a FIN without, where the others have one, is none of x's: RFC 7323 3.2 */
    if (has_clock ? !seq_after(s->tsval, x->fin_tsval) : !engine_later_than(j, x->fin_ns))
        return false;
    if (x->has_una && s->seq + 1 == x->una)
        return s->seq == x->fin && s->time_ns - x->last_sent_ns < KEEP_ALIVE_IDLE_NS;
    return true;
}

/* Text behind the FIN of x, and behind more that was not captured, and then text that follows on that: x has sent no FIN
 * there. Whoever knows the FIN would go on with the next number. */
bool sender_sends_on_beyond_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    if (s->length == 0 || j->stale || j->ack_unsent || !seq_after(s->seq, x->fin + 1))
        return false;
    bool again = x->has_text_beyond && seq_at_least(s->seq, x->text_beyond) &&
                 seq_distance(s->seq, x->text_beyond) < NUMBERS_FAR;
    x->has_text_beyond = true;
    x->text_beyond = s->seq + s->length;
    return again;
}

/* What x says of the hole before y's FIN. */
void sender_notes_hole(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (x->has_fin && !x->fin_inferred && x->fin_leaves_hole && s->length > 0 && seq_at_most(j->end, x->before_fin) &&
        (s->options & TCPSTATE_OPT_TIMESTAMPS) && seq_after(s->tsval, x->fin_tsval))
        x->repairs = true;

    if (!y->has_fin || !y->fin_leaves_hole || !(j->pure_ack || s->sack_count > 0) || y->hole_reported >= 3)
        return;
    y->hole_reported += j->pure_ack; /* text is no duplicate ACK, but may carry SACK: RFC 5681 2, RFC 2018 3 */
    y->hole_tsval = s->tsval;
    y->hole_seq = s->seq;
    for (unsigned b = 0; b < s->sack_count; b++)
        if (seq_after(s->sack[b].right, y->before_fin))
            y->hole_reported = 3;
}

/* x counts a FIN of its that was doubted: SND.NXT is the number behind it. `another_denied`: this segment has just denied
 * another one, and text up to that is no more to be believed. */
void sender_believe_fin(struct judgement *j, bool another_denied) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;
    bool lacks_text = s->sack_count > 1 || (s->sack_count == 1 && seq_after(s->sack[0].right, s->ack)); /* no D-SACK */

    if (x->has_fin || !x->has_seen_fin || !x->captured || !j->pure_ack || j->stale || j->ack_unsent || lacks_text ||
        s->seq != x->seen_fin + 1 || !x->has_smax || (x->smax != x->seen_fin && !another_denied))
        return;
    x->has_fin = j->fin_believed = true;
    x->fin = x->seen_fin;
    x->smax = x->fin + 1;
    x->fin_frame = x->seen_fin_frame;
    x->fin_index = x->seen_fin_index;
    x->fin_tsval = x->seen_fin_tsval;
    x->fin_ack = s->ack;
    x->fin_ns = x->fin_sent_ns = s->time_ns;
    x->state_before_fin = x->state;
    engine_move(j, j->sender, TCPSTATE_EVENT_snd_fin_x, TCPSTATE_ASSUMED);
}

/* A RST has ended x, or was its own, after a FIN at whose number x has text: so it had sent none before the RST. */
void sender_forget_fin_before_end(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    bool by_rst = x->undo.cause == TCPSTATE_UNDO_RST_SENT || x->undo.cause == TCPSTATE_UNDO_RST_TAKEN;

    if (x->state != TCPSTATE_CLOSED || !by_rst || !x->has_fin || x->fin_inferred || j->stale || j->ack_unsent ||
        j->segment->length < 2 || !sender_goes_on_after_fin(j))
        return;
    hindsight_note(j, x->fin_index, x->fin_frame, TCPSTATE_VERDICT_NOT_SENT);
    x->has_fin = x->fin_acked = x->told_step_close_ack = false;
    x->smax = j->segment->seq;
    x->undo.state = x->peer_fin_taken ? TCPSTATE_CLOSE_WAIT : TCPSTATE_ESTABLISHED;
}

/* ---- what was sent before it --------------------------------------------------------------------------------------- */

/* Was this text sent before the FIN of x that was captured before it? It fills the hole just below, and it is too soon for
 * x to have learned of a loss, of which no RST tells, or to repeat what it did not learn of (RFC 6298 2.4). */
static bool was_text_overtaken_by_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    if (!x->has_fin || x->fin_inferred || x->fin_acked || j->fin || s->length == 0 || seq_after(j->end, x->fin) ||
        seq_after(s->ack, x->fin_ack))
        return false;
    if ((s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts &&
        (seq_after(s->tsval, x->fin_tsval) || (x->fin_tsecr != 0 && seq_after(s->tsecr, x->fin_tsecr))))
        return false; /* by its clock, or as it echoes what was heard later (RFC 7323 4.3) */
    if (capture_was_sent_after(j, x->fin_ip_id))
        return false;
    bool same_tick = (s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && s->tsval == x->fin_tsval;
    bool precedes = same_tick || j->end == x->fin; /* ... the FIN, or what was overtaken as well */
    for (unsigned i = 0; i < x->range_count; i++) {
        if (seq_at_most(x->ranges[i].left, s->seq) && seq_after(x->ranges[i].right, s->seq))
            return false; /* it was captured before */
        precedes = precedes || (x->ranges[i].left == j->end && x->ranges[i].time_ns >= x->fin_ns);
    }
    int64_t since_ns = s->time_ns - x->fin_ns;
    bool answers_nothing = j->y->last_word_ns < x->fin_ns || capture_cannot_answer(j, x->fin_ns);
    return precedes && !(x->has_una && seq_before(s->seq, x->una)) && answers_nothing && since_ns < REPETITION_NS;
}

/* An ACK by the number of x's FIN that knows just what the FIN does, and is too soon for a keep-alive: x sent it first. */
static bool is_ack_overtaken_by_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;
    bool has_clock = (s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts;

    return x->has_fin && !x->fin_inferred && j->pure_ack && s->seq == x->fin && s->ack == x->fin_ack &&
           s->time_ns - x->fin_ns < REPETITION_NS &&
           (has_clock ? s->tsval == x->fin_tsval : !engine_later_than(j, x->fin_ns));
}

/* An ACK by the number of x's FIN, or one before, after x has counted that FIN. No keep-alive, which comes after silence. */
bool sender_is_older_than_counted_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    return x->has_fin && !x->fin_inferred && j->pure_ack && !((s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts) &&
           x->has_pure && seq_after(x->pure_seq, x->fin) && seq_at_most(s->seq, x->fin) &&
           seq_at_most(s->ack, x->pure_ack) && s->time_ns - x->last_sent_ns < KEEP_ALIVE_IDLE_NS;
}

/* Was this sent before the FIN of x, though it is captured after it? By its clock; or it is the first copy of text of
 * which a later one was captured sooner, and nobody sends text for the first time below his own FIN. */
bool sender_was_before_own_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;
    bool has_ts = (s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts;

    if (!j->stale || !x->has_fin || j->fin)
        return false;
    if (sender_is_older_than_counted_fin(j))
        return true;
    if (has_ts && seq_before(s->tsval, x->fin_tsval))
        return true;
    if (x->fin_inferred || s->length == 0 || seq_after(j->end, x->fin) || seq_after(s->ack, x->fin_ack) ||
        (has_ts && s->tsval != x->fin_tsval))
        return false;
    return x->fin_leaves_hole && seq_at_least(s->seq, x->before_fin);
}

void sender_show_before_own_fin(struct judgement *j) {
    enum tcpstate_state then = (enum tcpstate_state)j->x->state_before_fin;

    if (j->y->has_fin && seq_at_most(j->segment->ack, j->y->fin))
        then = engine_peek(TCPSTATE_EVENT_snd_nack_fin, then);
    engine_show(j, then);
}

bool sender_was_overtaken_by_fin(const struct judgement *j) {
    return was_text_overtaken_by_fin(j) || is_ack_overtaken_by_fin(j);
}
