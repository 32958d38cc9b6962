/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a transmission proves about its sender, x.
 *
 * A segment says in which state x was when it *sent* it. That may be an older state than the one believed now, because
 * what the capture point had already seen may not yet have reached x. Then x is only *shown* in the older state; what is
 * believed moves back only if x sent the segment later than it must have known (tolerance_ns after the capture of what
 * it should have seen). Knowledge decides before time does: an ACK number covers what it covers.
 *
 * Events are yielded in the order SYN, acknowledgements, FIN, RST. sender_open.c, sender_fin.c and sender_reset.c judge SYN,
 * FIN and RST.
 */
#include "judgement.h"

/* ---- ordinary segments ---------------------------------------------------------------------------------------- */

/* A keep-alive and the probe of a closed window repeat an old number. */
static bool may_repeat_old_number(const struct judgement *j) {
    return !j->y->has_redge || !seq_after(j->y->redge, j->x->smax) ||
           j->segment->time_ns - j->x->last_sent_ns >= KEEP_ALIVE_IDLE_NS;
}

/* The FIN of y was the one to acknowledge what x, as it shows now, had not sent: y had sent no FIN. */
static void deny_peer_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (!y->has_fin || y->fin_inferred || y->fin_acked || y->fin_index != x->maybe_index || x->has_fin)
        return;
    y->peer_fin_taken = false;
    knowledge_forget_fin(j, y, j->receiver, TCPSTATE_ASSUMED);
    y->smax = y->before_fin;
    x->maybe_fin = x->maybe_denied = false;
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
            x->maybe_own_tsval = (s->options & TCPSTATE_OPT_TIMESTAMPS) ? s->tsval : 0;
            x->maybe_fin &= s->length > 0;
            x->maybe_denied = false;
        } else if (s->seq == x->smax && !x->maybe_denied) {
            x->maybe_denied = true;
            x->maybe_denied_ns = s->time_ns;
            deny_peer_fin(j);
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
        bool came_before =
            x->has_doubted_abort && s->length > 0 && !j->fin && !engine_later_than(j, x->doubted_abort_ns);

        j->bears_out_abort = came_before && j->end == x->doubted_abort_seq;
        x->has_doubted_abort = came_before && seq_at_most(j->end, x->doubted_abort_seq);
        if (engine_later_than(j, x->ignored_rst_ns))
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
        !j->stale && sender_goes_on_after_fin(j))
        knowledge_forget_fin(j, x, j->sender, TCPSTATE_PROVED);
    sender_forget_fin_before_end(j);
    sender_believe_syn(j);
    sender_deny_syn(j);
    if (x->state == TCPSTATE_CLOSED && x->undo.cause == TCPSTATE_UNDO_NONE)
        sender_judge_handshake(j);
    bool listens_after_reset = x->state == TCPSTATE_LISTEN && x->undo.cause == TCPSTATE_UNDO_RST_TAKEN;
    if ((x->state == TCPSTATE_CLOSED || listens_after_reset) && !sender_revive(j)) {
        j->overtaken_by_fin = sender_was_overtaken_by_fin(j) || sender_was_before_own_fin(j);
        if (j->overtaken_by_fin || (x->has_fin && !x->fin_inferred && !j->stale && j->pure_ack &&
                                    x->state_before_fin != TCPSTATE_UNKNOWN && sender_goes_on_after_fin(j)))
            sender_show_before_own_fin(j);
        return;
    }
    if (sender_judge_older_connection(j))
        return;
    if ((s->length > 0 || j->fin) && x->has_fin && !x->fin_inferred && seq_after(s->seq, x->fin)) {
        if (!sender_sends_on_beyond_fin(j)) {
            j->alien = true; /* it counts the FIN, so x would know better than to send more */
            return;
        }
        knowledge_forget_fin(j, x, j->sender, TCPSTATE_ASSUMED);
        j->revived = true;
    }
    judge_denial(j);
    judge_claim(j);
    sender_notes_hole(j);
    bool sent_before_fin = sender_was_before_own_fin(j);
    if (j->stale && s->length > 0 && seq_at_most(s->seq, x->before_fin))
        x->fin_leaves_hole = false; /* it was only overtaken */
    if (j->ack_unsent) {
        j->numberless = true; /* x cannot know that: believed the second time */
        if (x->state == TCPSTATE_SYN_SENT || x->state == TCPSTATE_SYN_RECEIVED) {
            return;
        }
    } else {
        if (!j->stale && x->has_unsent_ack && seq_before(s->ack, x->unsent_ack))
            x->has_unsent_ack = false; /* it knows less: that other segment was not x's */
        if (j->fin && x->state == TCPSTATE_SYN_RECEIVED && sender_fin_is_beyond_flight(j))
            j->alien = true; /* it tells nothing of the handshake either */
        else
            sender_judge_handshake(j);
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
    bool denies_fin = x->has_fin && !x->fin_inferred &&
                      ((!j->stale && sender_goes_on_after_fin(j)) || sender_fin_fills_hole_in_order(j) ||
                       sender_fin_ends_text_in_hole(j));
    if (denies_fin) {
        knowledge_forget_fin(j, x, j->sender, TCPSTATE_PROVED);
        unseen_refused_fin(j);
        if (y->state == TCPSTATE_UNKNOWN)
            engine_move(j, j->receiver, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
        j->revived = true;
        x->smax = x->has_dmax && seq_within(x->dmax, s->seq, x->fin) ? x->dmax : s->seq;
    }
    if (j->fin)
        sender_judge_fin(j);
    /* its own FIN was sent before and not captured: SND.NXT is beyond all that was */
    else if (!x->has_fin && j->pure_ack && s->sack_count == 0 && j->fin_ack_first && x->has_smax &&
             s->seq == x->smax + 1 && x->captured && !j->stale) {
        x->has_fin = x->fin_inferred = true;
        x->fin = x->smax;
        x->state_before_fin = TCPSTATE_ESTABLISHED;
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_fin_x, TCPSTATE_INFERRED);
        j->bridged = true;
        findings_tell(j, TCPSTATE_FINDING_fin_inferred, 0, x->fin, 0);
    } else {
        sender_believe_fin(j, denies_fin);
    }
    /* sent before its own FIN, captured after it */
    j->overtaken_by_fin = sent_before_fin || sender_was_overtaken_by_fin(j);
    if (j->overtaken_by_fin)
        sender_show_before_own_fin(j);
    /* simultaneous close: its ACK was under way when the peer's ACK of its FIN was captured, figure 13 line 3 */
    if (j->fin_ack_first && x->has_fin && x->fin_acked && x->state == TCPSTATE_TIME_WAIT && !j->has_shown &&
        y->has_fin && seq_at_most(x->fin_ack, y->fin) && seq_at_most(y->fin_ack, x->fin) &&
        j->newest_acked_ns <= x->fin_ack_ns && !engine_later_than(j, x->fin_ack_ns) && !knowledge_echoes_fin_ack(j))
        engine_show(j, TCPSTATE_CLOSING);
    /* it goes on where a FIN was inferred: it was an octet */
    if (x->has_fin && x->fin_inferred && !j->stale && s->length > 0 && seq_after(s->seq + s->length, x->fin)) {
        sender_fin_was_octet(j);
    }
    /* Fast Open: it may have sent this before it got the ACK of its SYN */
    if (x->fast_open && x->state == TCPSTATE_ESTABLISHED && !x->spoke && x->handshake_ack_frame != 0 &&
        (capture_leg_ns(j->x_path) > 0 ? capture_cannot_answer(j, x->handshake_ack_ns)
                                       : !engine_later_than(j, x->handshake_ack_ns)) &&
        seq_at_most(s->ack, x->synack_ack)) /* beyond that it has taken what came later, with the ACK */
        engine_show(j, TCPSTATE_SYN_RECEIVED);
    if (!j->stale && !(x->fast_open && x->state == TCPSTATE_SYN_RECEIVED) && !j->has_shown &&
        state_is_synchronized((enum tcpstate_state)x->state))
        x->spoke = true;
    x->window = s->window;
}

/* The clock of x was far ahead in one segment, and here it is where it was before: that one was not x's. */
static void judge_clock(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    if (j->rst || !(s->options & TCPSTATE_OPT_TIMESTAMPS) || !x->sent_ts)
        return;
    if (!x->ts_jumped) {
        if (capture_clock_came_back_to_echo(j)) /* the capture started with it */
            x->ts_newest = s->tsval;
        return;
    }
    if (seq_before(s->tsval, x->ts_before) || !capture_clock_came_back(j))
        return;
    hindsight_note(j, x->ts_jump_index, x->ts_jump_frame, TCPSTATE_VERDICT_NOT_SENT);
    x->ts_jumped = false;
    x->ts_newest = x->ts_before;
    x->smax = x->smax_before_jump; /* x has sent nothing newer since, by its clock */
    x->smax_tsval = x->ts_before;
    if (x->has_pure && seq_after(x->pure_tsval, s->tsval))
        x->has_pure = false;
    if (x->has_fin && x->fin_index == x->ts_jump_index)
        knowledge_forget_fin(j, x, j->sender, TCPSTATE_ASSUMED);
}

static void note_clock(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    bool known = x->sent_ts && x->ts_newest != 0;

    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || (known && !seq_after(s->tsval, x->ts_newest)))
        return;
    x->ts_jumped = known ? capture_clock_jumps(j) : capture_clock_leaves_echo(j);
    if (x->ts_jumped) {
        x->ts_before = known ? x->ts_newest : x->echoed;
        x->ts_jump_frame = s->frame;
        x->ts_jump_index = j->index;
    }
    x->ts_newest = s->tsval;
    x->ts_newest_ns = s->time_ns;
    x->sent_ts = true;
}

/* Was this sent later than the highest octet of x? By its clock, or as it knows what was captured after that. */
static bool was_sent_after_text(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    if ((j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && seq_after(j->segment->tsval, x->smax_tsval))
        return true;
    if (x->text_ns == 0 || x->smax != x->text_end)
        return false;
    /* who sends new text has acknowledged no less than before: that was not x's, or x has sent this since */
    return j->newest_acked_ns > x->text_ns || (x->text_is_stale && j->emitted_ns > x->text_ns + j->tolerance_ns);
}

/* What x has sent, whether it is believed or not: later ACKs must find it. */
static void note_numbers(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;
    bool keep_alive, had_smax = x->has_smax;
    uint32_t smax_before = x->smax;

    x->captured = true;
    x->heard |= j->ordinary;
    x->sacks |= s->sack_count > 0;
    x->last_sent_ns = s->time_ns;
    if (j->rst)
        return;
    x->last_word_ns = s->time_ns;
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
        x->smax = x->text_end = j->end;
        x->smax_tsval = s->tsval;
        x->text_ns = s->time_ns;
        x->text_is_stale = j->stale;
        x->smax_is_next = false;
    } else if (j->pure_ack && !keep_alive && !j->stale && seq_before(s->seq, x->smax) &&
               !sender_is_at_shrunken_edge(j) && !(x->has_una && s->seq + 1 == x->una && may_repeat_old_number(j)) &&
               was_sent_after_text(j)) {
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
    if ((s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && s->tsval == x->ts_newest && !keep_alive &&
        !j->ack_unsent) {
        x->newest_end = x->has_newest_end && x->ts_newest_ns != s->time_ns ? seq_max(x->newest_end, j->end) : j->end;
        x->has_newest_end = true;
    }
    if (x->ts_jumped && x->ts_jump_index == j->index)
        x->smax_before_jump = had_smax ? smax_before : s->seq;
    if (j->ordinary && j->ack && !j->ack_unsent && !j->stale && (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr != 0)
        capture_note_echo(j);
    if (j->ack && !j->ack_unsent) {
        bool known;
        uint32_t window = unscaled_window(j, &known);
        uint32_t edge = s->ack + window;
        if (!x->has_redge || seq_after(edge, x->redge))
            x->redge = edge;
        x->has_redge = true;
        if (window > x->max_window)
            x->max_window = window;
        if (!x->has_edge || seq_after(s->ack, x->edge_ack) ||
            seq_at_least(s->seq, x->edge_seq)) { /* RFC 9293 3.10.7.4, fifth */
            x->edge = edge;
            x->edge_seq = s->seq;
            x->edge_ack = s->ack;
        }
        x->has_edge = known;
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
        x->seen_fin_tsval = s->tsval;
    }
    bool in_place_of_fin = x->has_seen_fin && j->end == x->seen_fin + 1;
    if (j->ordinary && s->length > 0 && !j->fin && x->has_smax && (seq_after(j->end, x->smax) || in_place_of_fin)) {
        x->has_refused_text |= j->ack_unsent;
        if (j->ack_unsent)
            x->refused_text = j->end;
        x->has_seen_text = true;
        x->seen_text = j->end;
        x->seen_text_index = j->index;
        x->seen_text_tsval = s->tsval;
    }
    if (j->alien) {
        if (j->ordinary && j->ack)
            sender_show_previous(j);
        return;
    }
    judge_clock(j);
    unseen_ack_was_false(j);
    if (!j->stale && (s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && x->ts_newest != 0 && !j->rst &&
        seq_before(s->tsval, x->ts_newest))
        j->stale = true;
    if (!j->stale && j->ack && j->ordinary && x->has_acked && x->spoke && seq_before(s->ack, x->acked))
        j->stale = true;
    if (!j->stale && j->ordinary &&
        !((s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && s->tsval != x->ts_newest) && capture_was_overtaken(j))
        j->stale = true;
    if (!j->stale && sender_is_older_than_counted_fin(j))
        j->stale = true;
    if (j->rst)
        sender_judge_rst(j);
    else if (j->syn && j->ack)
        sender_judge_synack(j);
    else if (j->syn)
        sender_judge_syn(j);
    else
        judge_ordinary(j);
    if (j->alien && j->rst)
        j->conversation->standing.kind = 0; /* whoever sent it, y may be gone */
    if (j->alien)
        return;
    unseen_last_words(j);
    if (!j->numberless)
        note_numbers(j);
}
