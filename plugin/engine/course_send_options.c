/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the options of a transmission tell, held against what its sender knows: its clock and what it echoes (RFC 7323),
 * and what it says that it has received (RFC 2018, RFC 2883).
 */
#include "course_sending.h"

static const int64_t MS_NS = 1000000;

/* RFC 7323 5.4: a timestamp clock does not tick more than once in a millisecond. The peer's echo tells that the older
 * one is its own. */
static bool ticks_too_fast(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;
    bool is_echoed = false;

    for (uint32_t i = t->index, seen = 0; x->has_tsval && i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (!(q->options & TCPSTATE_OPT_TIMESTAMPS))
            continue;
        if (q->direction != s->direction)
            is_echoed = is_echoed || q->tsecr == x->tsval;
        else if (q->tsval == x->tsval)
            return is_echoed && seq_distance(s->tsval, q->tsval) > (s->time_ns - q->time_ns) / MS_NS + 1000;
    }
    return false;
}

/* Its clock: never back, and at the pace of its other segments. */
int sending_cost_of_clock(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;
    unsigned d = s->direction;

    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS))
        return 0;
    if (x->has_tsval && seq_before(s->tsval, x->tsval))
        return COST_TIMESTAMP;
    if (!t->facts->has_clock[d] && ticks_too_fast(t, x))
        return COST_TIMESTAMP;
    if (t->facts->has_clock[d]) {
        int64_t off = (int32_t)(s->tsval - (uint32_t)(s->time_ns / MS_NS + t->facts->clock_ms[d]));
        if (off > 20 || off < -1500)
            return COST_TIMESTAMP;
        if (off < -300)
            return COST_ODD;
        if (off < -80)
            return 3;
        if (off < -20)
            return 1;
    }
    return 0;
}

/* Does it echo what nothing captured of the peer carries, though what was sent before it was captured? */
static bool echoes_unseen(const struct sending *t) {
    const struct tcpstate_segment *s = t->s;
    bool has_older = false;

    if (t->facts->unseen[!s->direction] || t->facts->starts_late || s->tsecr == 0)
        return false;
    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == s->direction || !(q->options & TCPSTATE_OPT_TIMESTAMPS))
            continue;
        if (q->tsval == s->tsecr)
            return false;
        has_older = has_older || seq_before(q->tsval, s->tsecr);
    }
    return has_older;
}

/* Does it echo what the peer's clock will tell only later, or what did not leave the peer where all that did was
 * captured? Then a segment of somebody else has reached it. */
bool sending_echoes_other(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;
    unsigned from = !s->direction;

    if (!x->timestamps || !(s->options & TCPSTATE_OPT_TIMESTAMPS) || !(s->flags & TCPSTATE_ACK) ||
        (x->has_ts_recent && s->tsecr == x->ts_recent))
        return false;
    return (t->facts->has_clock[from] &&
            (int32_t)(s->tsecr - (uint32_t)(s->time_ns / MS_NS + t->facts->clock_ms[from])) > 1000) ||
           (t->facts->is_at[from] && echoes_unseen(t));
}

int sending_cost_of_echo(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;

    if (!x->timestamps)
        return (s->options & TCPSTATE_OPT_TIMESTAMPS) ? COST_ODD : 0;
    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS))
        return COST_MISMATCH;
    if (sending_echoes_other(t, x))
        return COST_FORGED;
    if (x->has_ts_recent && s->tsecr != x->ts_recent && echoes_unseen(t))
        return seq_after(s->tsecr, x->ts_recent) ? COST_UNSEEN : COST_TIMESTAMP;
    if (x->has_ts_recent && s->tsecr != x->ts_recent)
        return t->facts->unseen[!s->direction] && seq_after(s->tsecr, x->ts_recent) ? 0 : COST_ECHO;
    return 0;
}

/* It tells what it has received of an end of which nothing was captured. */
static int cost_of_unseen_sack(const struct sending *t, struct course_end *x, const struct course_end *y) {
    for (unsigned i = 0; i < t->s->sack_count; i++) {
        const struct tcpstate_sack *sack = &t->s->sack[i];
        if (y->fin_sent && seq_after(sack->right, y->fin + 1))
            return COST_SACK_FALSE;                                              /* text behind a FIN */
        if (sack->right == sack->left + 1 && seq_after(sack->left, t->s->ack)) { /* a FIN behind a hole, perhaps */
            x->has_peer_fin = true;
            x->peer_fin = sack->left;
        }
    }
    return 0;
}

/* It acknowledges the FIN of its peer, and nothing comes after that: it keeps nothing of beyond. (In CLOSING and TIME-WAIT
 * its first ACK may still tell of it: Linux.) */
static bool has_all(const struct course_end *x, const struct tcpstate_segment *s) {
    return (x->state == TCPSTATE_CLOSE_WAIT || x->state == TCPSTATE_LAST_ACK) && s->ack == x->rcv_nxt;
}

/* RFC 2018, RFC 2883: does it tell of what it has received as it would? Where it does not, it is believed. */
int sending_cost_of_sack(const struct sending *t, struct course_end *x, const struct course_end *y) {
    const struct tcpstate_segment *s = t->s;
    unsigned told = 0;
    int cost = 0;
    bool again = false;

    if (y->unseen)
        return cost_of_unseen_sack(t, x, y);
    if (!x->sack || t->syn || t->rst)
        return 0;
    if (x->state == TCPSTATE_TIME_WAIT && x->last_ack == s->ack && s->sack_count > 0)
        cost += COST_SACK; /* the stacks keep so little of it then that there is nothing to tell */
    for (unsigned i = 0; i < s->sack_count; i++) {
        uint32_t left = s->sack[i].left, right = s->sack[i].right;
        bool known = false;
        if (i == 0 && (seq_at_most(right, s->ack) || (s->sack_count > 1 && seq_at_least(left, s->sack[1].left) &&
                                                      seq_at_most(right, s->sack[1].right)))) {
            again = true;
            if (x->has_again ? left != x->again_left : seq_at_most(right, s->ack))
                cost += COST_SACK - 1;
            continue;
        }
        if (seq_at_most(right, s->ack) || seq_distance(right, s->ack) > 1 << 28)
            return cost + COST_SACK_FALSE;
        if (has_all(x, s))
            cost += COST_SACK_FALSE;
        for (unsigned k = 0; k < x->range_count; k++)
            if (seq_at_least(left, x->ranges[k].left) && seq_at_most(right, x->ranges[k].right)) {
                known = true;
                if (left == x->ranges[k].left && right == x->ranges[k].right)
                    told++;
            }
        if (!known) {
            cost += t->facts->is_at[!s->direction] && seq_at_most(right, y->snd_nxt) ? COST_SACK_FALSE : COST_SACK;
            course_add_range(x, left, right);
            if (y->fin_sent && !x->has_peer_fin && seq_within(y->fin, left, right - 1)) {
                x->has_peer_fin = true;
                x->peer_fin = y->fin;
            } else if (right == left + 1 && !x->has_peer_fin && seq_at_least(left, y->snd_nxt)) {
                x->has_peer_fin = true; /* one number that the peer has not sent: a FIN of somebody else */
                x->peer_fin = left;
            }
            told++;
        } else if (told <= i && !(i == 0 && again)) {
            cost += COST_SACK; /* not all that it has */
            told = i + 1;
        }
    }
    if (x->has_again && !again && s->length == 0)
        cost += 2;
    if (x->range_count > told && s->length == 0 && !(s->flags & TCPSTATE_FIN) && s->sack_count < 3)
        cost += COST_SACK;
    return cost;
}
