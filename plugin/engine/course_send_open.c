/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SYN and SYN,ACK: how well one fits the endpoint that is said to have sent it.
 */
#include "course_sending.h"
#include "segment.h"
#include "transition.h"

#include <string.h>

enum { FROM_TIME_WAIT = 65537 }; /* so far beyond SND.NXT Linux goes on */
static const int64_t MS_NS = 1000000;

static void read_syn_options(struct course_end *x, const struct tcpstate_segment *s) {
    x->timestamps = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
    x->sack = (s->options & TCPSTATE_OPT_SACK_PERMITTED) != 0;
    x->has_shift = !segment_scale_is_cut(s);
    x->shift = (s->options & TCPSTATE_OPT_WINDOW_SCALE) ? (uint8_t)(s->window_shift > 14 ? 14 : s->window_shift) : 0;
    x->syn_had_mss = (s->options & TCPSTATE_OPT_MSS) != 0;
}

/* ... unlike those of the common stacks: RFC 9293 3.7.1, and a window, which is not scaled there, for a segment at least;
 * none at all has a SYN,ACK whose application does not read. */
static int cost_of_syn_options(const struct sending *t, const struct course_end *x, int without_mss) {
    const struct tcpstate_segment *s = t->s;
    bool closed = s->window == 0 && (s->flags & TCPSTATE_ACK);
    int cost = s->window < TCPSTATE_DEFAULT_MSS && !closed ? COST_WINDOW : 0;

    if (s->options & TCPSTATE_OPT_MSS)
        return cost;
    if (t->facts->mss)
        return cost + (x->syn_had_mss ? COST_FORGED : without_mss);
    return cost + (!(s->flags & TCPSTATE_ACK) && (s->options & TCPSTATE_OPT_TIMESTAMPS) ? 2 : 0);
}

static void open_anew(struct course_end *e, struct course_sent *v, const struct tcpstate_segment *s) {
    memset(e->ranges, 0, sizeof e->ranges);
    e->range_count = 0;
    e->sack_right = e->peer_fin = e->fin = e->syn_data = 0;
    e->has_peer_fin = e->fin_sent = e->has_rcv = e->app_gone = e->app_stays = e->owes_ack = e->fast_open = false;
    e->has_free = e->keeps_on = e->has_first_seq = false;
    e->first_seq = e->free_to = e->fin_ms = e->fin_due_ms = e->synack_ms = 0;
    e->synacks = 0;
    e->synack_tsval = 0;
    e->rcv_nxt = e->irs = e->last_ack = e->right_edge = 0;
    e->has_ts_recent = false;
    e->ts_recent = 0;
    e->state = TCPSTATE_CLOSED;
    course_move(e, TCPSTATE_EVENT_snd_syn);
    e->active_open = true;
    e->iss = e->snd_una = s->seq;
    e->snd_nxt = s->seq + 1 + s->length;
    e->has_snd = true;
    read_syn_options(e, s);
    sending_note(e, s);
    v->shown = e->state;
}

/* A SYN that comes again is the same segment, but for its timestamp: RFC 9293 3.8.1. */
static int cost_of_other_syn(const struct sending *t) {
    const uint32_t fixed = TCPSTATE_OPT_MSS | TCPSTATE_OPT_WINDOW_SCALE | TCPSTATE_OPT_SACK_PERMITTED;
    const struct tcpstate_segment *s = t->s;

    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 64; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == s->direction && q->seq == s->seq &&
            (q->flags & (TCPSTATE_SYN | TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_SYN)
            return q->window != s->window || ((q->options ^ s->options) & fixed) ? COST_ODD : 0;
    }
    return 0;
}

void sending_syn(struct sending *t, const struct course_end *x, const struct course_end *y) {
    const struct tcpstate_segment *s = t->s;
    int cost = sending_cost_of_clock(t, x) + sending_cost_of_replies(x->reply_count);
    struct course_sent *v;
    int looks_odd, looks_old = 0;
    bool again = x->state == TCPSTATE_SYN_SENT && s->seq == x->iss;

    if (again) {
        cost += cost_of_other_syn(t);
        v = sending_add(t, x, y, cost + (y->unseen && y->state == TCPSTATE_SYN_RECEIVED ? COST_LOST - 2 : 0));
        if (v != NULL)
            sending_note(&v->sender, s);
        return;
    }
    if (x->state == TCPSTATE_SYN_RECEIVED && x->active_open && s->seq == x->iss) {
        v = sending_add(t, x, y, cost + COST_STALE);
        if (v != NULL) {
            v->shown = TCPSTATE_SYN_SENT;
            sending_note(&v->sender, s);
        }
        return;
    }
    switch ((enum tcpstate_state)x->state) {
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_CLOSED:
    case TCPSTATE_LISTEN:
        if (x->has_snd && x->active_open && s->seq == x->iss)
            cost += COST_ODD; /* RFC 9293 3.4.1: another number for another connection; refused, some try the same */
        break;
    case TCPSTATE_TIME_WAIT: cost += 2; break;
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_LAST_ACK:
    case TCPSTATE_CLOSING: cost += COST_SILENT; break;
    case TCPSTATE_SYN_SENT: cost += course_cost_of_silence(x); break;
    case TCPSTATE_FIN_WAIT_1:
    case TCPSTATE_SYN_RECEIVED:
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_CLOSE_WAIT:
    case TCPSTATE_STATES: cost += COST_SILENT + 3; break;
    }
    looks_odd = cost_of_syn_options(t, x, COST_TIMESTAMP);
    if ((s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr != 0 &&
        !(x->fin_sent && s->seq - x->snd_nxt == FROM_TIME_WAIT &&
          s->tsecr == x->ts_recent)) /* so Linux leaves TIME-WAIT */
        looks_odd += COST_TIMESTAMP; /* RFC 7323 3.2: there is nothing to echo yet */
    if (t->fin)
        looks_odd += COST_MISMATCH;
    if (x->listens)
        cost += 2;
    if (x->state == TCPSTATE_SYN_SENT && x->has_snd && seq_before(s->seq, x->iss))
        looks_old = COST_ODD; /* RFC 9293 3.4.1: the numbers of new attempts rise */
    if (x->state >= TCPSTATE_SYN_RECEIVED && x->has_snd && seq_at_least(s->seq + 65536, x->snd_nxt) &&
        seq_before(s->seq, x->snd_nxt + 65536))
        looks_old = COST_ODD; /* RFC 9293 3.4.1: its own number would lie elsewhere */
    cost += looks_odd + looks_old;
    if (y->unseen && x->state >= TCPSTATE_SYN_RECEIVED) { /* or a RST of the other end has ended that */
        struct course_end gone = *y;
        gone.state = TCPSTATE_CLOSED;
        v = sending_add(t, x, &gone, COST_UNSEEN - 1 + looks_odd + looks_old + sending_cost_of_clock(t, x));
        if (v != NULL)
            open_anew(&v->sender, v, s);
    }
    v = sending_add(t, x, y, cost);
    if (v != NULL)
        open_anew(&v->sender, v, s);
}

/* RFC 9293 3.4.1: the numbers of the connections of a pair of sockets are those of a clock that ticks every 4
 * microseconds, or more often: every 64 ns at Linux. From TIME-WAIT that goes on just beyond what it had sent. */
int sending_cost_of_unseen_iss(const struct sending *t, const struct course_end *y, uint32_t iss) {
    int64_t answer_ns = t->facts->answer_ns[0] + t->facts->answer_ns[1], elapsed_ns, slack_ns = 20 * MS_NS + answer_ns;
    const struct tcpstate_segment *first = NULL;

    if (!y->has_snd || iss - y->snd_nxt == FROM_TIME_WAIT - 1 || iss - y->snd_nxt == FROM_TIME_WAIT)
        return 0;
    for (uint32_t i = 0; i < t->index && first == NULL; i++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if ((q->flags & (TCPSTATE_ACK | TCPSTATE_RST)) == TCPSTATE_ACK && q->ack == y->iss + 1)
            first = q;
    }
    if (first == NULL || t->s->time_ns - first->time_ns > 200000 * MS_NS)
        return 0;
    elapsed_ns = t->s->time_ns - first->time_ns;
    return (int64_t)(iss - y->iss) > (elapsed_ns + slack_ns) / 64 ||
                   (int64_t)(iss - y->iss) < (elapsed_ns - slack_ns) / 4096
               ? COST_FORGED
               : 0;
}

/* A SYN,ACK agrees only to what its SYN has offered (RFC 7323 2.2, 3.2; RFC 2018 2), and a host offers the same each time:
 * does this one lack what the one before has agreed to? */
static bool agrees_to_less(const struct sending *t) {
    const uint32_t offers = TCPSTATE_OPT_WINDOW_SCALE | TCPSTATE_OPT_SACK_PERMITTED | TCPSTATE_OPT_TIMESTAMPS;
    const struct tcpstate_segment *s = t->s;

    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == s->direction && (q->flags & TCPSTATE_SYN) && (q->flags & TCPSTATE_ACK) &&
            (q->options & TCPSTATE_OPT_MSS) && q->ack != s->ack)
            return (q->options & ~s->options & offers) != 0;
    }
    return false;
}

/* With Fast Open it has sent text and its FIN already, but its SYN is not acknowledged: RFC 7413 4.2.2. */
static bool repeats_behind_fin(const struct course_end *x, const struct tcpstate_segment *s) {
    return x->state == TCPSTATE_FIN_WAIT_1 && x->fast_open && x->has_snd && s->seq == x->iss && x->snd_una == x->iss;
}

void sending_synack(struct sending *t, const struct course_end *x, const struct course_end *y) {
    const struct tcpstate_segment *s = t->s;
    int cost = sending_cost_of_clock(t, x) + sending_cost_of_replies(x->reply_count);
    struct course_end opener = *y, e = *x;
    bool reset = y->unseen && x->state >= TCPSTATE_SYN_RECEIVED && x->state != TCPSTATE_TIME_WAIT &&
                 (!x->has_snd || x->iss != s->seq); /* ... by what was not captured */
    bool unseen = (x->state != TCPSTATE_SYN_RECEIVED && !repeats_behind_fin(x, s)) || reset;
    int cost_of_syn = 0; /* of one that was not captured */

    if (x->state == TCPSTATE_CLOSED || x->state == TCPSTATE_LISTEN || x->state == TCPSTATE_TIME_WAIT ||
        x->state == TCPSTATE_UNKNOWN || reset) { /* its SYN was not captured */
        cost_of_syn = reset ? COST_UNSEEN - 1 : y->unseen ? 1 : COST_UNSEEN;
        if (y->unseen && !(y->state == TCPSTATE_SYN_SENT && y->iss + 1 == s->ack))
            cost_of_syn += sending_cost_of_unseen_iss(t, y, s->ack - 1) + (agrees_to_less(t) ? COST_TIMESTAMP : 0);
        if (y->state == TCPSTATE_SYN_SENT && y->iss + 1 == s->ack)
            cost_of_syn += COST_NO_REPLY;                     /* ... or was not thought to have opened anything */
        else if (y->state == TCPSTATE_SYN_SENT && !y->unseen) /* an old one, RFC 9293 figure 8, or somebody else's */
            cost_of_syn += course_acks_older_syn(s->ack, y->iss) ? 0 : COST_SILENT;
        else if (!(y->state == TCPSTATE_CLOSED || y->state == TCPSTATE_LISTEN || y->state == TCPSTATE_UNKNOWN ||
                   y->state == TCPSTATE_TIME_WAIT || reset))
            cost_of_syn += COST_SILENT;
        memset(e.ranges, 0, sizeof e.ranges);
        e.range_count = 0;
        e.sack_right = e.fin = e.peer_fin = e.syn_data = 0;
        e.has_peer_fin = e.fin_sent = e.app_gone = e.app_stays = e.active_open = e.has_snd = false;
        e.state = TCPSTATE_SYN_RECEIVED;
        e.listens = true;
        e.irs = s->ack - 1;
        e.rcv_nxt = s->ack;
        e.has_rcv = true;
        e.last_ack = s->ack;
        e.timestamps = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
        e.sack = (s->options & TCPSTATE_OPT_SACK_PERMITTED) != 0;
        e.has_ts_recent = e.timestamps;
        e.ts_recent = s->tsecr;
        if (y->state != TCPSTATE_SYN_SENT) {
            opener.state = TCPSTATE_SYN_SENT;
            opener.active_open = true;
            opener.iss = opener.snd_una = s->ack - 1;
            opener.snd_nxt = s->ack;
            opener.has_snd = true;
            opener.has_rcv = opener.fin_sent = false;
            opener.timestamps = e.timestamps;
            opener.sack = e.sack;
            opener.fin = 0;
        }
    } else if (x->state == TCPSTATE_SYN_SENT && s->seq == x->iss && !y->unseen) {
        /* RFC 9293 3.10.7.3 fourth: somebody else's SYN has reached it, and was not captured. For that one need not know its
         * numbers, as for an answer in its name. */
        course_move(&e, TCPSTATE_EVENT_rcv_syn);
        e.irs = s->ack - 1;
        e.rcv_nxt = e.last_ack = s->ack;
        e.has_rcv = true;
        e.timestamps = x->timestamps && (s->options & TCPSTATE_OPT_TIMESTAMPS);
        e.has_ts_recent = e.timestamps;
        e.ts_recent = s->tsecr;
        cost += COST_FORGED - COST_NO_REASON;
        t->forged = true;
        unseen = false;
    } else if (x->state == TCPSTATE_SYN_RECEIVED || repeats_behind_fin(x, s)) {
        if (s->ack != x->rcv_nxt && !(x->syn_data > 0 && !x->has_snd && s->ack == x->rcv_nxt + x->syn_data))
            cost += COST_MISMATCH;
        if (x->has_snd && s->seq != x->iss)
            cost += COST_MISMATCH;
    } else {
        return;
    }
    cost += cost_of_syn_options(t, x, COST_TIMESTAMP);
    if (e.timestamps && (s->options & TCPSTATE_OPT_TIMESTAMPS) && e.has_ts_recent && s->tsecr != e.ts_recent)
        cost += seq_after(s->tsecr, e.ts_recent) ? COST_TIMESTAMP : COST_ECHO; /* newer: it has not heard that yet */
    if (t->fin && !e.fast_open)
        cost += COST_MISMATCH;
    if (!e.has_snd) {
        e.iss = e.snd_una = s->seq;
        e.snd_nxt = s->seq + 1;
        e.has_snd = true;
        if (s->ack != e.rcv_nxt) {
            e.fast_open = true;
            e.rcv_nxt = s->ack;
        }
        e.syn_data = 0;
        e.timestamps = e.timestamps && (s->options & TCPSTATE_OPT_TIMESTAMPS);
        e.sack = e.sack && (s->options & TCPSTATE_OPT_SACK_PERMITTED);
        e.syn_had_mss = (s->options & TCPSTATE_OPT_MSS) != 0;
        e.has_shift = !segment_scale_is_cut(s);
        e.shift = (s->options & TCPSTATE_OPT_WINDOW_SCALE) ? (uint8_t)(s->window_shift > 14 ? 14 : s->window_shift) : 0;
    }
    if (s->length > 0 && seq_after(s->seq + 1 + s->length, e.snd_nxt))
        e.snd_nxt = s->seq + 1 + s->length;
    e.synacks =
        (uint8_t)(x->state == TCPSTATE_SYN_RECEIVED && x->synack_ms != 0 && x->synacks < 6 ? x->synacks + 1 : 0);
    e.synack_ms = course_ms(s->time_ns);
    e.synack_tsval = e.timestamps ? s->tsval : 0;
    sending_note(&e, s);
    if (unseen && y->state != TCPSTATE_SYN_SENT) { /* the SYN was an old one, RFC 9293 figure 8, or somebody else's */
        bool old = y->has_snd && y->iss + 1 == s->ack;
        int cost_of_others = COST_UNSEEN + (old ? 0 : 2);
        t->forged = !old;
        if (y->unseen && !y->has_snd)
            cost_of_others = COST_FORGED; /* nothing tells of another connection of that end */
        sending_add(t, &e, y, cost + cost_of_others + (x->listens ? 0 : 3));
        t->forged = false;
        cost_of_syn += (old ? 3 : 0) + (t->facts->is_at[!s->direction] ? COST_AT_END : 0);
    }
    sending_add(t, &e, &opener, cost + cost_of_syn);
    t->forged = false;
}
