/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RST: which segment it answers, from an endpoint without a connection or in the wrong state, or that it aborts one.
 */
#include "course_sending.h"
#include "transition.h"

#include <string.h>

static const int64_t MS_NS = 1000000;

/* Something that it answers in the same words was captured not long ago: it, or a copy, has come late. */
static bool answers_late(const struct sending *t) {
    const struct tcpstate_segment *s = t->s;

    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 64; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (s->time_ns - q->time_ns > 1000 * MS_NS)
            return false;
        if (q->direction == s->direction || (q->flags & TCPSTATE_RST))
            continue;
        if (q->flags & TCPSTATE_ACK ? !t->ack && s->seq == q->ack : t->ack && s->seq == 0 && s->ack == course_end_of(q))
            return true;
    }
    return false;
}

/* What an end sent before it lost its connection has come by now, and this is the first RST since. */
static bool is_long_gone(const struct sending *t, const struct course_end *y) {
    int64_t since_ms = (int32_t)(course_ms(t->s->time_ns) - y->gone_ms);

    if (y->gone_ms == 0 || since_ms <= 2 * t->facts->answer_ns[!t->s->direction] / MS_NS + 20)
        return false;
    for (uint32_t i = t->index; i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if ((int32_t)(course_ms(q->time_ns) - y->gone_ms) < 0)
            return true;
        if (q->direction == t->s->direction && (q->flags & TCPSTATE_RST))
            return false;
    }
    return true;
}

/* Is it long ago that y, which sends no text any more, had to acknowledge what of x ends at this number? */
static bool is_overdue_ack(const struct sending *t, const struct course_end *y, uint32_t number) {
    int64_t limit_ns = 2 * t->facts->answer_ns[!t->s->direction] + 40 * MS_NS;

    if (!y->fin_sent)
        return false;
    for (uint32_t i = t->index; i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == t->s->direction && !(q->flags & TCPSTATE_RST) && course_end_of(q) == number)
            return t->s->time_ns - q->time_ns > limit_ns;
    }
    return false;
}

/* Does something end there that was captured in its sender's name? */
static bool follows_captured(const struct sending *t, uint32_t number) {
    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == t->s->direction && course_end_of(q) == number && q->seq != number)
            return true;
    }
    return false;
}

/* A RST without ACK answers a segment that acknowledges this number: of an end of which nothing is captured. */
static int cost_of_unseen_ack(const struct sending *t, const struct course_end *y, uint32_t number) {
    if (y->state < TCPSTATE_SYN_SENT && !y->has_rcv && follows_captured(t, number))
        return COST_FORGED - 4; /* who has taken nothing acknowledges nothing */
    if (y->state < TCPSTATE_SYN_RECEIVED)
        return y->has_rcv && number == y->rcv_nxt ? COST_LATE + (is_long_gone(t, y) ? 4 : 2) : COST_UNSEEN;
    if (number == y->rcv_nxt)
        return 0;
    if (seq_after(number, y->rcv_nxt) || y->rcv_nxt - number >= 1u << 20)
        return COST_TIMESTAMP;
    if (y->state == TCPSTATE_SYN_RECEIVED)
        return COST_UNSEEN; /* it has acknowledged nothing before */
    return COST_LATE + 3 + (is_overdue_ack(t, y, number) ? 2 : 0);
}

/* The same number as the RST before: what it answers has come again, or is of the same flight. */
static int cost_of_repeated_rst(const struct sending *t, int otherwise) {
    for (uint32_t i = t->index; otherwise > 1 && i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction != t->s->direction)
            continue;
        if (!(q->flags & TCPSTATE_RST) || (q->flags & TCPSTATE_ACK) || q->seq != t->s->seq)
            return otherwise;
        return t->s->time_ns - q->time_ns < 5 * MS_NS ? 0 : 1;
    }
    return otherwise;
}

static void lose_connection(struct course_end *e) {
    e->state = TCPSTATE_CLOSED;
    e->range_count = 0;
    e->sack_right = e->peer_fin = 0;
    e->has_peer_fin = e->owes_ack = e->app_gone = e->app_stays = false;
    memset(e->ranges, 0, sizeof e->ranges);
}

/* Text has come for which nobody is there any more, behind the own FIN or behind what was taken for the FIN of the other
 * end: stacks abort at that, RFC 9293 3.6.1. */
static bool aborts_on_text(const struct course_end *x, const struct course_end *y) {
    if (y->state != TCPSTATE_ESTABLISHED && y->state != TCPSTATE_CLOSE_WAIT)
        return false;
    return x->state == TCPSTATE_FIN_WAIT_1 || x->state == TCPSTATE_FIN_WAIT_2 ||
           ((x->state == TCPSTATE_CLOSE_WAIT || x->state == TCPSTATE_CLOSING || x->state == TCPSTATE_LAST_ACK) &&
            !y->fin_sent && y->snd_nxt == x->rcv_nxt - 1);
}

/* An end that waits for the FIN of x sends nothing of itself, and its own again only after a while: RFC 6298 2.4. Has it
 * anything to acknowledge: text that x sent after, or shortly before, its ACK of that FIN? */
static bool has_nothing_to_say(const struct sending *t, const struct course_end *x, const struct course_end *y) {
    int64_t acked_ns = 0;

    if (y->state != TCPSTATE_FIN_WAIT_1 && y->state != TCPSTATE_FIN_WAIT_2)
        return false;

    for (uint32_t i = t->index; i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction != t->s->direction)
            continue;
        if (course_end_of(q) != q->seq)
            return acked_ns != 0 && acked_ns - q->time_ns > t->facts->answer_ns[!t->s->direction] &&
                   (y->state == TCPSTATE_FIN_WAIT_2 || t->s->time_ns - acked_ns < 200 * MS_NS);
        if ((q->flags & TCPSTATE_ACK) && q->ack == x->rcv_nxt)
            acked_ns = q->time_ns;
    }
    return false;
}

/* Both have closed, y has acknowledged the FIN of x, and nothing has followed that FIN for y to answer. */
static bool has_said_all(const struct sending *t, const struct course_end *x, const struct course_end *y) {
    if (!x->fin_sent || t->s->seq != x->fin + 1 || (y->state != TCPSTATE_FIN_WAIT_2 && y->state != TCPSTATE_TIME_WAIT))
        return false;
    for (uint32_t i = t->index; i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == t->s->direction && !(q->flags & TCPSTATE_RST))
            return (q->flags & TCPSTATE_FIN) && course_end_of(q) == x->fin + 1;
    }
    return false;
}

/* An open end that gives up without a word does so at any time since it was heard last: the less likely the shorter
 * that is. */
static int cost_of_giving_up_now(const struct sending *t, const struct course_end *x) {
    if (x->state != TCPSTATE_ESTABLISHED && x->state != TCPSTATE_CLOSE_WAIT && x->state != TCPSTATE_SYN_SENT &&
        !(x->state == TCPSTATE_SYN_RECEIVED && x->active_open))
        return 0;
    for (uint32_t i = t->index; i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        int64_t since_ns = t->s->time_ns - q->time_ns;
        if (since_ns > 200 * MS_NS)
            break;
        if (q->direction != t->s->direction)
            continue;
        if (x->state == TCPSTATE_SYN_SENT ? (q->flags & TCPSTATE_RST) != 0 /* it has refused a wrong ACK */
                                          : !(q->flags & TCPSTATE_RST) && course_end_of(q) == x->snd_nxt)
            return since_ns < MS_NS ? 3 : since_ns < 100 * MS_NS ? 2 : 1;
    }
    return 0;
}

/* Should the ACK of its SYN,ACK have come long ago, since the other end has it? */
static bool waits_too_long(const struct sending *t, const struct course_end *x, const struct course_end *y) {
    int64_t waited_ms = (int32_t)(course_ms(t->s->time_ns) - x->synack_ms);

    return x->state == TCPSTATE_SYN_RECEIVED && y->state == TCPSTATE_ESTABLISHED &&
           waited_ms > 3 * t->facts->answer_ns[!t->s->direction] / MS_NS + 50;
}

/* A RST that answers what was not captured, as all of that end. */
static void send_rst_to_unseen(struct sending *t, const struct course_end *x, const struct course_end *y) {
    const struct tcpstate_segment *s = t->s;
    struct course_end e = *x, peer = *y;
    bool closed = x->state == TCPSTATE_CLOSED || x->state == TCPSTATE_LISTEN || x->state == TCPSTATE_UNKNOWN;
    int silence = closed ? 0 : course_cost_of_silence(x), cost = silence;

    if (s->window != 0)
        cost += COST_WINDOW;
    sending_note(&e, s);
    if (t->ack) { /* ... a SYN */
        if (s->seq != 0)
            return;
        e.state = TCPSTATE_CLOSED;
        t->forged = true;
        sending_add(t, &e, y, cost + COST_FORGED - 4); /* of somebody else */
        t->forged = false;
        if (s->ack != y->iss + 1) /* else it is the same once more */
            cost += sending_cost_of_unseen_iss(t, y, s->ack - 1);
        peer.active_open = peer.has_snd = true;
        peer.has_rcv = peer.fin_sent = peer.has_peer_fin = peer.listens = false;
        peer.state = TCPSTATE_SYN_SENT;
        peer.iss = peer.snd_una = s->ack - 1;
        peer.snd_nxt = s->ack;
        sending_add(t, &e, &peer, cost + (y->state < TCPSTATE_SYN_RECEIVED ? 0 : COST_SILENT));
        return;
    }
    if (s->options & TCPSTATE_OPT_TIMESTAMPS)
        cost += 3;
    int cost_of_ack = cost_of_unseen_ack(t, y, s->seq);
    cost += closed ? cost_of_repeated_rst(t, cost_of_ack) + (has_said_all(t, x, y) ? 3 : 0) : cost_of_ack;
    if ((x->state == TCPSTATE_SYN_SENT || (x->state == TCPSTATE_SYN_RECEIVED && !x->active_open)) &&
        s->seq != x->snd_nxt)
        sending_add(t, &e, y, cost - silence + (waits_too_long(t, x, y) ? 1 : 0)); /* the ACK was wrong: it stays */
    if (aborts_on_text(x, y))
        cost -= silence - 1;
    else if (!closed)
        cost += cost_of_giving_up_now(t, x) + (has_nothing_to_say(t, x, y) ? 3 : 0);
    e.state = TCPSTATE_CLOSED;
    e.owes_ack = e.has_peer_fin = false;
    e.peer_fin = 0;
    e.keeps_on = true;
    sending_add(t, &e, y, cost);
    if (x->state >= TCPSTATE_ESTABLISHED && y->state >= TCPSTATE_ESTABLISHED && s->seq != y->rcv_nxt &&
        segment_is_refusal(s)) { /* a RST of y has ended it, and somebody else has asked */
        peer.state = TCPSTATE_CLOSED;
        sending_add(t, &e, &peer, COST_UNSEEN - 1 + COST_UNSEEN);
    }
}

/* A RST as one without a connection sends it, to a segment that was not captured: x has lost its own without a word, or
 * is still opening, and the ACK was wrong. */
static void send_rst_to_uncaptured(struct sending *t, const struct course_end *x, const struct course_end *y) {
    const struct tcpstate_segment *s = t->s;
    struct course_end e = *x;
    int silence = course_cost_of_silence(x);
    int cost = sending_cost_of_replies(x->reply_count) + sending_cost_of_question(t, COST_UNSEEN + COST_NO_REPLY);
    bool opens = x->state == TCPSTATE_SYN_SENT || (x->state == TCPSTATE_SYN_RECEIVED && !x->active_open);

    if (x->state < TCPSTATE_SYN_SENT || s->window != 0 || (s->options & TCPSTATE_OPT_TIMESTAMPS) ||
        (t->ack && s->seq != 0))
        return;
    sending_note(&e, s);
    if (opens && !t->ack && s->seq != x->snd_nxt)
        sending_add(t, &e, y, cost);
    lose_connection(&e);
    sending_add(t, &e, y, cost + (opens || silence > COST_SILENT ? silence : COST_SILENT));
}

/* As macOS aborts: with the numbers and the window of the segment that it would send now, but without a timestamp, which a
 * RST should have, and no more (RFC 7323 3.2). */
static bool is_abort_without_timestamp(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;

    if (!x->timestamps || (s->options & TCPSTATE_OPT_TIMESTAMPS) || !x->has_snd || s->seq != x->snd_nxt)
        return false;
    for (uint32_t i = t->index; i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == s->direction && !(q->flags & (TCPSTATE_SYN | TCPSTATE_RST)))
            return q->window == s->window;
    }
    return false;
}

void sending_rst(struct sending *t, const struct course_end *x, const struct course_end *y) {
    const struct tcpstate_segment *s = t->s;
    struct course_end e = *x, peer = *y;
    int cost;

    if (y->unseen && (!t->ack || s->seq == 0))
        send_rst_to_unseen(t, x, y);
    if (y->unseen && !t->ack)
        return;

    for (unsigned i = 0; i < x->reply_count; i++) {
        bool fits = x->replies[i].kind == COURSE_REPLY_RST ? !t->ack && s->seq == x->replies[i].seq
                                                           : t->ack && s->seq == 0 && s->ack == x->replies[i].ack;
        int64_t waited_ms = (int32_t)(course_ms(s->time_ns) - x->replies[i].asked_ms);
        if (!fits || waited_ms > 2 * t->facts->answer_ns[s->direction] / MS_NS + 40)
            continue; /* such an answer comes at once */
        cost = sending_cost_of_replies(i);
        if (!t->ack && (s->options & TCPSTATE_OPT_TIMESTAMPS))
            cost += COST_ODD; /* without a connection there is nothing to fill options */
        if (s->window != 0)
            cost += COST_WINDOW;
        if (waited_ms > t->facts->answer_ns[s->direction] * 3 / 2 / MS_NS + 5)
            cost++;
        e.reply_count = (uint8_t)(x->reply_count - i - 1);
        memmove(&e.replies[0], &x->replies[i + 1], e.reply_count * sizeof e.replies[0]);
        memset(&e.replies[e.reply_count], 0, (COURSE_REPLIES - e.reply_count) * sizeof e.replies[0]);
        struct course_sent *v = sending_add(t, &e, y, cost);
        if (v != NULL)
            v->shown = (uint8_t)x->replies[i].state;
        return;
    }
    send_rst_to_uncaptured(t, x, y);
    cost = sending_cost_of_replies(x->reply_count) + COST_ABORT + sending_cost_of_clock(t, x);
    switch ((enum tcpstate_state)x->state) {
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_CLOSED:
    case TCPSTATE_LISTEN:
        if (t->ack && s->seq != 0)
            return; /* no socket, no numbers */
        if (s->window != 0)
            cost += COST_WINDOW;
        sending_note(&e, s);
        sending_add(t, &e, y,
                    cost - COST_ABORT +
                        (answers_late(t) ? COST_LATE + 2 : sending_cost_of_question(t, COST_UNSEEN + COST_NO_REPLY)));
        return;
    case TCPSTATE_SYN_SENT:
    case TCPSTATE_TIME_WAIT: cost += COST_ODD; break;
    case TCPSTATE_SYN_RECEIVED: cost += x->active_open ? 0 : COST_ODD; break;
    case TCPSTATE_FIN_WAIT_1:
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK: cost++; break; /* most that close do not abort as well */
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_CLOSE_WAIT:
    case TCPSTATE_STATES: break;
    }
    if (!t->ack) /* ... and without a connection there would be nothing to fill options and window */
        cost += (s->options & TCPSTATE_OPT_TIMESTAMPS) ? 2 * COST_ODD
                : s->window != 0                       ? COST_ODD + COST_WINDOW
                                                       : COST_ODD;
    else if (y->unseen && x->has_rcv && seq_after(s->ack, x->rcv_nxt) && !y->fin_sent)
        peer.snd_nxt = s->ack;
    else if (x->has_rcv && s->ack != x->rcv_nxt)
        cost += COST_TIMESTAMP + (y->has_snd && seq_after(s->ack, y->snd_nxt) ? COST_UNSEEN : 0);
    else if (is_abort_without_timestamp(t, x))
        cost += y->unseen ? COST_TIMESTAMP : 2; /* ... of one direction less tells that its numbers are its own */
    else
        cost += sending_cost_of_echo(t, x);
    if (x->has_snd && s->seq != x->snd_nxt && !(x->is_shut && s->seq == x->snd_una))
        cost += seq_before(s->seq, x->snd_una) || seq_after(s->seq, x->snd_nxt) ? COST_TIMESTAMP : COST_ODD;
    lose_connection(&e);
    e.keeps_on = y->unseen;
    sending_note(&e, s);
    if (t->ack && x->has_snd && seq_after(s->seq, x->snd_nxt))
        sending_note_hole(t, &e, s->seq, COST_TIMESTAMP);
    sending_add(t, &e, &peer, cost);
}
