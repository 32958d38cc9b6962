/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a transmission proves about its sender, x, while a connection opens: SYN, SYN,ACK, and the first segment that
 * shows that the handshake is behind it.
 */
#include "judgement.h"
#include "segment.h"

/* ---- SYN ------------------------------------------------------------------------------------------------------ */

static void remember_syn_options(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;

    x->syn_options = j->segment->options;
    x->syn_mss = j->segment->mss;
    x->opens_like_linux = segment_opens_like_linux(j->segment);
    x->syn_ttl = j->segment->ttl;
    x->has_shift = (j->segment->options & TCPSTATE_OPT_WINDOW_SCALE) != 0;
    x->shift = j->segment->window_shift > 14 ? 14 : j->segment->window_shift;
    x->scale_is_cut = segment_scale_is_cut(j->segment);
    x->sent_ts = (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
}

/* With Fast Open y has sent text and its FIN right behind its SYN,ACK: where that has not reached x, nothing has. */
static void lose_early_text(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    for (unsigned i = 0; i < y->range_count; i++) {
        y->ranges[i].lost = true;
        hindsight_note(j, y->ranges[i].index, y->ranges[i].frame, TCPSTATE_VERDICT_NOT_TAKEN);
    }
    x->peer_fin_taken = false;
    engine_restore(j, j->sender, TCPSTATE_ESTABLISHED, TCPSTATE_ASSUMED);
}

void sender_judge_syn(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (!x->sent_syn && !x->sent_synack) {
        x->sent_syn = x->active_open = true;
        x->has_iss = true;
        x->iss_inferred = false;
        x->iss = s->seq;
        x->first_syn_ns = x->last_syn_ns = s->time_ns;
        x->syns_under_way = 1;
        x->first_syn_tsval = s->tsval;
        x->syn_length = s->length;
        remember_syn_options(j);
        if (x->syn_doubted) {
            if (s->options & TCPSTATE_OPT_MSS) /* its own, but an old copy */
                engine_show(j, TCPSTATE_SYN_SENT);
            return;
        }
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
    bool too_soon = s->time_ns - x->last_syn_ns < REPETITION_NS; /* for x to repeat it: RFC 6298 2 */
    x->last_syn_ns = s->time_ns;
    if (x->syns_under_way < UINT8_MAX)
        x->syns_under_way++;
    if (x->spoke || x->sent_synack)
        return; /* a late copy: it has got further since */
    if (x->syn_doubted && too_soon)
        return; /* no more its own than the first */
    if (x->state == TCPSTATE_CLOSED &&
        x->undo.cause == TCPSTATE_UNDO_RST_TAKEN) /* what closed it did not, it tries on */
        hindsight_note(j, x->undo.index, x->undo.frame, TCPSTATE_VERDICT_NOT_TAKEN);
    if (x->state == TCPSTATE_SYN_SENT)
        return;
    if (y->synack_frame != 0 && !engine_later_than(j, y->synack_ns)) {
        engine_show(j, TCPSTATE_SYN_SENT);
        return;
    }
    if (y->synack_frame != 0)
        hindsight_note(j, y->synack_index, y->synack_frame, TCPSTATE_VERDICT_NOT_TAKEN);
    if (x->state == TCPSTATE_CLOSE_WAIT)
        lose_early_text(j);
    engine_move(j, j->sender, TCPSTATE_EVENT_snd_syn_again, TCPSTATE_PROVED);
}

/* ---- SYN,ACK -------------------------------------------------------------------------------------------------- */

static struct tcpstate_synack believed_synack(const struct tcpstate_endpoint *x) {
    return (struct tcpstate_synack){.iss = x->iss,
                                    .end = x->smax,
                                    .ack = x->synack_ack,
                                    .index = x->synack_index,
                                    .frame = x->synack_frame,
                                    .tsval = x->ts_newest,
                                    .time_ns = x->synack_ns,
                                    .mss = x->syn_mss,
                                    .options = x->syn_options,
                                    .shift = x->shift,
                                    .ttl = x->syn_ttl,
                                    .scale_is_cut = x->scale_is_cut};
}

static void believe_synack(struct tcpstate_endpoint *x, const struct tcpstate_synack *synack) {
    x->iss = synack->iss;
    x->smax = synack->end;
    x->synack_ack = synack->ack;
    x->synack_index = x->first_synack_index = synack->index;
    x->synack_frame = synack->frame;
    x->ts_newest = synack->tsval;
    x->synack_ns = synack->time_ns;
    x->syn_mss = synack->mss;
    x->syn_options = synack->options;
    x->sent_ts = (synack->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
    x->has_shift = (synack->options & TCPSTATE_OPT_WINDOW_SCALE) != 0;
    x->shift = synack->shift;
    x->scale_is_cut = synack->scale_is_cut;
    x->syn_ttl = synack->ttl;
}

static void choose_synack(struct tcpstate_endpoint *end, uint32_t number, uint32_t reach) {
    struct tcpstate_synack believed = believed_synack(end);

    if (!end->has_rival || end->state != TCPSTATE_SYN_RECEIVED ||
        seq_within(number, believed.iss + 1, believed.end + reach) ||
        !seq_within(number, end->rival.iss + 1, end->rival.end + reach))
        return;
    believe_synack(end, &end->rival);
    end->rival = believed;
}

/* Of two SYN,ACKs with different ISNs the peer takes the one that arrives first (RFC 9293 3.10.7.3 fourth), and its ACK
 * names the number; or their sender goes on from it. */
void sender_choose_synack(struct judgement *j) {
    if (!j->ordinary || !j->ack || j->copy || j->bad_checksum)
        return;
    choose_synack(j->y, j->segment->ack, 0);
    choose_synack(j->x, j->segment->seq, NUMBERS_FAR);
}

void sender_judge_synack(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool same = x->sent_synack && x->iss == s->seq && x->synack_ack == s->ack;

    x->synack_tsval = (s->options & TCPSTATE_OPT_TIMESTAMPS) ? s->tsval : 0;
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
            if (!engine_later_than(j, x->handshake_ack_ns) || j->stale) {
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
    bool knows_options = (x->sent_syn || x->sent_synack) && (x->syn_options & TCPSTATE_OPT_MSS);
    bool is_over = x->state == TCPSTATE_CLOSED && s->seq != x->iss && !x->sent_synack;
    if (knows_options && (is_over ? incarnation_syn_is_unlike(x, s) : !(s->options & TCPSTATE_OPT_MSS))) {
        j->alien = true; /* not as its own stack makes it */
        return;
    }
    if (x->sent_syn && !x->sent_synack && x->has_iss && s->seq != x->iss && y->sent_synack && y->captured &&
        s->ack != y->iss + 1) {
        j->alien = true; /* neither its own number, nor that of the SYN,ACK which has answered it */
        return;
    }
    if (x->state == TCPSTATE_SYN_RECEIVED && y->sent_syn && (y->syn_options & TCPSTATE_OPT_MSS) &&
        s->ack != y->iss + 1 + y->syn_length && !x->sent_syn && !x->sent_synack && segment_offers_no_room(s)) {
        j->alien = true; /* no stack opens so, and it answers no captured SYN */
        return;
    }
    if (x->sent_syn && !x->sent_synack && s->seq == x->iss && y->captured && !y->sent_syn) {
        if (x->spoke || incarnation_syn_is_unlike(x, s) || !(s->options & TCPSTATE_OPT_MSS)) {
            j->alien = true; /* the answer to a SYN that there was not */
            return;
        }
        /* RFC 9293 3.10.7.3 fourth: somebody else's SYN has reached it before y's answer, and was not captured */
        engine_restore(j, j->sender, TCPSTATE_SYN_SENT, TCPSTATE_PROVED);
        engine_move(j, j->sender, TCPSTATE_EVENT_rcv_syn, TCPSTATE_PROVED);
    }
    if (!x->sent_syn && !x->sent_synack && x->captured && j->connection->summary.roles == TCPSTATE_ROLES_GUESS) {
        j->alien = true; /* it has been heard in the middle of a connection */
        return;
    }
    if (x->has_iss && x->iss_inferred && !x->sent_synack && s->seq != x->iss && y->sent_syn && y->captured &&
        s->ack == y->iss + 1 + y->syn_length) { /* what seemed to acknowledge an unseen SYN,ACK was not y's */
        y->spoke = y->has_fin = y->synack_acked = x->peer_fin_taken = x->spoke = false;
        y->range_count = 0; /* nor did x take it */
        engine_restore(j, j->receiver, TCPSTATE_SYN_SENT, TCPSTATE_ASSUMED);
        engine_restore(j, j->sender, TCPSTATE_SYN_RECEIVED, TCPSTATE_ASSUMED);
    }
    bool answers_syn = y->sent_syn && y->captured && s->ack == y->iss + 1 + y->syn_length;
    if (x->state == TCPSTATE_TIME_WAIT && (y->sent_syn || y->sent_synack) && y->captured && !answers_syn) {
        j->alien = true; /* TIME-WAIT answers a SYN with one, and nothing else: RFC 9293 3.10.7.4 */
        return;
    }
    if (j->sender == TCPSTATE_SERVER && x->sent_syn && !x->sent_synack && !x->spoke && s->seq != x->iss &&
        answers_syn) {
        /* who opens a connection as well answers by the number of its SYN, RFC 9293 figure 7: that SYN was not x's */
        x->sent_syn = x->active_open = j->connection->simultaneous_open = false;
        x->first_syn_ns = 0;
        engine_restore(j, j->sender, TCPSTATE_SYN_RECEIVED, TCPSTATE_ASSUMED);
    }
    if (state_is_synchronized((enum tcpstate_state)x->state) && !x->sent_syn && answers_syn) {
        /* what seemed to be of an older connection was not its own */
        x->has_fin = x->fin_acked = x->peer_fin_taken = false;
        engine_restore(j, j->sender, TCPSTATE_SYN_RECEIVED, TCPSTATE_PROVED);
    }
    if (!y->captured && y->iss_inferred && !y->sent_syn && y->state == TCPSTATE_CLOSED &&
        y->undo.cause == TCPSTATE_UNDO_NONE &&
        !seq_within(s->ack - 1, y->iss - FEW_NUMBERS, y->iss + FEW_NUMBERS)) { /* that SYN was not y's; this is */
        y->iss = s->ack - 1;
        y->smax = s->ack;
        engine_move(j, j->receiver, TCPSTATE_EVENT_snd_syn, TCPSTATE_INFERRED);
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
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack, was_established ? TCPSTATE_ASSUMED : TCPSTATE_PROVED);
        if (was_established)
            engine_show(j, TCPSTATE_SYN_RECEIVED);
    } else {
        if (x->state == TCPSTATE_TIME_WAIT) /* the SYN that reopened it was not captured */
            engine_move(j, j->sender, TCPSTATE_EVENT_rcv_syn, TCPSTATE_INFERRED);
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack, TCPSTATE_PROVED);
    }
    x->has_rival = x->sent_synack && x->state == TCPSTATE_SYN_RECEIVED && !x->synack_acked && x->iss != s->seq &&
                   x->synack_ack == s->ack;
    if (x->has_rival)
        x->rival = believed_synack(x);
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
    x->smax_tsval = s->tsval;
    x->has_smax = true;
    x->synack_ack = s->ack;
    x->synack_echo = (s->options & TCPSTATE_OPT_TIMESTAMPS) ? s->tsecr : 0;
    x->synack_index = j->index;
    x->synack_frame = s->frame;
    x->synack_ns = s->time_ns;
    if (x->first_syn_ns == 0)
        x->first_syn_ns = s->time_ns;
    remember_syn_options(j);
    unseen_read_lag(j);
    if (j->x_path->bare.is && j->x_path->bare.end == s->ack &&
        j->x_path->bare.frame == j->connection->summary.syn_frame)
        hindsight_withdraw(j, j->x_path->bare.index, TCPSTATE_VERDICT_NOT_TAKEN); /* an ICMP error was not true */
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
        sender_judge_fin(j);
}

/* It goes on from a SYN that did not look like its own, and acknowledges the answer: it has sent that SYN. */
void sender_believe_syn(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (!x->syn_doubted || j->stale ||
        (y->sent_synack ? !seq_within(j->segment->ack, y->iss + 1, y->smax) : y->captured) ||
        !seq_within(j->segment->seq, x->iss + 1, x->iss + 1 + NUMBERS_FAR))
        return;
    x->syn_doubted = false;
    if (state_is_synchronized((enum tcpstate_state)x->state) && x->state != TCPSTATE_TIME_WAIT)
        engine_restore(j, j->sender, TCPSTATE_CLOSED, TCPSTATE_INFERRED); /* the older connection was gone */
    engine_move(j, j->sender, TCPSTATE_EVENT_snd_syn, TCPSTATE_INFERRED);
}

/* x echoes what it echoed in its SYN,ACK, though the ACK of that has come with a newer timestamp and in its place, so that
 * x would echo it (RFC 7323 4.3): x has not taken it. A hole before what else has come would leave the echo alike, but x
 * would report that (RFC 2018). */
static bool lacks_handshake_ack(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool reports = (x->syn_options & y->syn_options & TCPSTATE_OPT_SACK_PERMITTED) || y->smax == y->iss + 1;

    return j->pure_ack && x->sent_synack && !x->sent_syn && x->synack_acked && !x->spoke && !x->fast_open &&
           (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr != 0 && s->tsecr == x->synack_echo &&
           x->handshake_ack_tsval != 0 && seq_after(x->handshake_ack_tsval, s->tsecr) && s->sack_count == 0 &&
           s->seq == x->iss + 1 && s->ack == x->synack_ack && y->captured && reports;
}

/* x, whose SYN,ACK is all that was captured, has had y's SYN twice (RFC 2883), and sooner than y sends a SYN again: once in y's
 * SYN,ACK, RFC 9293 figure 7. */
static bool has_taken_synack(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    return j->pure_ack && x->sent_synack && !x->sent_syn && !y->captured && s->sack_count > 0 &&
           s->sack[0].right == s->ack && s->sack[0].left == s->ack - 1 && s->ack == x->synack_ack &&
           s->time_ns - x->synack_ns < REPETITION_NS;
}

/* x has sent an ordinary segment, so its handshake is behind it. Infer what was not captured. */
void sender_judge_handshake(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    uint32_t base;
    bool acks_syn;

    switch ((enum tcpstate_state)x->state) {
    case TCPSTATE_CLOSED:
        if (j->connection->summary.roles != TCPSTATE_ROLES_SYN_ACK || x->sent_syn)
            return;
        /* fall through */
    case TCPSTATE_LISTEN: /* its SYN was not captured */
        if (!y->sent_synack || s->ack != y->iss + 1 || s->seq != y->synack_ack || j->stale)
            return;
        x->active_open = true; /* it has asked for the SYN,ACK that it takes */
        if (!x->has_iss) {
            x->has_iss = x->iss_inferred = true;
            x->iss = s->seq - 1;
        }
        engine_restore(j, j->sender, TCPSTATE_SYN_SENT, TCPSTATE_INFERRED);
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_ack_syn, TCPSTATE_ASSUMED);
        return;
    case TCPSTATE_SYN_SENT:
        if (!x->has_iss || !seq_within(s->seq, x->iss + 1, x->iss + 1 + NUMBERS_FAR))
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
                unseen_syn_was_answered(j);
                if (!y->has_rnxt) {
                    y->has_rnxt = y->has_acked = true;
                    y->rnxt = y->acked = x->iss + 1;
                }
                engine_move(j, j->receiver, TCPSTATE_EVENT_snd_synack, TCPSTATE_INFERRED);
                y->first_synack_index = j->index;
                findings_tell(j, TCPSTATE_FINDING_synack_missing, 0, y->iss, 0);
            }
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_ack_syn, TCPSTATE_PROVED);
        }
        return;
    case TCPSTATE_SYN_RECEIVED:
        if (x->fast_open || j->stale || lacks_handshake_ack(j))
            return;
        base = x->has_iss ? x->iss + 1 : s->seq;
        if (has_taken_synack(j)) {
            engine_move(j, j->sender, TCPSTATE_EVENT_rcv_ack_s, TCPSTATE_ASSUMED);
            x->synack_acked = true;
            return;
        }
        acks_syn = (y->has_iss && s->ack == y->iss + 1) || (x->sent_synack && s->ack == x->synack_ack);
        if (j->pure_ack && s->seq == base && acks_syn && !x->synack_acked && (y->captured || !x->sent_syn))
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
        unseen_take_back(j);
        if (!y->captured && y->iss_inferred && x->sent_synack && y->iss + 1 != x->synack_ack &&
            seq_within(s->ack, x->synack_ack, x->synack_ack + NUMBERS_FAR)) {
            y->iss = x->synack_ack - 1; /* of several SYN,ACKs it has taken this one */
            y->smax = s->ack;
            y->has_rnxt = y->has_acked = true;
            y->rnxt = y->acked = x->iss + 1;
        }
        if (!x->synack_acked) {
            j->bridged = true;
            findings_tell(j, TCPSTATE_FINDING_handshake_ack_missing, x->synack_frame, 0, 0);
        }
        x->synack_acked = true;
        return;
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_CLOSE_WAIT:
        if (!lacks_handshake_ack(j))
            return;
        if (!engine_later_than(j, x->handshake_ack_ns)) {
            engine_show(j, TCPSTATE_SYN_RECEIVED);
            return;
        }
        hindsight_note(j, x->handshake_ack_index, x->handshake_ack_frame, TCPSTATE_VERDICT_NOT_TAKEN);
        x->peer_fin_taken = x->synack_acked = false;
        if (x->ignored_acks >= 2)
            x->ignores_acks = true;
        x->refuses_later_echo = x->refuses_later_echo || x->handshake_ack_echoes_later;
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_synack_again, TCPSTATE_ASSUMED);
        return;
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_FIN_WAIT_1:
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK:
    case TCPSTATE_TIME_WAIT:
    case TCPSTATE_STATES: return;
    }
}

/* Text or a FIN of the connection before, that x sent when neither the RST that ended it nor the new SYN had reached it. A
 * FIN long after that may be somebody else's. */
static bool was_sent_before_syn(const struct judgement *j) {
    const struct tcpstate_conversation *c = j->conversation;
    const struct tcpstate_segment *s = j->segment;

    return c->has_previous && (s->length > 0 || (j->fin && !engine_later_than(j, j->y->first_syn_ns))) &&
           s->ack == c->previous_rnxt[s->direction] && numbers_near(s->seq, c->previous_smax[s->direction]) &&
           state_is_synchronized((enum tcpstate_state)c->previous_state[s->direction]);
}

/* x goes on where it was in the connection before: it has sent neither the SYN that was doubted nor the RST that seemed
 * to end that connection. */
void sender_deny_syn(struct judgement *j) {
    enum tcpstate_state before = (enum tcpstate_state)j->conversation->previous_state[j->segment->direction];

    if (j->x->syn_doubted && j->x->state == TCPSTATE_CLOSED && !j->fin && incarnation_goes_on_before(j) &&
        state_is_synchronized(before))
        engine_restore(j, j->sender, before, TCPSTATE_INFERRED);
}

/* x has not left the connection before. An ACK of its TIME-WAIT: the RST that seemed to end that has not, or the SYN that seemed
 * to follow it was somebody else's. Text, behind a SYN in x's name that was doubted: x had not heard of the RST that ended
 * that connection, and is shown as it was there. */
void sender_show_previous(struct judgement *j) {
    const struct tcpstate_conversation *c = j->conversation;
    struct tcpstate_endpoint *x = j->x;

    if (x->state == TCPSTATE_CLOSED && x->undo.cause == TCPSTATE_UNDO_RST_TAKEN &&
        x->undo.state == TCPSTATE_TIME_WAIT && incarnation_is_still_waiting(j)) {
        engine_show(j, TCPSTATE_TIME_WAIT);
        if (!engine_later_than(j, x->undo.time_ns))
            return;
        hindsight_note(j, x->undo.index, x->undo.frame, TCPSTATE_VERDICT_NOT_TAKEN);
        engine_restore(j, j->sender, TCPSTATE_TIME_WAIT, TCPSTATE_ASSUMED); /* no RST ends it: RFC 1337 fix F1 */
        x->spares_time_wait = j->revived = true;
        x->undo.cause = TCPSTATE_UNDO_NONE;
        return;
    }
    if ((x->state == TCPSTATE_SYN_SENT || x->state == TCPSTATE_ESTABLISHED) && x->sent_syn && !x->sent_synack &&
        !x->spoke && incarnation_is_still_waiting(j)) {
        bool has_clock = (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts;
        bool is_later =
            has_clock ? seq_after(j->segment->tsval, x->first_syn_tsval) : engine_later_than(j, x->first_syn_ns);
        engine_show(j, TCPSTATE_TIME_WAIT);
        if (is_later) /* it still answers from there: that SYN was not its own */
            engine_restore(j, j->sender, TCPSTATE_TIME_WAIT, TCPSTATE_ASSUMED);
        return;
    }
    if (x->syn_doubted && x->state == TCPSTATE_CLOSED && j->segment->length > 0 && was_sent_before_syn(j))
        engine_show(j, (enum tcpstate_state)c->previous_state[j->segment->direction]);
}

/* x answers a SYN with an ACK that does not fit it: it still has an older connection (figure 9, or TIME-WAIT), which was
 * not captured or is the one before. */
bool sender_judge_older_connection(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (x->sent_syn || x->sent_synack || x->spoke || !y->sent_syn || y->spoke || !j->ack ||
        (x->state != TCPSTATE_SYN_RECEIVED && x->state != TCPSTATE_LISTEN))
        return false;
    if (seq_within(j->segment->ack, y->iss + 1, y->smax))
        return false;
    if (was_sent_before_syn(j)) {
        engine_show(j, (enum tcpstate_state)j->conversation->previous_state[j->segment->direction]);
        j->numberless = true;
        return true;
    }
    if (incarnation_is_still_waiting(j)) {
        engine_restore(j, j->sender, TCPSTATE_TIME_WAIT, TCPSTATE_ASSUMED);
    } else {
        engine_restore(j, j->sender, TCPSTATE_UNKNOWN, TCPSTATE_NOTHING_TELLS);
        engine_move(j, j->sender, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
    }
    x->has_acked = x->has_rnxt = true;
    x->acked = x->rnxt = j->segment->ack;
    x->has_redge = false;
    return true;
}
