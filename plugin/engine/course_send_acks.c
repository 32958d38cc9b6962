/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What an ACK says of the other end's text, where that is not what is thought to have arrived: more, which nobody captured or
 * somebody else has sent, or less, for something was lost.
 */
#include "course_sending.h"
#include "transition.h"

static const int64_t MS_NS = 1000000;

/* Did a segment of the peer end there? */
static bool is_boundary(const struct sending *t, uint32_t number) {
    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 200; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction != t->s->direction && (course_end_of(q) == number || q->seq == number))
            return true;
    }
    return false;
}

/* It was closed by a RST not long ago: what it had sent until then is still under way. */
static bool was_alive(const struct sending *t, const struct course_end *y) {
    int64_t since_ms = (int32_t)(course_ms(course_heard_ns(t->facts, t->s)) - y->gone_ms);

    return y->state == TCPSTATE_CLOSED && y->gone_ms != 0 &&
           since_ms <= 2 * t->facts->answer_ns[!t->s->direction] / MS_NS + 20;
}

/* x acknowledges more than it had room for, or long after anything new has come. */
static int cost_of_unseen_text(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;
    int cost = 0;

    if (x->has_shift && seq_after(s->ack, seq_max(x->right_edge, x->rcv_nxt) + 1))
        cost += COST_TIMESTAMP;
    if (x->timestamps && x->has_ts_recent && s->tsecr == x->ts_recent &&
        s->time_ns - course_heard_ns(t->facts, s) > 250 * MS_NS)
        cost += COST_ODD;
    return cost;
}

/* Has it acknowledged the last octet long before that can have arrived? */
static bool acknowledges_too_soon(const struct sending *t) {
    const struct tcpstate_segment *s = t->s;
    int64_t since_ns = -1;

    for (uint32_t i = t->index; i-- > 0 && s->time_ns - t->facts->segments[i].time_ns < 3000 * MS_NS;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction != s->direction && seq_before(q->seq, s->ack) && seq_at_least(course_end_of(q), s->ack))
            since_ns = s->time_ns - q->time_ns;
    }
    return since_ns >= 0 && since_ns * 5 < t->facts->next_answer_ns[s->direction];
}

/* Has it acknowledged the last octet and echoed what is older than all that the peer was captured to send of it? Of what is
 * next in line the timestamp is echoed (RFC 7323 4.3). */
static bool echoes_before_octet(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;
    uint32_t acked = x->snd_una;
    bool older = false;

    if (!x->timestamps || !(s->options & TCPSTATE_OPT_TIMESTAMPS) || x->last_ack != x->rcv_nxt)
        return false;
    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == s->direction || (q->flags & (TCPSTATE_SYN | TCPSTATE_RST)))
            continue;
        bool heard = s->time_ns - q->time_ns >= t->facts->answer_ns[s->direction] / 4 * 3; /* can it have been? */
        acked = heard && seq_after(q->ack, acked) && seq_at_most(q->ack, x->snd_nxt) ? q->ack : acked;
        if (q->length == 0 || !seq_within(s->ack - 1, q->seq, course_end_of(q) - 1))
            continue;
        if (seq_before(q->ack, acked))
            return false; /* Linux keeps no timestamp of what acknowledges less than it has heard of already */
        if (!(q->options & TCPSTATE_OPT_TIMESTAMPS) || !seq_before(s->tsecr, q->tsval))
            return false;
        older = true;
    }
    return older;
}

/* Does it tell that somebody else's segment has reached it with the number below its ACK, which the peer has used for
 * an octet too: by what it has received twice (RFC 2883), by an echo, or by the time? */
static bool tells_of_other(const struct sending *t, const struct course_end *x, const struct course_end *y) {
    const struct tcpstate_segment *s = t->s;
    bool again = s->sack_count > 0 && s->sack[0].right == s->ack && s->sack[0].left == s->ack - 1;

    return !y->unseen && !y->fin_sent && s->ack == x->rcv_nxt + 1 &&
           (again || sending_echoes_other(t, x) || echoes_before_octet(t, x) || acknowledges_too_soon(t));
}

static bool has_taken_fin(const struct course_end *x) {
    return x->state == TCPSTATE_CLOSE_WAIT || x->state == TCPSTATE_CLOSING || x->state == TCPSTATE_LAST_ACK ||
           x->state == TCPSTATE_TIME_WAIT;
}

/* Segments of the peer that x has received and nobody has captured, up to the number that it acknowledges. */
void sending_knowing_unseen(struct sending *t, const struct course_end *x, const struct course_end *y, int cost) {
    const struct tcpstate_segment *s = t->s;
    struct course_end e = *x, peer = *y;
    bool fin_was_sacked = y->unseen && x->has_peer_fin && s->ack == x->peer_fin + 1;

    if (!y->has_snd || seq_distance(s->ack, x->rcv_nxt) > 1 << 24)
        return;
    if (has_taken_fin(x))
        return; /* nothing is acknowledged beyond a FIN */
    if (y->unseen) {
        if (!y->fin_sent && y->state != TCPSTATE_ESTABLISHED && y->state != TCPSTATE_CLOSE_WAIT &&
            !(y->state == TCPSTATE_SYN_RECEIVED && y->fast_open) && !was_alive(t, y))
            return;
        course_hear_ack(&e, y);
        if (e.state == TCPSTATE_CLOSED)
            return;
        cost += cost_of_unseen_text(t, x);
    }
    if (!y->fin_sent && seq_after(s->ack, y->snd_nxt) &&
        (y->state == TCPSTATE_ESTABLISHED || y->state == TCPSTATE_CLOSE_WAIT)) {
        struct course_end f = e, g = peer;
        g.before_fin = g.state;
        g.fin_sent = true;
        g.fin = s->ack - 1;
        g.snd_nxt = s->ack;
        course_move(&g, TCPSTATE_EVENT_snd_fin);
        f.rcv_nxt = s->ack;
        course_move(&f, TCPSTATE_EVENT_rcv_fin);
        f.owes_ack = true;
        int text_too = s->ack == y->snd_nxt + 1 || fin_was_sacked ? 0 : y->unseen ? 4 : 3;
        f.has_peer_fin = false;
        f.peer_fin = 0;
        sending_in_connection(t, &f, &g, cost + sending_cost_of_unseen(t, y, s->ack, !s->direction) + text_too);
    }
    bool cut = seq_at_most(s->ack, y->snd_nxt) && !is_boundary(t, s->ack);
    if (cut || seq_after(s->ack, y->snd_nxt) || (y->fin_sent && s->ack == y->fin + 1) || tells_of_other(t, x, y)) {
        /* ... or of somebody else, who spoke in the peer's name */
        struct course_end f = e;
        f.rcv_nxt = s->ack;
        f.owes_ack = true;
        bool one = s->ack == x->rcv_nxt + 1;
        int forged = cost + (sending_echoes_other(t, x) ? 0 : COST_FORGED); /* ... or the echo has been paid for */
        t->forged = true;
        sending_in_connection(t, &f, y, forged + (one ? 2 : 0));
        struct course_end h = f; /* ... and acknowledged its FIN */
        if (course_hear_ack_of_fin(&h))
            sending_in_connection(t, &h, y, forged + (one ? 2 : 0) + 1);
        course_move(&f, TCPSTATE_EVENT_rcv_fin);
        struct course_end own = *y; /* ... with a FIN behind the peer's own text */
        if (fin_was_sacked)
            own.snd_nxt = s->ack - 1;
        sending_in_connection(t, &f, &own, forged + (one || fin_was_sacked ? 0 : 2));
        t->forged = false;
    }
    if (seq_after(s->ack, y->snd_nxt)) {
        if (y->fin_sent)
            return;
        cost += sending_cost_of_unseen(t, y, s->ack, !s->direction) +
                (s->ack == y->snd_nxt + 1 || fin_was_sacked ? (y->sends_octets ? 2 : 3) : 0);
        peer.sends_octets = y->sends_octets || (y->unseen && s->ack == y->snd_nxt + 1);
        peer.snd_nxt = s->ack;
    } else {
        /* captured, thought lost, and sent again without being captured */
        cost += COST_UNSEEN + 2 + (t->facts->is_at[!s->direction] ? COST_AT_END : 0);
        if (cut)
            cost += COST_TIMESTAMP;
    }
    e.rcv_nxt = s->ack;
    e.owes_ack = true;
    if (y->fin_sent && s->ack == y->fin + 1)
        course_move(&e, TCPSTATE_EVENT_rcv_fin);
    sending_in_connection(t, &e, &peer, cost);
}

/* The newest text of the peer that starts there. */
static const struct tcpstate_segment *text_from(const struct sending *t, uint32_t number) {
    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction != t->s->direction && q->seq == number && q->length > 0 &&
            !(q->flags & (TCPSTATE_SYN | TCPSTATE_RST | TCPSTATE_FIN)))
            return q;
    }
    return NULL;
}

/* Does it echo the timestamp of that segment, and of none that was taken before? RFC 7323 4.3: then that has reached it. */
static bool echoes_only(const struct sending *t, const struct tcpstate_segment *lost) {
    const struct tcpstate_segment *s = t->s;

    if (!(s->options & lost->options & TCPSTATE_OPT_TIMESTAMPS) || s->tsecr != lost->tsval)
        return false;
    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q != lost && q->direction != s->direction && q->tsval == s->tsecr && seq_at_most(q->seq, lost->seq))
            return false;
    }
    return true;
}

/* It acknowledges less than was thought to have reached it: text, or a FIN after that, behind a hole, of which nothing told
 * so far. */
void sending_lacking_text(struct sending *t, const struct course_end *x, const struct course_end *y, int cost) {
    const struct tcpstate_segment *s = t->s, *lost;
    struct course_end e = *x;

    if (has_taken_fin(x)) {
        e.state = course_before_peer_fin(x->state);
        e.has_peer_fin = true;
        e.peer_fin = x->rcv_nxt - 1;
    }
    if (seq_before(s->ack, x->last_ack) ||
        (e.state != TCPSTATE_ESTABLISHED && e.state != TCPSTATE_FIN_WAIT_1 && e.state != TCPSTATE_FIN_WAIT_2))
        return;
    lost = text_from(t, s->ack);
    if (lost == NULL)
        return;
    e.rcv_nxt = s->ack;
    if (seq_before(course_end_of(lost), x->rcv_nxt))
        course_add_range(&e, course_end_of(lost), x->rcv_nxt);
    sending_in_connection(t, &e, y, cost + COST_LOST + 1 + (echoes_only(t, lost) ? COST_ECHO : 0));
}
