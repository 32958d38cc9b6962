/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the delivery of a segment does to its receiver, y, if it arrives: RFC 9293 3.10.7, in the order in which each
 * state examines a segment. A segment or part that fails a check yields no event. All of this is assumed until y's own
 * segments confirm it.
 */
#include "judgement.h"

/* An ACK that y must not accept: it answers with a RST of that number, and may stay as it is. */
static void note_bad_ack(struct judgement *j) {
    j->y->has_bad_ack = true;
    j->y->bad_ack = j->segment->ack;
    j->y->bad_ack_frame = j->segment->frame;
}

/* Does it echo what y has sent after its SYN,ACK: RFC 7323 3.2? */
static bool echoes_after_synack(const struct judgement *j) {
    return (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && j->y->synack_tsval != 0 &&
           seq_after(j->segment->tsecr, j->y->synack_tsval);
}

/* The ACK of y's SYN,ACK. */
static void note_handshake_ack(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *y = j->y;

    y->handshake_ack_frame = s->frame;
    y->handshake_ack_index = j->index;
    y->handshake_ack_ns = s->time_ns;
    y->handshake_ack_tsval = (s->options & TCPSTATE_OPT_TIMESTAMPS) ? s->tsval : 0;
    y->handshake_ack_echoes_later = echoes_after_synack(j);
}

static void take_rst(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    struct tcpstate_endpoint *y = j->y;
    bool has_aborted = x->state == TCPSTATE_CLOSED && x->undo.cause == TCPSTATE_UNDO_RST_SENT &&
                       x->undo.is_abort; /* before this one */

    if (y->state == TCPSTATE_CLOSED)
        return;
    y->undo = (struct tcpstate_undo){.cause = TCPSTATE_UNDO_RST_TAKEN,
                                     .state = y->state,
                                     .certainty = y->certainty,
                                     .frame = j->segment->frame,
                                     .index = j->index,
                                     .rnxt = y->rnxt,
                                     .rst_seq = j->segment->seq,
                                     .is_abort = j->ack || x->has_doubted_abort || has_aborted,
                                     .time_ns = j->segment->time_ns};
    j->rst_accepted = true;
    engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_rst, TCPSTATE_ASSUMED);
}

static void take_syn(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t after = j->segment->seq + 1;

    y->has_acked = y->has_rnxt = true;
    y->acked = y->rnxt = after;
    if (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) {
        y->has_ts_recent = true;
        y->ts_recent = j->segment->tsval;
    }
    if (j->segment->length > 0) {
        ranges_add(x, after, after + j->segment->length, j);
        if (j->segment->options & TCPSTATE_OPT_FAST_OPEN_COOKIE)
            y->rnxt = after + j->segment->length;
    }
}

/* A FIN moves y as soon as every octet before it has arrived; it may have been captured long before. Whoever sent it. */
static void take_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (y->peer_fin_taken || y->state == TCPSTATE_SYN_SENT || y->state == TCPSTATE_CLOSED ||
        y->state == TCPSTATE_LISTEN)
        return;
    y->peer_fin_taken = true;
    x->has_wire_fin = true;
    x->wire_fin = y->rnxt - 1;
    x->wire_fin_frame = j->segment->frame;
    x->wire_fin_index = j->index;
    for (unsigned i = 0; i < x->range_count; i++)
        if (x->ranges[i].fin && x->ranges[i].right == y->rnxt) {
            x->wire_fin_frame = x->ranges[i].frame;
            x->wire_fin_index = x->ranges[i].index;
        }
    y->crossed = hindsight_says(j, x->wire_fin_index, TCPSTATE_VERDICT_CROSSED);
    engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_fin, TCPSTATE_ASSUMED);
}

/* RFC 9293 3.10.7.4 seventh and eighth: data and FIN. */
static void take_text(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    uint32_t left = s->seq + (j->syn ? 1 : 0);
    uint32_t right = left + s->length + (j->fin ? 1 : 0), reach;
    bool fin_reached;

    if (!y->has_rnxt)
        return;
    if (right != left && seq_after(right, y->acked))
        ranges_add(x, left, right, j);
    if ((s->options & TCPSTATE_OPT_TIMESTAMPS) && seq_at_most(s->seq, y->acked) &&
        (!y->has_ts_recent || seq_after(s->tsval, y->ts_recent))) { /* RFC 7323 4.3 */
        y->ts_recent_before = y->has_ts_recent ? y->ts_recent : s->tsval;
        y->ts_recent_index = j->index;
        y->ts_recent_seq = s->seq;
        y->ts_recent = s->tsval;
        y->has_ts_recent = true;
    }
    reach = ranges_reach(x, y, &fin_reached);
    if (seq_at_least(reach, y->rnxt)) {
        y->rnxt = reach;
        if (fin_reached)
            take_fin(j);
    }
}

/* RFC 9293 3.10.7.4 fifth. True if the segment may be looked at further. */
static bool take_ack(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;
    uint32_t ack = j->segment->ack;

    if (!j->ack)
        return false;
    if (y->state == TCPSTATE_SYN_RECEIVED) {
        if (!seq_within(ack, y->iss + 1, y->smax)) {
            note_bad_ack(j);
            return false;
        }
        if (!y->sent_synack && !y->sent_syn) { /* its SYN,ACK was not captured: the ACK shows that there was one */
            if (j->x->state == TCPSTATE_SYN_SENT)
                return false;
            if (y->ignores_acks || hindsight_too_early(j, y->first_synack_index)) {
                if (j->segment->length > 0) /* which of its copies is taken in the end, x's ACK will show */
                    ranges_add(j->x, j->segment->seq, j->end, j);
                return false;
            }
            j->handshake_done = true;
            y->una = ack;
            y->has_una = true;
            note_handshake_ack(j);
            engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_ack_s, TCPSTATE_INFERRED);
            return true;
        }
        if (y->refuses_later_echo && echoes_after_synack(j))
            return false;
        if (!y->synack_acked) {
            y->synack_acked = true;
            if (y->ignored_acks < 255)
                y->ignored_acks++;
            note_handshake_ack(j);
            j->handshake_done = true;
        }
        y->una = ack;
        y->has_una = true;
        if (y->sent_synack && hindsight_too_early(j, y->first_synack_index))
            return false;
        if (!y->ignores_acks)
            engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_ack_s, TCPSTATE_ASSUMED);
        else
            return false;
        return true;
    }
    if (j->ack_refused)
        return false;
    if (!acceptable_old_ack(j)) {
        j->acceptable = TCPSTATE_SURELY_NOT;
        return false;
    }
    if (y->state == TCPSTATE_FIN_WAIT_1 && y->sent_synack && !y->synack_acked && seq_after(ack, y->iss)) {
        y->synack_acked = true; /* Fast Open: the FIN left SYN-RECEIVED before this ACK came */
        note_handshake_ack(j);
        j->handshake_done = true;
    }
    if (!y->has_una || seq_after(ack, y->una)) {
        y->una = ack;
        y->has_una = true;
    }
    if (y->has_fin && seq_after(ack, y->fin)) {
        if (!y->fin_acked) {
            y->fin_acked = true;
            knowledge_note_fin_ack(j);
            j->fin_ack_first = true;
        }
        if (y->state == TCPSTATE_LAST_ACK)
            y->undo = (struct tcpstate_undo){.cause = TCPSTATE_UNDO_LAST_ACK,
                                             .state = TCPSTATE_LAST_ACK,
                                             .frame = j->segment->frame,
                                             .index = j->index,
                                             .time_ns = j->segment->time_ns};
        engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_ack_f, TCPSTATE_ASSUMED);
    }
    return true;
}

/* y is believed CLOSED because of a RST: if it lives after all, its SYN,ACK or its FIN is acknowledged. */
static void take_ack_in_case(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;

    if ((y->undo.cause != TCPSTATE_UNDO_RST_TAKEN && y->undo.cause != TCPSTATE_UNDO_RST_SENT) || !j->ordinary ||
        !j->ack || j->alien || j->ack_unsent)
        return;
    if (y->undo.state == TCPSTATE_SYN_RECEIVED && y->sent_synack && !y->synack_acked && j->segment->ack == y->iss + 1) {
        y->undo.state = TCPSTATE_ESTABLISHED;
        y->synack_acked = true;
        note_handshake_ack(j);
    }
    if (!y->has_fin || y->fin_acked || j->segment->ack != y->fin + 1)
        return;
    y->fin_acked = true;
    knowledge_note_fin_ack(j);
    y->una = j->segment->ack;
    y->has_una = true;
    y->undo.state = (uint8_t)engine_peek(TCPSTATE_EVENT_rcv_ack_f, (enum tcpstate_state)y->undo.state);
}

/* RFC 9293 3.10.7.2 */
static void in_listen(struct judgement *j) {
    if (j->rst || !j->syn || j->ack) {
        if (j->ack && !j->rst) {
            note_bad_ack(j);
        }
        return;
    }
    take_syn(j);
    engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_syn, TCPSTATE_ASSUMED);
}

/* RFC 9293 3.10.7.3: the ACK first, then RST, then SYN. */
static void in_syn_sent(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool ack_good = j->ack && seq_within(s->ack, y->iss + 1, seq_max(y->smax, y->iss + 1));

    if (j->ack && !ack_good) {
        if (!j->rst) {
            note_bad_ack(j);
        }
        return;
    }
    if (j->rst) {
        if (ack_good)
            take_rst(j);
        return;
    }
    if (!j->syn)
        return;
    if (j->ack && (s->options & TCPSTATE_OPT_TIMESTAMPS) && y->sent_ts && s->tsecr != 0 &&
        (seq_after(s->tsecr, y->ts_newest) || seq_before(s->tsecr, y->first_syn_tsval))) {
        note_bad_ack(j); /* Linux answers such a SYN,ACK with a RST and goes on waiting */
        return;
    }
    take_syn(j);
    engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_syn, TCPSTATE_ASSUMED);
    if (ack_good) {
        y->una = s->ack;
        y->has_una = true;
        y->synack_acked = true;
        engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_ack_s, TCPSTATE_ASSUMED);
        take_text(j);
    }
}

/* RFC 9293 3.10.7.4 */
static void in_other_states(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    j->acceptable = acceptable_segment(j);
    if (j->rst) {
        if (acceptable_rst(j))
            take_rst(j);
        else if (y->has_rnxt && seq_before(s->seq, y->rnxt))
            j->rst_too_low = true;
        else if (s->seq != y->rnxt) /* exact, yet not taken: nobody answers that */
            j->rst_challenged = true;
        if (!j->rst_accepted && (!y->has_redge || !seq_after(s->seq, y->redge)) &&
            (!y->has_acked || seq_at_least(s->seq, y->acked))) {
            y->has_ignored_rst = true;
            y->ignored_rst_frame = s->frame;
            y->ignored_rst_ns = s->time_ns;
            y->ignored_rst_index = j->index;
        }
        return;
    }
    if (j->acceptable == TCPSTATE_SURELY_NOT) {
        /* a SYN,ACK or FIN again ends exactly at RCV.NXT and passes; a window probe is answered, and that is all */
        if (y->state == TCPSTATE_SYN_RECEIVED)
            y->has_bad_ack = false;
        return;
    }
    if (!acceptable_by_timestamp(j)) {
        j->acceptable = TCPSTATE_SURELY_NOT;
        return;
    }
    if (j->syn) {
        /* figure 7: the SYN,ACK of a simultaneous open still has its ACK read (appendix A.2) */
        if (j->ack && y->state == TCPSTATE_SYN_RECEIVED && y->sent_syn)
            take_ack(j);
        return;
    }
    if ((y->syn_options & TCPSTATE_OPT_MD5) != (s->options & TCPSTATE_OPT_MD5) && (y->sent_syn || y->sent_synack)) {
        j->acceptable = TCPSTATE_SURELY_NOT; /* RFC 2385 */
        return;
    }
    if (take_ack(j))
        take_text(j);
}

/* Its SYN or SYN,ACK was somebody else's: it has refused the answer to it (RFC 9293 3.10.7.1), and may listen. */
static bool refused_answer_to_own_syn(const struct tcpstate_endpoint *y) {
    return y->undo.cause == TCPSTATE_UNDO_RST_SENT && (y->sent_syn || y->sent_synack) && !y->spoke &&
           !y->undo.is_abort && y->undo.no_window && !y->undo.has_rst_tsval && y->undo.rst_seq == y->iss + 1;
}

/* Text that reaches an end which still waits for an ACK: behind what it waits for its FIN may stand, and where its program
 * has closed, text ends the connection (RFC 9293 3.10.4, RFC 1122 4.2.2.13). What it had proved may be over. */
static void doubt_what_text_may_end(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;

    if (j->segment->length > 0 && y->certainty == TCPSTATE_PROVED &&
        state_is_synchronized((enum tcpstate_state)y->state) && y->has_smax && j->ack &&
        seq_after(y->smax, j->segment->ack))
        y->certainty = TCPSTATE_ASSUMED;
}

void receiver_judge(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;
    bool was_refused = hindsight_says(j, j->index, TCPSTATE_VERDICT_REFUSED);

    j->acceptable = TCPSTATE_CANNOT_TELL;
    if (hindsight_says(j, j->index, TCPSTATE_VERDICT_NOT_TAKEN))
        return;
    if (j->candidate)
        return;
    if (y->state == TCPSTATE_UNKNOWN && j->rst && j->ack && j->segment->seq == 0 && j->segment->window == 0 &&
        !j->alien) { /* 3.10.7.1: it answers what had no ACK, a SYN, whose sender it closes */
        unseen_note_refusal(j);
        engine_restore(j, j->receiver, TCPSTATE_CLOSED, TCPSTATE_ASSUMED);
        return;
    }
    if (!y->has_rnxt && j->connection->summary.roles == TCPSTATE_ROLES_GUESS &&
        (j->alien || (j->rst && j->report->started_connection && !was_refused))) {
        if (j->ordinary && j->ack && j->end != j->segment->seq) /* it may be taken later, in its place */
            ranges_add(j->x, j->segment->seq, j->end, j);
        return; /* before any number of y is known nothing tells whether it takes this */
    }
    if (was_refused) { /* y had closed before, without a segment */
        engine_restore(j, j->receiver, TCPSTATE_CLOSED, TCPSTATE_INFERRED);
        return;
    }
    doubt_what_text_may_end(j);
    switch ((enum tcpstate_state)y->state) {
    case TCPSTATE_CLOSED: /* 3.10.7.1: a RST at most */
        take_ack_in_case(j);
        if ((y->undo.cause == TCPSTATE_UNDO_RST_TAKEN || y->undo.cause == TCPSTATE_UNDO_RST_SENT) && j->ordinary &&
            j->segment->length > 0 && y->has_acked && seq_after(j->segment->seq + j->segment->length, y->acked))
            ranges_add(j->x, j->segment->seq, j->segment->seq + j->segment->length, j); /* in case it lives after all */
        if (j->syn && !j->ack && !j->rst &&
            (refused_answer_to_own_syn(y) || (!y->active_open && (y->undo.cause == TCPSTATE_UNDO_RST_TAKEN ||
                                                                  y->undo.cause == TCPSTATE_UNDO_LAST_ACK)))) {
            engine_move(j, j->receiver, TCPSTATE_EVENT_open_passive, TCPSTATE_ASSUMED);
            in_listen(j);
        }
        return;
    case TCPSTATE_LISTEN: in_listen(j); return;
    case TCPSTATE_SYN_SENT: in_syn_sent(j); return;
    case TCPSTATE_UNKNOWN:
        if (j->rst) {
            bool beyond_fin = j->x->has_fin && seq_after(j->segment->seq, j->x->fin + 1);
            j->rst_challenged = rst_is_elsewhere(j) || beyond_fin; /* nothing comes after a FIN */
            if (!j->rst_challenged)
                take_rst(j);
            return;
        }
        if (j->syn && !j->ack) {
            take_syn(j);
            engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_syn, TCPSTATE_ASSUMED);
            return;
        }
        in_other_states(j);
        return;
    case TCPSTATE_TIME_WAIT:
        if (j->syn && !j->ack && !j->rst) {
            /* RFC 6191 2, RFC 9293 3.10.7.4: incarnation.c has made this a new connection */
            bool has_ts = y->has_ts_recent && (j->segment->options & TCPSTATE_OPT_TIMESTAMPS);
            bool by_number = !y->has_rnxt || seq_after(j->segment->seq, y->rnxt);
            bool by_time = has_ts && seq_after(j->segment->tsval, y->ts_recent);
            bool older = has_ts && seq_before(j->segment->tsval, y->ts_recent);
            if (by_time || (by_number && !older)) {
                take_syn(j);
                engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_syn, TCPSTATE_ASSUMED);
            }
            return;
        }
        in_other_states(j);
        return;
    case TCPSTATE_SYN_RECEIVED:
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_FIN_WAIT_1:
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_CLOSE_WAIT:
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK: in_other_states(j); return;
    case TCPSTATE_STATES: return;
    }
}
