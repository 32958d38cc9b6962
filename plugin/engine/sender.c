/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a transmission proves about its sender, x.
 *
 * A segment says in which state x was when it *sent* it. That may be an older state than the one believed now, because
 * what the capture point had already seen may not yet have reached x. Then x is only *shown* in the older state; what is
 * believed moves back only if x sent the segment later than it must have known (tolerance_ns after the capture of what
 * it should have seen). Knowledge decides before time does: an ACK number covers what it covers.
 *
 * Events are yielded in the order SYN, acknowledgements, FIN, RST.
 */
#include "judgement.h"

enum {
    KEEP_ALIVE_IDLE_NS = 900000000, /* stacks wait at least a second before a keep-alive */
    REPETITION_NS = 200000000       /* and this long before they repeat data, RFC 6298 2.4 asks for more */
};

static bool later_than(const struct judgement *j, int64_t time_ns) { return j->emitted_ns > time_ns + j->tolerance_ns; }

/* ---- FIN of x ------------------------------------------------------------------------------------------------- */

static void judge_own_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t fin = j->end - 1;

    if (!x->has_fin || x->fin_inferred) {
        /* a FIN sent later than the octets beyond it, none of which y has: those were not x's */
        bool beyond_is_false =
            (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts &&
            (x->has_una ? seq_at_least(fin, x->una) : !y->captured && x->has_iss && seq_after(fin, x->iss)) &&
            seq_after(j->segment->tsval, x->smax_tsval) && j->segment->length == 0;
        /* y acknowledges more than x was ever heard to send: it took that from somebody else */
        bool own_word = !x->has_iss && x->has_own_end && seq_at_least(fin, x->own_end);
        bool plausible = !x->has_smax || seq_after(j->end, x->smax) || x->fin_inferred || beyond_is_false ||
                         (x->smax_is_next && j->end == x->smax) || own_word;
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
        if (x->fin_inferred && !repeats_inferred)
            x->fin_inferred = false;
        if (x->has_smax && seq_before(j->end, x->smax))
            x->smax = j->end;
        x->has_fin = true;
        x->fin_inferred = false;
        x->fin_shadowed = y->has_acked && seq_at_least(y->acked, j->end) &&
                          ((x->has_seen_text && x->seen_text == j->end) ||
                           (!x->has_iss && y->heard && (!x->maybe_fin || x->maybe_denied)));
        x->fin = fin;
        x->fin_frame = j->segment->frame;
        x->fin_index = j->index;
        x->fin_ack = j->segment->ack;
        x->fin_tsval = j->segment->tsval;
        x->fin_ns = x->fin_sent_ns = j->segment->time_ns;
        x->state_before_fin = x->state;
        j->first_fin = true;
        if (repeats_inferred)
            return;
        if (x->peer_fin_taken && (y->has_wire_fin || y->has_fin) &&
            seq_at_most(j->segment->ack, y->has_wire_fin ? y->wire_fin : y->fin)) { /* the FINs crossed */
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_fin_x, TCPSTATE_PROVED);
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
    if (!later_than(j, x->fin_ack_ns) || j->stale) {
        engine_show(j, engine_peek(TCPSTATE_EVENT_snd_fin_again, (enum tcpstate_state)x->state));
        return;
    }
    if (x->state == TCPSTATE_CLOSED || x->state == TCPSTATE_LAST_ACK)
        j->last_ack_lost = true;
    hindsight_note(j, x->fin_ack_index, x->fin_ack_frame, TCPSTATE_VERDICT_NOT_TAKEN);
    x->fin_acked = false;
    x->una = x->fin;
    engine_move(j, j->sender, TCPSTATE_EVENT_snd_fin_again, TCPSTATE_PROVED);
}

/* ---- whoever speaks was not closed ---------------------------------------------------------------------------- */

static bool is_challenge_ack(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return j->pure_ack && j->segment->sack_count == 0 && x->has_acked && j->segment->ack == x->acked &&
           j->segment->ack != x->undo.rst_seq && x->has_smax && seq_at_least(j->segment->seq, x->smax);
}

/* Does it acknowledge an octet that was captured after `time_ns`? Then it was sent later still. A RST of x itself that
 * was captured sooner than x can answer that octet was sent before x had it. */
static bool knows_of_later(const struct judgement *j, int64_t time_ns) {
    const struct tcpstate_endpoint *y = j->y;
    int64_t leg_ns = capture_leg_ns(j->x_path);

    if (j->x->undo.cause == TCPSTATE_UNDO_RST_SENT && leg_ns > 0)
        time_ns -= leg_ns * 3 / 4;

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
    for (unsigned i = 0; i < y->range_count; i++)
        if (y->ranges[i].left == s->ack || y->ranges[i].right == s->ack)
            return true;
    return y->range_count == 0 || y->range_count == TCPSTATE_RANGES || !y->captured;
}

/* True if x may go on as if it had never been closed. */
static bool revive(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    bool at_once;

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
        !seq_within(j->segment->seq, x->iss + 1, x->iss + 1 + (j->y->captured ? 0 : 1u << 24)))
        return false; /* refused: what does not follow its SYN is of some other connection */
    at_once = x->undo.cause == TCPSTATE_UNDO_RST_TAKEN &&
              ((x->has_rnxt && j->ack && seq_after(j->segment->ack, x->undo.rnxt) && !j->ack_unsent) ||
               is_challenge_ack(j) || (x->undo.state == TCPSTATE_UNKNOWN && j->segment->ack != x->undo.rst_seq));
    if (j->emitted_ns <= x->undo.time_ns)
        at_once = false;
    /* without timestamps a hole that is filled may have been sent long ago: a repetition comes after 200 ms at least */
    if (!(j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && j->segment->length > 0 && x->has_smax &&
        seq_at_most(j->end, x->smax) && j->segment->time_ns - x->undo.time_ns < REPETITION_NS) {
        engine_show(j, (enum tcpstate_state)x->undo.state);
        return false;
    }
    if (knows_of_later(j, x->undo.time_ns))
        at_once = true;
    if (x->undo.cause == TCPSTATE_UNDO_RST_SENT && x->undo.state == TCPSTATE_UNKNOWN)
        at_once = true; /* all that was known of it was a RST */
    if (x->undo.cause == TCPSTATE_UNDO_RST_SENT && x->undo.has_rst_tsval &&
        (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && seq_after(j->segment->tsval, x->undo.rst_tsval))
        at_once = true; /* by its own clock it sent this after the RST */
    if (x->answered_closed && !j->stale && !j->ack_unsent && x->revivals < 255)
        x->revivals++; /* it has said itself that it has no connection: one segment does not outweigh that */
    if (j->stale || j->ack_unsent || !plausible_words(j) || (x->answered_closed && x->revivals < 3) ||
        (!at_once && !later_than(j, x->undo.time_ns))) {
        enum tcpstate_state then = (enum tcpstate_state)x->undo.state;
        bool knew_fin = j->y->has_fin && seq_after(j->segment->ack, j->y->fin);
        then = knew_fin ? then : engine_peek(TCPSTATE_EVENT_snd_nack_fin, then);
        if (j->fin && !j->ack_unsent && !x->has_fin && x->has_smax && seq_after(j->end, x->smax)) {
            then = engine_peek(TCPSTATE_EVENT_snd_fin, then); /* it had closed before the RST came */
            x->has_fin = true;
            x->fin = j->end - 1;
            x->fin_frame = j->segment->frame;
            x->fin_index = j->index;
            x->fin_ns = j->segment->time_ns;
        }
        engine_show(j, then);
        return false;
    }
    if (x->undo.cause == TCPSTATE_UNDO_RST_SENT)
        hindsight_note(j, x->undo.index, x->undo.frame, TCPSTATE_VERDICT_NOT_SENT);
    else
        hindsight_note(j, x->undo.index, x->undo.frame, TCPSTATE_VERDICT_NOT_TAKEN);
    engine_restore(j, j->sender, (enum tcpstate_state)x->undo.state, TCPSTATE_ASSUMED);
    if (x->state == TCPSTATE_UNKNOWN)
        engine_move(j, j->sender, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
    x->undo.cause = TCPSTATE_UNDO_NONE;
    if (x->refused)
        hindsight_withdraw(j, x->refused_index, TCPSTATE_VERDICT_REFUSED);
    x->refused = false;
    j->revived = true;
    return true;
}

/* ---- SYN ------------------------------------------------------------------------------------------------------ */

static void remember_syn_options(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;

    x->syn_options = j->segment->options;
    x->syn_shift = j->segment->window_shift;
    x->syn_mss = j->segment->mss;
    x->syn_ttl = j->segment->ttl;
    x->has_shift = (j->segment->options & TCPSTATE_OPT_WINDOW_SCALE) != 0;
    x->shift = j->segment->window_shift > 14 ? 14 : j->segment->window_shift;
    x->sent_ts = (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
}

static void judge_syn(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (!x->sent_syn && !x->sent_synack) {
        x->sent_syn = x->active_open = true;
        x->has_iss = true;
        x->iss_inferred = false;
        x->iss = s->seq;
        x->first_syn_ns = x->last_syn_ns = s->time_ns;
        x->first_syn_tsval = s->tsval;
        x->syn_length = s->length;
        remember_syn_options(j);
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_syn, TCPSTATE_PROVED);
        if (x->state == TCPSTATE_ESTABLISHED) /* captured after the SYN,ACK that answers it */
            engine_show(j, TCPSTATE_SYN_SENT);
        if (x->state == TCPSTATE_SYN_RECEIVED) { /* the SYNs crossed: figure 7 line 3 */
            j->connection->simultaneous_open = true;
            engine_show(j, TCPSTATE_SYN_SENT);
        }
        return;
    }
    j->syn_again = true;
    x->last_syn_ns = s->time_ns;
    if (x->spoke || x->sent_synack)
        return; /* a late copy: it has got further since */
    if (x->state == TCPSTATE_CLOSED &&
        x->undo.cause == TCPSTATE_UNDO_RST_TAKEN) /* what closed it did not, it tries on */
        hindsight_note(j, x->undo.index, x->undo.frame, TCPSTATE_VERDICT_NOT_TAKEN);
    if (x->state == TCPSTATE_SYN_SENT)
        return;
    if (y->synack_frame != 0 && !later_than(j, y->synack_ns)) {
        engine_show(j, TCPSTATE_SYN_SENT);
        return;
    }
    if (y->synack_frame != 0)
        hindsight_note(j, y->synack_index, y->synack_frame, TCPSTATE_VERDICT_NOT_TAKEN);
    engine_move(j, j->sender, TCPSTATE_EVENT_snd_syn_again, TCPSTATE_PROVED);
}

static void judge_synack(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool same = x->sent_synack && x->iss == s->seq && x->synack_ack == s->ack;

    if (same) {
        j->synack_again = true;
        if (x->spoke && x->handshake_ack_frame == 0 && j->segment->frame != x->synack_frame &&
            (s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && seq_after(s->tsval, x->ts_newest)) {
            x->spoke = x->synack_acked = false; /* it spoke before it was established */
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack_again, TCPSTATE_PROVED);
            return;
        }
        if (x->spoke)
            return; /* a late copy */
        if (x->state == TCPSTATE_ESTABLISHED || x->state == TCPSTATE_CLOSE_WAIT) {
            if (!later_than(j, x->handshake_ack_ns) || j->stale) {
                engine_show(j, TCPSTATE_SYN_RECEIVED);
                return;
            }
            hindsight_note(j, x->handshake_ack_index, x->handshake_ack_frame, TCPSTATE_VERDICT_NOT_TAKEN);
            x->peer_fin_taken = false;
            x->synack_acked = false;
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack_again, TCPSTATE_PROVED);
        } else {
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack_again, TCPSTATE_PROVED);
        }
        if (x->ignored_acks >= 2)
            x->ignores_acks = true;
        x->synack_index = j->index;
        x->synack_frame = s->frame;
        x->synack_ns = s->time_ns;
        x->synack_tsval = s->tsval;
        return;
    }
    if ((x->state == TCPSTATE_CLOSED || x->state == TCPSTATE_TIME_WAIT) && x->spoke && x->sent_synack &&
        (s->options & TCPSTATE_OPT_MSS) && s->seq != x->iss &&
        !(y->has_iss && seq_within(s->ack, y->iss + 1, y->smax))) {
        x->spoke = false; /* it listens again and answers a SYN that was not captured, or not believed */
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack, TCPSTATE_INFERRED);
        x->iss = s->seq;
        x->smax = s->seq + 1;
        x->has_acked = x->has_rnxt = true;
        x->acked = x->rnxt = s->ack;
        x->has_fin = x->fin_acked = x->peer_fin_taken = x->synack_acked = x->has_una = false;
        x->undo.cause = TCPSTATE_UNDO_NONE;
        return;
    }
    if (state_is_synchronized((enum tcpstate_state)x->state) && (x->spoke || x->sent_synack) &&
        !(x->sent_syn && !x->sent_synack && s->seq == x->iss)) {
        j->alien = true; /* a SYN,ACK of some other connection: it proves nothing about this one */
        return;
    }
    if (x->state == TCPSTATE_CLOSED && x->spoke &&
        !(y->has_iss && seq_within(s->ack, y->iss + 1, y->iss + 1 + y->syn_length))) {
        j->alien = true; /* nobody has sent a SYN that it could answer */
        return;
    }
    if (x->sent_syn && !x->sent_synack && s->seq == x->iss &&
        (((x->syn_options & TCPSTATE_OPT_MSS) && !(s->options & TCPSTATE_OPT_MSS)) || (y->captured && !y->sent_syn))) {
        j->alien = true; /* not as its own stack makes it, or the answer to a SYN that there was not */
        return;
    }
    if (x->sent_synack && s->seq != x->iss && s->ack == x->synack_ack && (x->syn_options & TCPSTATE_OPT_MSS) &&
        !(s->options & TCPSTATE_OPT_MSS)) {
        j->alien = true; /* not as its own stack makes it */
        return;
    }
    if (!x->sent_syn && !x->sent_synack && x->captured && j->connection->summary.roles == TCPSTATE_ROLES_GUESS) {
        j->alien = true; /* it has been heard in the middle of a connection */
        return;
    }
    if (x->has_iss && x->iss_inferred && !x->sent_synack && s->seq != x->iss && y->sent_syn && y->captured &&
        s->ack == y->iss + 1 + y->syn_length) { /* what seemed to acknowledge an unseen SYN,ACK was not y's */
        y->spoke = y->has_fin = y->synack_acked = x->peer_fin_taken = x->spoke = false;
        engine_restore(j, j->receiver, TCPSTATE_SYN_SENT, TCPSTATE_ASSUMED);
        engine_restore(j, j->sender, TCPSTATE_SYN_RECEIVED, TCPSTATE_ASSUMED);
    }
    if (x->sent_syn && s->seq == x->iss && !y->captured) { /* only a SYN of y can have drawn it: not captured */
        y->sent_syn = y->active_open = y->has_iss = y->iss_inferred = y->has_smax = true;
        y->iss = s->ack - 1;
        y->smax = s->ack;
        j->connection->simultaneous_open = true;
        engine_move(j, j->receiver, TCPSTATE_EVENT_snd_syn, TCPSTATE_INFERRED);
    }
    if (x->sent_syn && s->seq == x->iss && y->sent_syn) { /* simultaneous open, figure 7 line 5 */
        bool was_established = x->state == TCPSTATE_ESTABLISHED;
        if (x->state == TCPSTATE_SYN_SENT) /* y's SYN was taken back, or captured after all: bridge it */
            engine_move(j, j->sender, TCPSTATE_EVENT_rcv_syn, TCPSTATE_PROVED);
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack, TCPSTATE_PROVED);
        if (was_established)
            engine_show(j, TCPSTATE_SYN_RECEIVED);
    } else {
        if (x->state == TCPSTATE_TIME_WAIT) /* the SYN that reopened it was not captured */
            engine_move(j, j->sender, TCPSTATE_EVENT_rcv_syn, TCPSTATE_INFERRED);
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack, TCPSTATE_PROVED);
    }
    if (x->sent_synack && x->iss != s->seq) /* a new life: an old SYN has met a listener */
        x->spoke = x->has_fin = x->fin_acked = x->peer_fin_taken = x->synack_acked = false;
    x->sent_synack = true;
    x->first_synack_index = j->index;
    if (x->first_syn_ns == 0)
        x->first_syn_tsval = s->tsval;
    x->has_iss = true;
    x->iss_inferred = false;
    x->iss = s->seq;
    x->smax = s->seq + 1 + s->length;
    x->has_smax = true;
    x->synack_ack = s->ack;
    x->synack_index = j->index;
    x->synack_frame = s->frame;
    x->synack_ns = s->time_ns;
    x->synack_tsval = s->tsval;
    if (x->first_syn_ns == 0)
        x->first_syn_ns = s->time_ns;
    remember_syn_options(j);
    x->has_acked = x->has_rnxt = true;
    x->acked = s->ack;
    x->rnxt = ranges_reach(y, x, NULL);
    if ((y->syn_options & TCPSTATE_OPT_FAST_OPEN_COOKIE) ||
        (y->syn_length > 0 && y->has_iss && seq_after(s->ack, y->iss + 1)))
        x->fast_open = true;
    if (!y->has_iss && !y->captured) { /* the SYN was not captured */
        y->has_iss = y->iss_inferred = true;
        y->iss = s->ack - 1;
        y->has_smax = true;
        y->smax = s->ack;
        y->active_open = true;
    }
    if (j->fin)
        judge_own_fin(j);
}

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

/* Does this RST answer a segment that was captured before `time_ns`? */
static bool answers_what_came_before(const struct judgement *j, int64_t time_ns) {
    const struct tcpstate_path *path = j->x_path;
    bool before = false;

    for (unsigned i = 0; i < path->ack_count; i++)
        if (path->acks[i].ack == j->segment->seq) {
            if (path->acks[i].time_ns >= time_ns)
                return false;
            before = true;
        }
    return before && !later_than(j, time_ns);
}

static void judge_rst(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct tcpstate_candidate *candidate = &j->conversation->candidate;
    const struct tcpstate_segment *s = j->segment;
    bool unproved = x->state == TCPSTATE_SYN_SENT || x->state == TCPSTATE_SYN_RECEIVED ||
                    (x->state == TCPSTATE_ESTABLISHED && !x->spoke) || x->state == TCPSTATE_LISTEN;

    if (candidate->pending && candidate->challenged && candidate->direction == s->direction && !j->ack &&
        s->seq == candidate->challenge_ack && (candidate->genuine || candidate->challenged_purely)) {
        j->half_open_reset = true; /* figure 9 line 5: the old TCB of x was gone, x is in SYN-SENT with the new SYN */
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_rst, TCPSTATE_INFERRED);
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_syn, TCPSTATE_PROVED);
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
    if (!j->ack && unproved &&
        ((x->has_bad_ack && s->seq == x->bad_ack) ||
         (x->has_iss && x->has_smax && !seq_within(s->seq, x->iss + 1, x->smax)))) {
        j->rst_reply = true; /* RFC 9293 3.5.2 group 2 */
        if (!y->captured && x->state == TCPSTATE_SYN_SENT && j->conversation->has_previous &&
            s->seq == j->conversation->previous_smax[s->direction]) /* figure 9 line 5: y still had the old one */
            engine_restore(j, j->receiver, TCPSTATE_LISTEN, TCPSTATE_INFERRED);
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
        judge_refusal(j);
        return;
    }
    if (!plausible_rst(j)) {
        j->alien = true;
        return;
    }
    x->undo = (struct tcpstate_undo){.cause = TCPSTATE_UNDO_RST_SENT,
                                     .state = x->state,
                                     .certainty = x->certainty,
                                     .frame = s->frame,
                                     .index = j->index,
                                     .rnxt = x->rnxt,
                                     .rst_seq = s->seq,
                                     .rst_tsval = s->tsval,
                                     .has_rst_tsval = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0,
                                     .time_ns = s->time_ns};
    judge_refusal(j);
    engine_move(j, j->sender, TCPSTATE_EVENT_snd_rst, TCPSTATE_PROVED);
}

/* ---- ordinary segments ---------------------------------------------------------------------------------------- */

/* x has sent an ordinary segment, so its handshake is behind it. Infer what was not captured. */
static void judge_handshake_behind(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    uint32_t base;

    switch ((enum tcpstate_state)x->state) {
    case TCPSTATE_SYN_SENT:
        if (!x->has_iss || !seq_within(s->seq, x->iss + 1, x->iss + 1 + (1u << 24)))
            return; /* not of this incarnation */
        if (!y->sent_synack && x->sent_ts && !unseen_synack_is_sure(j))
            return;
        if (y->sent_synack || !y->captured || (y->heard && y->has_acked && seq_within(y->acked, x->iss + 1, s->seq))) {
            if (!y->has_iss) {
                y->has_iss = y->iss_inferred = true;
                y->iss = s->ack - 1;
                if (!y->has_smax) {
                    y->smax = s->ack;
                    y->has_smax = true;
                }
            }
            j->bridged = !y->sent_synack;
            if (!y->sent_synack) {
                engine_move(j, j->receiver, TCPSTATE_EVENT_snd_synack, TCPSTATE_INFERRED);
                y->first_synack_index = j->index;
                findings_tell(j, TCPSTATE_FINDING_synack_missing, 0, y->iss, 0);
            }
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_ack_syn, TCPSTATE_PROVED);
        }
        return;
    case TCPSTATE_SYN_RECEIVED:
        if (x->fast_open || j->stale)
            return;
        base = x->has_iss ? x->iss + 1 : s->seq;
        if (j->pure_ack && s->seq == base && y->has_iss && s->ack == y->iss + 1 && !x->synack_acked &&
            (y->captured || !x->sent_syn))
            return; /* an ACK that corrects the peer (RFC 9293 3.10.7.4 first): nothing new has reached it */
        if (!x->sent_synack && !x->sent_syn && y->captured && !y->spoke && (j->fin || (s->length > 0 && !x->early++))) {
            j->alien = true; /* y has answered no SYN,ACK; unless both were missed, which x's next segment shows */
            return;
        }
        if (x->sent_syn && y->sent_syn && !y->sent_synack && j->pure_ack && y->state != TCPSTATE_ESTABLISHED &&
            y->captured)
            return;
        if (!x->sent_synack && j->pure_ack && y->has_iss && s->ack == y->iss + 1 && y->captured && !y->spoke)
            return; /* an ACK before the SYN,ACK: nobody has acknowledged its SYN */
        engine_move(j, j->sender, TCPSTATE_EVENT_rcv_ack_s, TCPSTATE_PROVED);
        x->ignores_acks = false;
        if (!x->synack_acked) {
            j->bridged = true;
            findings_tell(j, TCPSTATE_FINDING_handshake_ack_missing, x->synack_frame, 0, 0);
        }
        x->synack_acked = true;
        return;
    case TCPSTATE_LISTEN:
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_CLOSED:
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_FIN_WAIT_1:
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_CLOSE_WAIT:
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK:
    case TCPSTATE_TIME_WAIT:
    case TCPSTATE_STATES: return;
    }
}

/* x answers a SYN with an ACK that does not fit it: it still has an older connection (figure 9, or TIME-WAIT), which was
 * not captured. */
static bool judge_older_connection(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (x->sent_syn || x->sent_synack || x->spoke || !y->sent_syn || y->spoke || !j->ack ||
        (x->state != TCPSTATE_SYN_RECEIVED && x->state != TCPSTATE_LISTEN))
        return false;
    if (seq_within(j->segment->ack, y->iss + 1, y->smax))
        return false;
    engine_restore(j, j->sender, TCPSTATE_UNKNOWN, TCPSTATE_NOTHING_TELLS);
    engine_move(j, j->sender, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
    x->has_acked = x->has_rnxt = true;
    x->acked = x->rnxt = j->segment->ack;
    x->has_redge = false;
    return true;
}

/* A FIN was captured, but its nominal sender goes on as if it had sent none: data at or past it, or a newer pure ACK
 * that does not count it. A probe of a closed window and a keep-alive repeat an old number and say nothing. */
static bool goes_on_after_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    if (s->length > 0 && seq_after(s->seq + s->length, x->fin)) /* one octet at the FIN's number: a keep-alive */
        return seq_at_most(s->seq, x->fin) && (s->length > 1 || s->seq != x->fin || !x->fin_acked);
    if (!j->pure_ack || j->ack_unsent || !seq_at_most(s->seq, x->fin))
        return false;
    if (seq_after(s->ack, x->fin_ack) && !(x->has_una && s->seq + 1 == x->una))
        return true; /* it knows more than the FIN did */
    if (j->newest_acked_ns > x->fin_ns)
        return true; /* it knows what was captured after the FIN */
    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || !seq_after(s->tsval, x->fin_tsval))
        return false;
    if (x->has_una && s->seq + 1 == x->una)
        return s->seq == x->fin && s->time_ns - x->last_sent_ns < KEEP_ALIVE_IDLE_NS;
    return true;
}

/* A keep-alive and the probe of a closed window repeat an old number. */
static bool may_repeat_old_number(const struct judgement *j) {
    return !j->y->has_redge || !seq_after(j->y->redge, j->x->smax) ||
           j->segment->time_ns - j->x->last_sent_ns >= KEEP_ALIVE_IDLE_NS;
}

/* SND.NXT of x stops short of what y has acknowledged: that was somebody else's. */
static void judge_denial(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (j->stale || !x->has_smax)
        return;
    if (x->maybe_fin && (s->length > 0 || j->fin) && seq_at_most(s->seq, x->maybe) && seq_after(j->end, x->maybe)) {
        if (j->end == x->maybe + 1) { /* its own octet or FIN */
            x->maybe_own = s->length > 0;
            x->maybe_fin &= s->length > 0;
            x->maybe_denied = false;
        } else if (s->seq == x->smax && !x->maybe_denied) {
            x->maybe_denied = true;
            x->maybe_denied_ns = s->time_ns;
        }
    }
    if (x->maybe_fin && x->maybe_own && s->length > 0 && s->seq == x->maybe + 1 && x->maybe_beyond_ns == 0)
        x->maybe_beyond_ns = s->time_ns;
    if (!j->pure_ack || may_repeat_old_number(j) || s->seq != x->smax)
        return;
    if (x->maybe_fin && x->maybe == x->smax)
        x->maybe_denied = true;
    if (y->has_unsent_ack)
        y->unsent_ack_denied = true;
}

/* Something of x acknowledged one number too many, but what x sends new since then knows less: that was not x's. */
static void judge_claim(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (!y->maybe_fin || !seq_at_most(j->segment->ack, y->maybe) || j->segment->length == 0 || !x->has_smax ||
        j->segment->seq != x->smax - (x->has_fin && x->smax == x->fin + 1 ? 1 : 0))
        return;
    y->maybe_fin = y->maybe_denied = false;
    if (x->has_acked && seq_after(x->acked, j->segment->ack)) {
        x->acked = x->rnxt = j->segment->ack;
        j->stale = false;
    }
}

static void judge_ordinary(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (!j->ack) { /* every segment but a SYN and a RST carries an ACK: nobody's ordinary segment */
        j->numberless = true;
        return;
    }
    if (!j->stale && !j->ack_unsent) {
        x->has_ignored_rst = false;
        if (x->refused && j->segment->time_ns > x->undo.time_ns + j->tolerance_ns) {
            hindsight_withdraw(j, x->refused_index, TCPSTATE_VERDICT_REFUSED);
            x->refused = false;
        }
    }
    if (x->has_fin && x->fin_inferred && !j->stale && j->pure_ack && s->seq == x->fin && y->captured &&
        s->time_ns - x->last_sent_ns < KEEP_ALIVE_IDLE_NS)
        knowledge_deny_inferred_fin(j);
    if (x->state == TCPSTATE_CLOSED && x->undo.cause == TCPSTATE_UNDO_LAST_ACK && x->has_fin && !x->fin_inferred &&
        !j->stale && goes_on_after_fin(j))
        knowledge_forget_fin(j, x, j->sender, TCPSTATE_PROVED);
    if (x->state == TCPSTATE_CLOSED && !revive(j))
        return;
    if (judge_older_connection(j))
        return;
    if ((s->length > 0 || j->fin) && x->has_fin && !x->fin_inferred && seq_after(s->seq, x->fin)) {
        j->alien = true; /* it counts the FIN, so x would know better than to send more */
        return;
    }
    judge_denial(j);
    judge_claim(j);
    if (j->ack_unsent) {
        j->numberless = true; /* x cannot know that: believed the second time */
        if (x->state == TCPSTATE_SYN_SENT || x->state == TCPSTATE_SYN_RECEIVED) {
            return;
        }
    } else {
        if (!j->stale && x->has_unsent_ack && seq_before(s->ack, x->unsent_ack))
            x->has_unsent_ack = false; /* it knows less: that other segment was not x's */
        judge_handshake_behind(j);
        if (j->alien)
            return;
        if (x->state == TCPSTATE_SYN_SENT || x->state == TCPSTATE_LISTEN) {
            j->numberless |= x->state == TCPSTATE_SYN_SENT; /* nothing but a SYN or a RST is sent there */
            return;
        }
        if (x->maybe_fin && x->heard && j->pure_ack && s->seq == x->maybe + 1)
            knowledge_of_maybe_fin(j, x, j->sender);
        else if (y->maybe_fin && j->fin && s->ack == y->maybe + 1)
            knowledge_of_maybe_fin(j, y, j->receiver);
        if (y->heard) {
            knowledge_of_unseen_fin(j);
        } else {
            unseen_handshake(j);
            unseen_fin(j);
        }
        if (!j->stale)
            knowledge_rebase(j);
        knowledge_of_peer_fin(j);
    }
    if (x->has_fin && !x->fin_inferred && !j->stale && goes_on_after_fin(j)) {
        knowledge_forget_fin(j, x, j->sender, TCPSTATE_PROVED);
        if (y->state == TCPSTATE_UNKNOWN)
            engine_move(j, j->receiver, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
        j->revived = true;
        x->smax = x->has_dmax && seq_within(x->dmax, s->seq, x->fin) ? x->dmax : s->seq;
    }
    if (j->fin)
        judge_own_fin(j);
    /* its own FIN was sent before and not captured: SND.NXT is beyond all that was */
    else if (!x->has_fin && j->pure_ack && s->sack_count == 0 && j->fin_ack_first && x->has_smax &&
             s->seq == x->smax + 1 && x->captured && !j->stale) {
        x->has_fin = x->fin_inferred = true;
        x->fin = x->smax;
        x->state_before_fin = TCPSTATE_ESTABLISHED;
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_fin_x, TCPSTATE_INFERRED);
        j->bridged = true;
        findings_tell(j, TCPSTATE_FINDING_fin_inferred, 0, x->fin, 0);
    }
    /* sent before its own FIN, captured after it */
    if (j->stale && x->has_fin && !j->fin && x->sent_ts && seq_before(s->tsval, x->fin_tsval))
        engine_show(j, (enum tcpstate_state)x->state_before_fin);
    /* simultaneous close: its ACK was under way when the peer's ACK of its FIN was captured, figure 13 line 3 */
    if (j->fin_ack_first && x->has_fin && x->fin_acked && x->state == TCPSTATE_TIME_WAIT && !j->has_shown &&
        y->has_fin && seq_at_most(x->fin_ack, y->fin) && seq_at_most(y->fin_ack, x->fin) &&
        !later_than(j, x->fin_ack_ns))
        engine_show(j, TCPSTATE_CLOSING);
    /* it goes on where a FIN was inferred: it was an octet */
    if (x->has_fin && x->fin_inferred && !j->stale && s->length > 0 && seq_after(s->seq + s->length, x->fin)) {
        hindsight_note(j, x->fin_inferred_index, x->fin_inferred_frame, TCPSTATE_VERDICT_NO_FIN);
        x->has_fin = x->fin_inferred = x->fin_acked = y->peer_fin_taken = false;
        engine_restore(j, j->sender, x->peer_fin_taken ? TCPSTATE_CLOSE_WAIT : TCPSTATE_ESTABLISHED, TCPSTATE_PROVED);
        if (y->state == TCPSTATE_CLOSE_WAIT || y->state == TCPSTATE_CLOSING || y->state == TCPSTATE_TIME_WAIT ||
            y->state == TCPSTATE_LAST_ACK)
            engine_move(j, j->receiver, TCPSTATE_EVENT_snd_nack_fin, TCPSTATE_ASSUMED);
    }
    /* Fast Open: it may have sent this before it got the ACK of its SYN */
    if (x->fast_open && x->state == TCPSTATE_ESTABLISHED && !x->spoke && x->handshake_ack_frame != 0 &&
        !later_than(j, x->handshake_ack_ns) && seq_at_most(s->ack, y->iss + 1 + y->syn_length))
        engine_show(j, TCPSTATE_SYN_RECEIVED);
    if (!j->stale && !(x->fast_open && x->state == TCPSTATE_SYN_RECEIVED) && !j->has_shown &&
        state_is_synchronized((enum tcpstate_state)x->state))
        x->spoke = true;
}

/* The clock of x was far ahead in one segment, and here it is where it was before: that one was not x's. */
static void judge_clock(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    if (!x->ts_jumped || j->rst || !(s->options & TCPSTATE_OPT_TIMESTAMPS) || seq_before(s->tsval, x->ts_before) ||
        !capture_clock_came_back(j))
        return;
    hindsight_note(j, x->ts_jump_index, x->ts_jump_frame, TCPSTATE_VERDICT_NOT_SENT);
    x->ts_jumped = false;
    x->ts_newest = x->ts_before;
    if (x->has_fin && x->fin_index == x->ts_jump_index)
        knowledge_forget_fin(j, x, j->sender, TCPSTATE_ASSUMED);
}

static void note_clock(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) ||
        (x->sent_ts && x->ts_newest != 0 && !seq_after(s->tsval, x->ts_newest)))
        return;
    x->ts_jumped = capture_clock_jumps(j);
    if (x->ts_jumped) {
        x->ts_before = x->ts_newest;
        x->ts_jump_frame = s->frame;
        x->ts_jump_index = j->index;
    }
    x->ts_newest = s->tsval;
    x->ts_newest_ns = s->time_ns;
    x->sent_ts = true;
}

/* What x has sent, whether it is believed or not: later ACKs must find it. */
static void note_numbers(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;
    bool keep_alive;

    x->captured = true;
    x->heard |= j->ordinary;
    x->sacks |= s->sack_count > 0;
    x->last_sent_ns = s->time_ns;
    if (j->rst)
        return;
    /* a keep-alive repeats an old number and acknowledges nothing new */
    if (j->pure_ack && !j->stale && !j->ack_unsent) {
        x->has_pure = true;
        x->pure_seq = s->seq;
        x->pure_ack = s->ack;
        x->pure_tsval = s->tsval;
    }
    if (!x->has_iss && !x->has_own_end && x->has_smax && seq_after(s->seq, x->smax))
        x->smax = s->seq; /* mid-stream: until now only the peer's word */
    if (!j->ack_unsent && (!x->has_own_end || seq_after(j->end, x->own_end))) {
        x->has_own_end = true;
        x->own_end = j->end;
    }
    keep_alive =
        j->ordinary && !j->fin && x->has_smax && s->length <= 1 && s->seq + 1 == x->smax && j->newest_acked_ns == 0;
    if (!x->has_smax) {
        x->smax = j->end;
        x->has_smax = true;
        x->smax_tsval = s->tsval;
    } else if (!keep_alive && (s->length > 0 || j->fin || j->syn) && seq_after(j->end, x->smax)) {
        x->smax = j->end;
        x->smax_tsval = s->tsval;
        x->smax_is_next = false;
    } else if (j->pure_ack && !keep_alive && !j->stale && seq_before(s->seq, x->smax) &&
               !(x->has_una && s->seq + 1 == x->una && may_repeat_old_number(j)) &&
               (s->options & TCPSTATE_OPT_TIMESTAMPS) && seq_after(s->tsval, x->smax_tsval)) {
        x->smax = s->seq; /* SND.NXT: what was captured beyond it is not x's */
        x->smax_is_next = true;
        if (x->has_dmax && seq_after(x->dmax, s->seq))
            x->dmax = s->seq;
        if (x->has_una && seq_after(x->una, s->seq))
            x->una = s->seq;
    }
    if (s->length > 0 && !keep_alive && (!x->has_dmax || seq_after(s->seq + s->length + (j->syn ? 1 : 0), x->dmax))) {
        x->dmax = s->seq + s->length + (j->syn ? 1 : 0);
        x->has_dmax = true;
    }
    note_clock(j);
    if (j->ack && !j->ack_unsent) {
        bool known;
        uint32_t window = unscaled_window(j, &known);
        uint32_t edge = s->ack + window;
        if (!x->has_redge || seq_after(edge, x->redge))
            x->redge = edge;
        x->has_redge = true;
        if (window > x->max_window)
            x->max_window = window;
    }
}

void sender_judge(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    if (hindsight_says(j, j->index, TCPSTATE_VERDICT_NOT_SENT))
        j->alien = true;
    if (j->fin && j->ack && !j->syn) {
        x->has_seen_fin = true;
        x->seen_fin = j->end - 1;
        x->seen_fin_frame = s->frame;
        x->seen_fin_index = j->index;
    }
    if (j->ordinary && s->length > 0 && !j->fin && x->has_smax && seq_after(j->end, x->smax)) {
        x->has_seen_text = true;
        x->seen_text = j->end;
        x->seen_text_index = j->index;
    }
    if (j->alien)
        return;
    judge_clock(j);
    unseen_ack_was_false(j);
    if (!j->stale && (s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && x->ts_newest != 0 && !j->rst &&
        seq_before(s->tsval, x->ts_newest))
        j->stale = true;
    if (!j->stale && j->ack && j->ordinary && x->has_acked && x->spoke && seq_before(s->ack, x->acked))
        j->stale = true;
    if (j->rst)
        judge_rst(j);
    else if (j->syn && j->ack)
        judge_synack(j);
    else if (j->syn)
        judge_syn(j);
    else
        judge_ordinary(j);
    if (j->alien)
        return;
    unseen_last_words(j);
    if (!j->numberless)
        note_numbers(j);
}
