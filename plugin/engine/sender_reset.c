/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RST: what sending one proves about its sender, x, and what it does not; and whoever speaks was not closed.
 */
#include "judgement.h"

enum {
    MS = 1000000,
    REORDERED_WITHOUT_CLOCK_NS = 30000000 /* REORDERED_NS where no clock of the sender tells when it sent */
};

/* ---- RST ------------------------------------------------------------------------------------------------------ */

/* A RST without ACK that answers the segment just before it: its sender had no connection when that one came. */
static void judge_refusal(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_path *path = j->x_path;
    unsigned last = (path->ack_next + TCPSTATE_ACKS - 1u) % TCPSTATE_ACKS;

    if (answers_without_connection(j)) { /* SEG.SEQ 0: only where there is no connection */
        if ((x->sent_syn || !x->captured) && x->last_sent_ns <= path->bare.time_ns) {
            hindsight_note(j, path->bare.index, path->bare.frame, TCPSTATE_VERDICT_REFUSED);
            x->refused = true;
            x->refused_index = path->bare.index;
        }
        return;
    }
    if (j->ack || path->ack_count == 0 || x->spoke || path->acks[last].ack != j->segment->seq)
        return;
    if ((x->has_iss && j->segment->seq == x->iss + 1 && x->state == TCPSTATE_ESTABLISHED) ||
        (!x->captured && !x->has_iss)) {
        hindsight_note(j, path->acks[last].index, path->acks[last].frame, TCPSTATE_VERDICT_REFUSED);
        x->refused = true;
        x->refused_index = path->acks[last].index;
    }
}

/* A RST that seemed too low or inexact was the last that x heard before it answers as if it had no connection. */
static void judge_ignored_rst(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;

    if (!plausible_rst(j))
        return;
    if (x->has_ignored_rst && !j->ack) {
        hindsight_note(j, x->ignored_rst_index, x->ignored_rst_frame, TCPSTATE_VERDICT_TAKEN);
        j->rst_was_taken = true;
    }
    x->has_ignored_rst = false;
}

/* Has this RST the number of an ACK that was captured before `time_ns`, and of none after? */
static bool answers_only_before(const struct judgement *j, int64_t time_ns) {
    const struct tcpstate_path *path = j->x_path;
    bool before = false;

    for (unsigned i = 0; i < path->ack_count; i++)
        if (path->acks[i].ack == j->segment->seq) {
            if (path->acks[i].time_ns >= time_ns)
                return false;
            before = true;
        }
    return before;
}

/* Does this RST answer a segment that was captured before `time_ns`? */
static bool answers_what_came_before(const struct judgement *j, int64_t time_ns) {
    return answers_only_before(j, time_ns) && !engine_later_than(j, time_ns);
}

/* Can this RST be the answer to a segment of y, by its number? As far back as y's were captured. */
static bool may_answer(const struct judgement *j) {
    const struct tcpstate_path *path = j->x_path;
    bool older = true;

    for (unsigned i = 0; !j->ack && i < path->ack_count; i++) {
        if (path->acks[i].ack == j->segment->seq)
            return true;
        older = older && seq_after(path->acks[i].ack, j->segment->seq);
    }
    return !j->ack && older;
}

/* As an answer to an ACK that was not captured, and of a number that is not in flight. An end in SYN-RECEIVED sends such a
 * one to whoever guesses (RFC 9293 3.10.7.4 fifth). */
static bool answers_nothing_captured(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_path *path = j->x_path;
    uint32_t seq = j->segment->seq;

    if (j->ack || j->segment->window != 0 || !j->y->captured || !x->has_smax ||
        seq_within(seq, x->has_una ? x->una : x->smax, x->smax))
        return false;
    for (unsigned i = 0; i < path->ack_count; i++)
        if (path->acks[i].ack == seq)
            return false;
    return true;
}

/* As macOS aborts: with SND.NXT, RCV.NXT and the window that it told last, but without a timestamp. */
static bool aborts_without_timestamp(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    return j->ack && x->has_smax && s->seq == x->smax && x->has_acked && s->ack == x->acked && s->window == x->window;
}

/* With a window, so of a connection; but without the timestamp that both ends have agreed on, which a RST of it should
 * carry (RFC 7323 3.2). An answer where there is no connection has no window to tell. */
static bool lacks_timestamp(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;

    return s->window != 0 && !(s->options & TCPSTATE_OPT_TIMESTAMPS) && capture_timestamps_agreed(j) &&
           !(s->traits & TCPSTATE_TRUNCATED_HEADER);
}

/* Without ACK, so an answer where there is no connection, which has no window to tell; or an abort, whose number is SND.NXT
 * (RFC 9293 3.10.5). This has a window and a number below that, for which y does not wait. A device on the path may send
 * such a one, which says nothing of x. */
static bool is_no_answer(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    return !j->ack && j->segment->window != 0 && x->spoke && state_is_synchronized((enum tcpstate_state)x->state) &&
           x->has_smax && seq_before(j->segment->seq, x->smax) && y->captured && y->has_rnxt &&
           j->segment->seq != y->rnxt;
}

/* Its timestamp is older than that of x's SYN or SYN,ACK: no clock goes back (RFC 7323 5.4). */
static bool is_older_than_own_syn(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && (x->syn_options & TCPSTATE_OPT_TIMESTAMPS) &&
           x->sent_ts && !x->syn_doubted && (x->sent_syn || x->sent_synack) &&
           seq_before(j->segment->tsval, x->first_syn_tsval);
}

/* By its clock x sent nothing newer, so long ago that nothing else of x was under way as long: a copy of what x has said
 * before. A stack puts the present time into a RST (RFC 7323 5.4). */
static bool has_an_old_clock(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    int64_t lag_ns = capture_lag_ns(j);

    return !seq_after(j->segment->tsval, x->ts_newest) && lag_ns > REORDERED_NS && lag_ns > j->tolerance_ns;
}

/* Its timestamp is as far ahead of the newest of x as the time that has passed, in ticks of a millisecond or more. */
static bool has_exact_clock(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts &&
           seq_distance(j->segment->tsval, x->ts_newest) <= (j->segment->time_ns - x->ts_newest_ns + REORDERED_NS) / MS;
}

/* As one without a connection answers a SYN (RFC 9293 3.10.7.1), here one that was not captured: SEG.SEQ is 0, and SEG.ACK
 * counts a SYN within the window. x has shown no more than its SYN,ACK. */
static bool refuses_unseen_syn(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    return j->ack && s->seq == 0 && s->window == 0 && x->sent_synack && !x->sent_syn && !x->spoke && x->has_redge &&
           (x->state == TCPSTATE_SYN_RECEIVED || x->state == TCPSTATE_ESTABLISHED) && y->has_smax &&
           seq_after(s->ack, y->smax + 1) && seq_at_most(s->ack, x->redge);
}

/* x goes on to answer as it did when it was closed. The SYN,ACK in between has a number of those: it was not its own (RFC
 * 9293 3.4.1). */
static bool answers_as_when_closed(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return !j->ack && x->state == TCPSTATE_SYN_RECEIVED && x->sent_synack && !x->spoke && x->has_closed_rst &&
           j->segment->seq == x->closed_rst && j->segment->seq != x->iss + 1 &&
           seq_within(x->iss, x->closed_rst - FEW_NUMBERS, x->closed_rst + FEW_NUMBERS);
}

/* An abort has the number SND.NXT (RFC 9293 3.10.5), in so far as y's window has room for it. This has that of x's FIN, which
 * so was not x's. */
static bool aborts_before_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    return j->ack && x->has_fin && !x->fin_inferred && j->segment->seq == x->fin && y->has_redge &&
           seq_after(y->redge, x->fin) && x->has_acked && j->segment->ack == x->acked;
}

void sender_judge_rst(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct tcpstate_candidate *candidate = &j->conversation->candidate;
    const struct tcpstate_segment *s = j->segment;
    bool unproved = x->state == TCPSTATE_SYN_SENT || x->state == TCPSTATE_SYN_RECEIVED ||
                    (x->state == TCPSTATE_ESTABLISHED && !x->spoke) || x->state == TCPSTATE_LISTEN;

    if ((lacks_timestamp(j) && !aborts_without_timestamp(j)) || is_no_answer(j) || has_an_old_clock(j) ||
        is_older_than_own_syn(j)) {
        j->alien = true;
        return;
    }
    unseen_rst(j);
    /* in SYN-RECEIVED it answers a wrong ACK so as well: 3.10.7.4 fifth */
    bool is_reply = x->state == TCPSTATE_SYN_RECEIVED && x->sent_synack && !candidate->genuine &&
                    !seq_within(s->seq, x->iss, x->smax);
    bool again = candidate->pending && candidate->direction == s->direction && !j->ack && !is_reply;
    bool refuses_synack = x->state == TCPSTATE_ESTABLISHED && !x->spoke && x->has_iss && s->seq == x->iss + 1;
    if (again && ((candidate->challenged && s->seq == candidate->challenge_ack &&
                   (candidate->genuine || (candidate->challenged_purely && !candidate->false_isn))) ||
                  refuses_synack)) {
        /* figure 9 line 5: the old TCB of x was gone, x is in SYN-SENT with the new SYN; of a SYN,ACK that it never
         * acknowledged everybody on the path knows the number as well */
        j->half_open_reset = true;
        if (candidate->genuine) /* and shown there since */
            j->report->end[j->sender].before = TCPSTATE_SYN_SENT;
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_rst, TCPSTATE_INFERRED);
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_syn, refuses_synack ? TCPSTATE_ASSUMED : TCPSTATE_PROVED);
        return;
    }
    /* another SYN ends SYN-RECEIVED, RFC 9293 3.10.7.4 fourth; Linux says so by a RST */
    if (candidate->pending && candidate->direction != s->direction && j->ack && !candidate->genuine &&
        x->state == TCPSTATE_SYN_RECEIVED &&
        s->ack == candidate->segment_head.seq + 1 + candidate->segment_head.length) {
        candidate->pending = false;
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_rst, TCPSTATE_ASSUMED);
        return;
    }
    if (refuses_unseen_syn(j)) {
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_rst, TCPSTATE_ASSUMED);
        return;
    }
    /* it answers a wrong ACK that came before its SYN,ACK: it was in SYN-RECEIVED then, RFC 9293 3.10.7.4 fifth */
    if (!j->ack && x->state == TCPSTATE_ESTABLISHED && x->sent_synack && !seq_within(s->seq, x->iss, x->smax) &&
        answers_only_before(j, x->synack_ns)) {
        j->rst_reply = true;
        engine_show(j, TCPSTATE_SYN_RECEIVED);
        return;
    }
    if (answers_as_when_closed(j)) {
        engine_restore(j, j->sender, TCPSTATE_CLOSED, TCPSTATE_ASSUMED);
        x->answered_closed = true;
        x->syn_doubted = false; /* nor was the SYN before */
        x->undo.cause = TCPSTATE_UNDO_NONE;
        return;
    }
    if (!j->ack && unproved &&
        ((x->has_bad_ack && s->seq == x->bad_ack) ||
         (x->has_iss && x->has_smax && !seq_within(s->seq, x->iss + 1, x->smax)))) {
        j->rst_reply = true; /* RFC 9293 3.5.2 group 2 */
        bool had_previous = !y->captured && y->state != TCPSTATE_CLOSED && j->conversation->has_previous &&
                            s->seq == j->conversation->previous_smax[s->direction];
        if (had_previous && x->state == TCPSTATE_SYN_SENT) /* figure 9 line 5: y still had the old one */
            engine_restore(j, j->receiver, TCPSTATE_LISTEN, TCPSTATE_INFERRED);
        if (had_previous && x->state == TCPSTATE_SYN_RECEIVED && y->state == TCPSTATE_ESTABLISHED &&
            j->conversation->previous_rnxt[s->direction] != 0) /* ... so the SYN was not its own */
            engine_restore(j, j->receiver, TCPSTATE_CLOSED, TCPSTATE_INFERRED);
        if (x->state == TCPSTATE_ESTABLISHED) { /* it was not: assumed too much, or it answers what came before */
            if (x->sent_synack && answers_what_came_before(j, x->handshake_ack_ns)) {
                engine_show(j, TCPSTATE_SYN_RECEIVED);
                return;
            }
            if (x->sent_synack)
                engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack_again, TCPSTATE_ASSUMED);
            else
                engine_move(j, j->sender, TCPSTATE_EVENT_snd_syn_again, TCPSTATE_ASSUMED);
        }
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_rst_reply, TCPSTATE_ASSUMED);
        return;
    }
    judge_ignored_rst(j);
    if (x->state == TCPSTATE_CLOSED) {
        if (!j->ack && plausible_rst(j))
            x->answered_closed = true;
        x->has_closed_rst = !j->ack;
        x->closed_rst = s->seq;
        j->refuses_syn = answers_without_connection(j);
        judge_refusal(j);
        return;
    }
    /* x cannot know what y has not sent: no other stack is so wrong, or somebody has spoken in x's name before */
    bool ack_is_false = j->ack && j->ack_unsent && y->captured && y->has_smax && midstream_numbers_known(j, y) &&
                        (j->connection->disputed || seq_distance(s->ack, y->smax) > NUMBERS_FAR);
    if (!plausible_rst(j) || ack_is_false) {
        if (j->ack && !ack_is_false) {
            x->has_doubted_abort = true;
            x->doubted_abort_seq = s->seq;
            x->doubted_abort_ns = s->time_ns;
        }
        j->alien = true;
        return;
    }
    if (aborts_before_fin(j))
        knowledge_forget_fin(j, x, j->sender, TCPSTATE_PROVED);
    x->undo = (struct tcpstate_undo){.cause = TCPSTATE_UNDO_RST_SENT,
                                     .state = x->state,
                                     .certainty = x->certainty,
                                     .frame = s->frame,
                                     .index = j->index,
                                     .rnxt = x->rnxt,
                                     .rst_seq = s->seq,
                                     .rst_tsval = s->tsval,
                                     .rst_ack = s->ack,
                                     .has_rst_ack = j->ack && s->seq != 0 && x->has_acked,
                                     .has_rst_tsval = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0,
                                     .rst_is_in_time = has_exact_clock(j),
                                     .is_abort = j->ack || x->has_doubted_abort,
                                     .no_window = s->window == 0,
                                     .ack_unsent = j->ack && j->ack_unsent,
                                     .bears_next = !may_answer(j),
                                     .answers_nobody = answers_nothing_captured(j),
                                     .time_ns = s->time_ns};
    judge_refusal(j);
    j->refuses_syn = x->state == TCPSTATE_SYN_RECEIVED && !x->sent_synack && answers_without_connection(j);
    engine_move(j, j->sender, TCPSTATE_EVENT_snd_rst, TCPSTATE_PROVED);
    if (j->refuses_syn) /* RFC 9293 3.10.7.1: it was in CLOSED when the SYN came */
        j->report->end[j->sender].taken_back = true;
}

/* ---- whoever speaks was not closed ---------------------------------------------------------------------------- */

static bool is_challenge_ack(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return j->pure_ack && j->segment->sack_count == 0 && x->has_acked && j->segment->ack == x->acked &&
           j->segment->ack != x->undo.rst_seq && x->has_smax && seq_at_least(j->segment->seq, x->smax);
}

/* Does it acknowledge an octet, or a SYN,ACK, that was captured after `time_ns`? Then it was sent later still. A RST
 * of x itself that was captured sooner than x can answer that octet was sent before x had it. */
static bool knows_of_later(const struct judgement *j, int64_t time_ns) {
    const struct tcpstate_endpoint *y = j->y;
    int64_t leg_ns = capture_leg_ns(j->x_path);

    if (j->x->undo.cause == TCPSTATE_UNDO_RST_SENT && leg_ns > 0)
        time_ns -= leg_ns * 3 / 4;

    if (j->ack && y->sent_synack && !y->synack_repeated && y->synack_ns > time_ns && seq_after(j->segment->ack, y->iss))
        return true;
    for (unsigned i = 0; j->ack && i < y->range_count; i++)
        if (y->ranges[i].copies == 1 && seq_at_most(y->ranges[i].right, j->segment->ack) &&
            y->ranges[i].time_ns > time_ns)
            return true;
    return false;
}

/* Words that x, were it alive, could say: from what it has still to send or to repeat, about what it can know. */
static bool plausible_words(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (x->has_fin && !x->fin_inferred && seq_after(j->end, x->fin + 1))
        return false;
    if (j->fin && x->has_smax && seq_at_most(j->end, x->smax) && !(x->has_fin && x->fin + 1 == j->end))
        return false; /* a FIN comes after all text */
    if (x->has_smax && (seq_after(s->seq, x->smax) || (x->has_una && seq_before(j->end, x->una))))
        return false;
    if (!x->has_acked || s->ack == x->acked || (y->has_smax && s->ack == y->smax))
        return true;
    for (unsigned i = 0; i < y->range_count; i++) {
        if (y->ranges[i].left == s->ack || y->ranges[i].right == s->ack)
            return true;
        for (unsigned b = 0; b < s->sack_count; b++)
            if (y->ranges[i].right == s->sack[b].right)
                return true;
    }
    return y->range_count == 0 || y->range_count == TCPSTATE_RANGES || !y->captured;
}

/* Was this sent after what closed x? Of two segments of x itself only the way can change the order. */
static bool later_than_cause(const struct judgement *j) {
    const struct tcpstate_undo *undo = &j->x->undo;
    bool has_clock = (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) != 0;

    if (undo->cause == TCPSTATE_UNDO_RST_SENT &&
        j->emitted_ns > undo->time_ns + (has_clock ? REORDERED_NS : REORDERED_WITHOUT_CLOCK_NS))
        return true;
    return engine_later_than(j, undo->time_ns);
}

/* By x's own clock (RFC 7323 5.4) this was sent before its RST, which has overtaken it. */
static bool was_sent_before_own_rst(const struct judgement *j) {
    const struct tcpstate_undo *undo = &j->x->undo;

    return undo->cause == TCPSTATE_UNDO_RST_SENT && undo->rst_is_in_time &&
           (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && seq_before(j->segment->tsval, undo->rst_tsval);
}

/* x had acknowledged more by its RST: it has sent this before, where no clock tells. */
static bool knows_less_than_own_rst(const struct judgement *j) {
    const struct tcpstate_undo *undo = &j->x->undo;
    bool has_clock = undo->has_rst_tsval && (j->segment->options & TCPSTATE_OPT_TIMESTAMPS);

    return undo->cause == TCPSTATE_UNDO_RST_SENT && undo->has_rst_ack && !undo->ack_unsent && !has_clock &&
           seq_before(j->segment->ack, undo->rst_ack);
}

/* y had echoed so much of x's clock before that was captured which closed x. */
static bool was_echoed_before_end(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && x->has_echoed && x->echoed_ns < x->undo.time_ns &&
           !seq_after(j->segment->tsval, x->echoed);
}

/* Where x was before it was closed, without the peer's FIN if it does not count that. */
static enum tcpstate_state state_before_end(const struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    enum tcpstate_state then = (enum tcpstate_state)j->x->undo.state;
    bool lacks_fin = (y->has_fin && seq_at_most(j->segment->ack, y->fin)) ||
                     (y->has_wire_fin && seq_at_most(j->segment->ack, y->wire_fin)); /* ... be it somebody else's */

    return lacks_fin ? engine_peek(TCPSTATE_EVENT_snd_nack_fin, then) : then;
}

/* True if x may go on as if it had never been closed. */
bool sender_revive(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    bool challenges = x->undo.cause == TCPSTATE_UNDO_RST_TAKEN && is_challenge_ack(j), at_once;

    switch ((enum tcpstate_undo_cause)x->undo.cause) {
    case TCPSTATE_UNDO_NONE: return false;
    case TCPSTATE_UNDO_LAST_ACK:
        if (!j->fin)
            engine_show(j, TCPSTATE_LAST_ACK);
        return j->fin; /* the table knows: snd_fin_again */
    case TCPSTATE_UNDO_TIMER: engine_show(j, TCPSTATE_TIME_WAIT); return false;
    case TCPSTATE_UNDO_RST_TAKEN:
    case TCPSTATE_UNDO_RST_SENT: break;
    }
    if (x->undo.state == TCPSTATE_SYN_SENT && x->has_iss &&
        !seq_within(j->segment->seq, x->iss + 1, x->iss + 1 + (j->y->captured ? 0 : NUMBERS_FAR)))
        return false; /* refused: what does not follow its SYN is of some other connection */
    if (x->undo.state == TCPSTATE_SYN_RECEIVED && x->sent_synack && !x->spoke && x->has_iss &&
        seq_at_most(j->segment->seq, x->iss))
        return false; /* nor is what lies before its SYN,ACK */
    at_once = x->undo.cause == TCPSTATE_UNDO_RST_TAKEN &&
              ((x->has_rnxt && j->ack && seq_after(j->segment->ack, x->undo.rnxt) && !j->ack_unsent) || challenges ||
               (x->undo.state == TCPSTATE_UNKNOWN && j->segment->ack != x->undo.rst_seq));
    if (j->emitted_ns <= x->undo.time_ns || capture_cannot_answer(j, x->undo.time_ns))
        at_once = false; /* it was under way when that RST was captured */
    /* without timestamps a hole that is filled may have been sent long ago: a repetition comes after 200 ms at least */
    if (!(j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && j->segment->length > 0 && x->has_smax &&
        seq_at_most(j->end, x->smax) && j->segment->time_ns - x->undo.time_ns < REPETITION_NS) {
        engine_show(j, state_before_end(j));
        return false;
    }
    if (knows_of_later(j, x->undo.time_ns))
        at_once = true;
    if (x->undo.cause == TCPSTATE_UNDO_RST_SENT && x->undo.state == TCPSTATE_UNKNOWN)
        at_once = true; /* all that was known of it was a RST */
    if (x->undo.cause == TCPSTATE_UNDO_RST_SENT && x->undo.has_rst_tsval &&
        (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && seq_after(j->segment->tsval, x->undo.rst_tsval))
        at_once = true; /* by its own clock it sent this after the RST */
    if (x->undo.cause == TCPSTATE_UNDO_RST_SENT && x->undo.ack_unsent)
        at_once = true; /* x cannot know what y has not sent */
    if (x->undo.cause == TCPSTATE_UNDO_RST_SENT && x->undo.answers_nobody && x->has_smax && j->segment->seq == x->smax)
        at_once = true; /* an answer to somebody else, before x was established */
    bool goes_beyond = x->undo.cause == TCPSTATE_UNDO_RST_SENT && x->undo.bears_next &&
                       seq_after(j->end, x->undo.rst_seq) && seq_distance(j->end, x->undo.rst_seq) < NUMBERS_FAR;
    if (goes_beyond)
        at_once = true; /* it has sent more since */
    /* ... or before: no RST has a number in the middle of what its sender had sent */
    bool spans_own_rst = goes_beyond && x->undo.is_abort && seq_before(j->segment->seq, x->undo.rst_seq);
    if (x->answered_closed && !j->stale && !j->ack_unsent && x->revivals < 255)
        x->revivals++; /* it has said itself that it has no connection: one segment does not outweigh that */
    if (j->stale || j->ack_unsent || !plausible_words(j) || (x->answered_closed && x->revivals < 3) ||
        (!spans_own_rst && (was_sent_before_own_rst(j) || knows_less_than_own_rst(j))) || was_echoed_before_end(j) ||
        (!at_once && !later_than_cause(j))) {
        if (j->fin && !x->has_fin && x->undo.cause == TCPSTATE_UNDO_RST_SENT && x->undo.bears_next &&
            seq_after(j->end, x->undo.rst_seq)) { /* a RST sent after this FIN would have counted it */
            j->alien = true;
            return false;
        }
        enum tcpstate_state then = state_before_end(j);
        if (then == TCPSTATE_UNKNOWN && j->ack && !x->has_fin && !j->y->has_fin)
            then = engine_peek(TCPSTATE_EVENT_pickup, then);
        if (then == TCPSTATE_SYN_SENT &&
            (j->y->sent_synack ? seq_after(j->segment->ack, j->y->iss) : j->ack && !j->y->captured))
            then = TCPSTATE_ESTABLISHED; /* it has taken the SYN,ACK: no RST had closed it */
        if (j->fin && !j->ack_unsent && !x->has_fin && x->has_smax &&
            (seq_after(j->end, x->smax) || sender_goes_on_from_last_word(j) ||
             ((then == TCPSTATE_ESTABLISHED || then == TCPSTATE_CLOSE_WAIT) && sender_comes_next_before_hole(j)))) {
            sender_note_fin(j, then);
            then = engine_peek(TCPSTATE_EVENT_snd_fin, then); /* it had closed before the RST came */
            x->undo.state = (uint8_t)then;
        }
        engine_show(j, then);
        return false;
    }
    if (x->undo.cause == TCPSTATE_UNDO_RST_SENT)
        hindsight_note(j, x->undo.index, x->undo.frame, TCPSTATE_VERDICT_NOT_SENT);
    else
        hindsight_note(j, x->undo.index, x->undo.frame, TCPSTATE_VERDICT_NOT_TAKEN);
    if (x->undo.cause == TCPSTATE_UNDO_RST_TAKEN && x->undo.state == TCPSTATE_TIME_WAIT)
        x->spares_time_wait = true;
    if (challenges)
        j->challenged_ns = x->undo.time_ns;
    engine_restore(j, j->sender, (enum tcpstate_state)x->undo.state, TCPSTATE_ASSUMED);
    if (x->state == TCPSTATE_UNKNOWN) {
        engine_move(j, j->sender, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
        if (j->y->state == TCPSTATE_UNKNOWN && !j->y->has_fin && !x->has_fin) /* as where a capture starts */
            engine_move(j, j->receiver, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
    }
    x->undo.cause = TCPSTATE_UNDO_NONE;
    if (x->refused)
        hindsight_withdraw(j, x->refused_index, TCPSTATE_VERDICT_REFUSED);
    x->refused = false;
    j->revived = true;
    return true;
}
