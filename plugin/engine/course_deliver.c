/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the arrival of a segment does to an endpoint: RFC 9293 3.10.7 with RFC 5961 and RFC 7323, as the common stacks
 * keep them. Where they differ, or where it depends on the application, there are several variants.
 */
#include "course.h"
#include "transition.h"

#include <string.h>

void course_move(struct course_end *end, enum tcpstate_event event) {
    bool impossible = false;
    end->state = (uint8_t)tcpstate_transition(event, (enum tcpstate_state)end->state, end->active_open, &impossible);
}

static void owe(struct course_end *end, enum course_reply_kind kind, uint32_t seq, uint32_t ack, int64_t time_ns) {
    if (end->reply_count == COURSE_REPLIES) {
        memmove(&end->replies[0], &end->replies[1], sizeof end->replies - sizeof end->replies[0]);
        end->reply_count--;
    }
    end->replies[end->reply_count].kind = (uint16_t)kind;
    end->replies[end->reply_count].state = end->state;
    end->replies[end->reply_count].seq = seq;
    end->replies[end->reply_count].ack = ack;
    end->replies[end->reply_count].asked_ms = course_ms(time_ns);
    end->reply_count++;
}

/* RFC 9293 3.10.7.1 */
static void answer_with_rst(struct course_end *end, const struct tcpstate_segment *s) {
    if (s->flags & TCPSTATE_RST)
        return;
    if (s->flags & TCPSTATE_ACK)
        owe(end, COURSE_REPLY_RST, s->ack, 0, s->time_ns);
    else
        owe(end, COURSE_REPLY_RST_ACK, 0, course_end_of(s), s->time_ns);
}

/* The connection is gone: nothing of it is remembered but the clocks and whether somebody listens. */
static void forget(struct course_end *end) {
    end->range_count = 0;
    end->sack_right = 0;
    memset(end->ranges, 0, sizeof end->ranges);
    end->has_peer_fin = end->owes_ack = end->has_again = false;
    end->again_left = end->again_right = 0;
    end->peer_fin = 0;
    end->app_gone = end->app_stays = end->fast_open = end->ignores = end->has_first_seq = false;
    end->first_seq = 0;
    end->syn_data = 0;
}

static void close_by(struct course_end *end, enum tcpstate_event event) {
    course_move(end, event);
    end->has_opened = end->has_opened || end->active_open;
    end->active_open = false; /* it may try the same SYN again, and be another connection */
    forget(end);
}

/* RFC 7323 5.3; the common stacks forgive `slack` ticks. */
static bool rejected_by_timestamp(const struct course_end *end, const struct tcpstate_segment *s, unsigned slack) {
    if (!end->timestamps || !end->has_ts_recent || !(s->options & TCPSTATE_OPT_TIMESTAMPS))
        return false;
    return seq_before(s->tsval + slack, end->ts_recent);
}

/* RFC 7323 4.3. Linux does not keep the timestamp of what acknowledges less than it has heard of already; but if that is less
 * than any window, it drops the segment (RFC 5961 5.2), or has not looked. */
static void note_timestamp(struct course_end *end, const struct tcpstate_segment *s) {
    if (!end->timestamps || !(s->options & TCPSTATE_OPT_TIMESTAMPS) || seq_after(s->seq, end->last_ack))
        return;
    if ((s->flags & TCPSTATE_ACK) && !end->unseen && end->state >= TCPSTATE_ESTABLISHED &&
        seq_before(s->ack, end->snd_una) && seq_distance(end->snd_una, s->ack) < 1 << 24)
        return;
    if (end->has_ts_recent && seq_before(s->tsval, end->ts_recent))
        return;
    end->has_ts_recent = true;
    end->ts_recent = s->tsval;
}

void course_add_range(struct course_end *end, uint32_t left, uint32_t right) {
    unsigned kept = 0;

    for (unsigned i = 0; i < end->range_count; i++) { /* what touches the new one is taken into it */
        if (seq_at_most(end->ranges[i].left, right) && seq_at_least(end->ranges[i].right, left)) {
            if (seq_before(end->ranges[i].left, left))
                left = end->ranges[i].left;
            right = seq_max(right, end->ranges[i].right);
        } else {
            end->ranges[kept++] = end->ranges[i];
        }
    }
    if (kept == COURSE_RANGES) /* the oldest is forgotten: one more range than anybody looks at */
        memmove(&end->ranges[0], &end->ranges[1], (--kept) * sizeof end->ranges[0]);
    unsigned at = kept;
    while (at > 0 && seq_after(end->ranges[at - 1].left, left)) {
        end->ranges[at] = end->ranges[at - 1];
        at--;
    }
    end->ranges[at].left = left;
    end->ranges[at].right = right;
    kept++;
    memset(&end->ranges[kept < COURSE_RANGES ? kept : COURSE_RANGES - 1], 0,
           kept < COURSE_RANGES ? (COURSE_RANGES - kept) * sizeof end->ranges[0] : 0);
    end->range_count = (uint8_t)kept;
    end->sack_right = end->ranges[kept - 1].right;
}

static void drain_ranges(struct course_end *end) {
    while (end->range_count > 0 && seq_at_most(end->ranges[0].left, end->rcv_nxt)) {
        end->rcv_nxt = seq_max(end->rcv_nxt, end->ranges[0].right);
        memmove(&end->ranges[0], &end->ranges[1], (end->range_count - 1u) * sizeof end->ranges[0]);
        end->range_count--;
        memset(&end->ranges[end->range_count], 0, sizeof end->ranges[0]);
    }
    if (end->range_count == 0)
        end->sack_right = 0;
}

static bool holds(const struct course_end *end, uint32_t number) {
    for (unsigned i = 0; i < end->range_count; i++)
        if (seq_at_least(number, end->ranges[i].left) && seq_before(number, end->ranges[i].right))
            return true;
    return false;
}

static void take_fin(struct course_end *end) {
    end->rcv_nxt = end->peer_fin + 1;
    end->has_peer_fin = false;
    end->peer_fin = 0;
    end->range_count = 0;
    end->sack_right = 0;
    memset(end->ranges, 0, sizeof end->ranges);
    course_move(end, TCPSTATE_EVENT_rcv_fin);
}

void course_fill(struct course_end *end, uint32_t upto) {
    if (!end->has_free || !end->has_rcv || !seq_after(upto, end->rcv_nxt))
        return;
    if (seq_at_least(upto, end->free_to)) {
        upto = end->free_to;
        end->has_free = false;
        end->free_to = 0;
    }
    if (!seq_after(upto, end->rcv_nxt))
        return;
    end->rcv_nxt = upto;
    end->owes_ack = true;
    drain_ranges(end);
    if (end->has_peer_fin && seq_after(end->rcv_nxt, end->peer_fin))
        take_fin(end);
}

/* Text and FIN of an acceptable segment: RFC 9293 3.10.7.4 seventh and eighth. */
static void take_text(struct course_end *end, const struct tcpstate_segment *s) {
    bool fin = (s->flags & TCPSTATE_FIN) != 0;
    uint32_t left = s->seq + ((s->flags & TCPSTATE_SYN) ? 1 : 0), right = left + s->length;
    bool takes = end->state == TCPSTATE_ESTABLISHED || end->state == TCPSTATE_FIN_WAIT_1 ||
                 end->state == TCPSTATE_FIN_WAIT_2 || (end->state == TCPSTATE_SYN_RECEIVED && end->fast_open);

    if (s->length == 0 && !fin)
        return;
    end->owes_ack = true;
    if (seq_at_most(right + (fin ? 1 : 0), end->rcv_nxt)) {
        end->has_again = true;
        end->again_left = left;
        end->again_right = right + (fin ? 1 : 0);
    }
    if (!takes)
        return;
    if (seq_after(left, end->rcv_nxt)) {
        if (fin && !end->has_peer_fin && !holds(end, right)) {
            end->has_peer_fin = true;
            end->peer_fin = right;
        } else if (end->has_peer_fin && seq_within(end->peer_fin, left, right - 1) && right != left) {
            end->has_peer_fin = false; /* text of the same number takes its place */
            end->peer_fin = 0;
        }
        course_add_range(end, left, right + (fin ? 1 : 0));
        return;
    }
    if (fin && seq_at_least(right, end->rcv_nxt)) {
        end->has_peer_fin = true;
        end->peer_fin = right;
    } else if (end->has_peer_fin && seq_after(right, end->peer_fin)) {
        end->has_peer_fin = false;
        end->peer_fin = 0;
    }
    if (seq_after(right, end->rcv_nxt)) {
        end->rcv_nxt = right;
        drain_ranges(end);
    }
    if (end->has_peer_fin && seq_at_least(end->rcv_nxt, end->peer_fin))
        take_fin(end);
}

static void acknowledge(struct course_end *end, uint32_t ack) {
    if (seq_after(ack, end->snd_una))
        end->snd_una = ack;
    if (end->fin_sent && seq_at_least(ack, end->fin + 1))
        course_move(end, TCPSTATE_EVENT_rcv_ack_f);
    if (end->state == TCPSTATE_CLOSED)
        forget(end);
}

uint8_t course_before_peer_fin(uint8_t state) {
    switch ((enum tcpstate_state)state) {
    case TCPSTATE_CLOSE_WAIT: return TCPSTATE_ESTABLISHED;
    case TCPSTATE_CLOSING: return TCPSTATE_FIN_WAIT_1;
    case TCPSTATE_TIME_WAIT: return TCPSTATE_FIN_WAIT_2;
    default: return TCPSTATE_UNKNOWN;
    }
}

bool course_hear_ack_of_fin(struct course_end *x) {
    uint8_t before = x->state;

    if (!x->fin_sent)
        return false;
    acknowledge(x, x->fin + 1);
    return x->state != before;
}

bool course_hear_ack(struct course_end *x, const struct course_end *y) {
    return y->has_rcv && y->rcv_nxt == x->fin + 1 && course_hear_ack_of_fin(x);
}

bool course_hear_rst(struct course_end *x, const struct course_end *y) {
    for (unsigned i = 0; i < y->reply_count; i++) {
        bool taken = y->replies[i].kind == COURSE_REPLY_RST
                         ? x->state >= TCPSTATE_SYN_RECEIVED && x->has_rcv && y->replies[i].seq == x->rcv_nxt
                         : x->state == TCPSTATE_SYN_SENT && y->replies[i].ack == x->snd_nxt;
        if (!taken)
            continue;
        close_by(x, TCPSTATE_EVENT_rcv_rst);
        return true;
    }
    return false;
}

/* `next`: what it is seen to send then, or NULL. */
static unsigned listen_or_closed(const struct course_end *end, const struct tcpstate_segment *s,
                                 const struct tcpstate_segment *next, struct course_variant *v) {
    unsigned count = 0;
    bool has_begun = end->does_not_listen && next != NULL && course_is_synack(next) && next->ack == course_end_of(s);
    bool opens = end->unseen && (end->active_open || end->has_opened);
    bool syn = (s->flags & TCPSTATE_SYN) != 0, ack = (s->flags & TCPSTATE_ACK) != 0;

    v[0].end = *end;
    v[0].cost = 0;
    if (s->flags & TCPSTATE_RST)
        return 1;
    if (!syn || ack || (s->flags & TCPSTATE_FIN)) {
        if (ack || !end->listens)
            answer_with_rst(&v[0].end, s);
        return 1;
    }
    if (!end->does_not_listen || has_begun) {
        struct course_end *e = &v[count].end;
        *e = *end;
        forget(e);
        e->listens = true;
        e->does_not_listen = e->active_open = false;
        e->state = TCPSTATE_LISTEN;
        course_move(e, TCPSTATE_EVENT_rcv_syn);
        e->irs = s->seq;
        e->rcv_nxt = s->seq + 1;
        e->has_rcv = true;
        e->has_snd = e->fin_sent = false;
        e->snd_nxt = e->snd_una = e->iss = e->fin = 0;
        e->syn_data = s->length;
        e->fast_open = (s->options & TCPSTATE_OPT_FAST_OPEN_COOKIE) != 0;
        e->timestamps = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
        e->sack = (s->options & TCPSTATE_OPT_SACK_PERMITTED) != 0;
        e->has_ts_recent = e->timestamps;
        e->ts_recent = e->timestamps ? s->tsval : 0;
        e->last_ack = e->rcv_nxt;
        e->right_edge = e->rcv_nxt + 65535;
        v[count++].cost = has_begun ? 3 : opens && !end->listens ? 2 : 0;
    }
    if (!end->listens) {
        v[count].end = *end;
        v[count].end.does_not_listen = true;
        v[count].end.state = TCPSTATE_CLOSED;
        answer_with_rst(&v[count].end, s);
        v[count++].cost = opens ? 0 : 1;
    }
    if (count == 2 && opens) { /* the likeliest is the first */
        struct course_variant listening = v[0];
        v[0] = v[1];
        v[1] = listening;
    }
    return count;
}

/* RFC 9293 3.10.7.3 */
static void syn_sent(struct course_end *e, const struct tcpstate_segment *s) {
    bool ack = (s->flags & TCPSTATE_ACK) != 0;

    if (ack && !(seq_after(s->ack, e->iss) && seq_at_most(s->ack, e->snd_nxt))) {
        answer_with_rst(e, s);
        return;
    }
    if (ack && e->timestamps && (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr != 0 && e->has_tsval &&
        !(s->flags & TCPSTATE_RST) && (seq_after(s->tsecr, e->tsval) || seq_before(s->tsecr, e->tsval - 60000))) {
        answer_with_rst(e, s); /* it echoes what was never sent */
        return;
    }
    if (s->flags & TCPSTATE_RST) {
        if (ack)
            close_by(e, TCPSTATE_EVENT_rcv_rst);
        return;
    }
    if (!(s->flags & TCPSTATE_SYN))
        return;
    e->irs = s->seq;
    e->rcv_nxt = s->seq + 1;
    e->last_ack = s->seq;
    e->has_rcv = true;
    e->timestamps = e->timestamps && (s->options & TCPSTATE_OPT_TIMESTAMPS);
    e->sack = e->sack && (s->options & TCPSTATE_OPT_SACK_PERMITTED);
    e->has_ts_recent = e->timestamps;
    e->ts_recent = e->timestamps ? s->tsval : 0;
    e->owes_ack = true;
    course_move(e, TCPSTATE_EVENT_rcv_syn);
    if (!ack)
        return;
    e->snd_una = s->ack;
    course_move(e, TCPSTATE_EVENT_rcv_ack_s);
    take_text(e, s);
}

static bool in_window(const struct course_end *e, const struct tcpstate_segment *s) {
    return seq_at_least(course_end_of(s), e->last_ack) && seq_at_most(s->seq, seq_max(e->right_edge, e->rcv_nxt));
}

static bool resets(const struct course_end *e, const struct tcpstate_segment *s) {
    if (s->seq == e->rcv_nxt || (e->sack && e->sack_right != 0 && s->seq == e->sack_right))
        return true;
    return s->seq == e->rcv_nxt - 1 &&
           (e->state == TCPSTATE_CLOSE_WAIT || e->state == TCPSTATE_LAST_ACK || e->state == TCPSTATE_CLOSING);
}

/* A server that has no more than a SYN: RFC 9293 3.10.7.4 for SYN-RECEIVED. */
static unsigned embryonic(const struct course_end *end, const struct tcpstate_segment *s, struct course_variant *v) {
    struct course_end *e = &v[0].end;

    *e = *end;
    v[0].cost = 0;
    if (!(s->flags & TCPSTATE_RST) && (s->flags & TCPSTATE_SYN) && !(s->flags & TCPSTATE_ACK) && s->seq == e->irs) {
        e->owes_ack = true; /* the SYN again: so is the SYN,ACK */
        return 1;
    }
    bool is_older = !e->has_snd && seq_before(s->seq, e->irs); /* so its ACK is of another number than the SYN,ACK's */
    if ((s->flags & TCPSTATE_ACK) && !(s->flags & TCPSTATE_RST) && !e->fast_open &&
        (is_older || (e->has_snd && s->ack != e->iss + 1))) {
        answer_with_rst(e, s);
        return 1;
    }
    if (rejected_by_timestamp(e, s, 0) || !in_window(e, s)) {
        if (!(s->flags & TCPSTATE_RST))
            e->owes_ack = true;
        return 1;
    }
    if (s->flags & TCPSTATE_RST) {
        if (s->seq == e->rcv_nxt)
            close_by(e, TCPSTATE_EVENT_rcv_rst);
        else
            e->owes_ack = true;
        return 1;
    }
    if (s->flags & TCPSTATE_SYN) {
        e->owes_ack = true;
        return 1;
    }
    if (!(s->flags & TCPSTATE_ACK))
        return 1;
    if (!e->has_snd) { /* its SYN,ACK was not captured: perhaps this one knows the number */
        if (!e->unseen || e->syn_data > 0)
            return 1;
        e = &v[1].end;
        *e = *end;
        v[1].cost = 0;
        e->iss = s->ack - 1;
        e->snd_una = e->snd_nxt = s->ack;
        e->has_snd = e->listens = true;
        note_timestamp(e, s);
        course_move(e, TCPSTATE_EVENT_rcv_ack_s);
        take_text(e, s);
        return 2;
    }
    v[1].end = *end; /* a full queue, or one that waits for data */
    v[1].cost = end->ignores ? 0 : end->unseen ? COST_IGNORED - 3 : COST_IGNORED; /* unseen are also its SYN,ACKs */
    v[1].end.ignores = true;
    if (end->ignores)
        v[0].cost = s->length > 0 ? 1 : 2;
    /* RFC 6298 2: its SYN,ACK would have come again, after one second, two, four ... */
    if ((int32_t)(course_ms(s->time_ns) - end->synack_ms) > (1100 << (end->synacks < 6 ? end->synacks : 6))) {
        int silent = end->unseen ? COST_NO_REPLY : COST_UNSEEN;
        v[0].cost += end->ignores ? silent : 0;
        v[1].cost += silent;
        v[1].end.synack_ms = course_ms(s->time_ns);
        v[1].end.synacks++;
    }
    note_timestamp(e, s);
    e->snd_una = s->ack;
    course_move(e, TCPSTATE_EVENT_rcv_ack_s);
    take_text(e, s);
    if (end->synack_tsval == 0 || !(s->options & TCPSTATE_OPT_TIMESTAMPS) || !seq_after(s->tsecr, end->synack_tsval))
        return 2;
    v[2].end = *end; /* Linux from 6.15 on: it echoes what was sent after the SYN,ACK, and is corrected */
    v[2].end.owes_ack = true;
    v[2].cost = 1;
    return 3;
}

/* RFC 9293 3.10.7.4 for TIME-WAIT, RFC 6191, RFC 1337. */
static unsigned time_wait(const struct course_end *end, const struct tcpstate_segment *s, struct course_variant *v) {
    struct course_end *e = &v[0].end;
    bool paws = rejected_by_timestamp(end, s, 0);
    bool syn = (s->flags & TCPSTATE_SYN) && !(s->flags & (TCPSTATE_ACK | TCPSTATE_RST));

    *e = *end;
    v[0].cost = 0;
    if (s->flags & TCPSTATE_RST) {
        if (paws || s->seq != e->rcv_nxt || end->spares_time_wait)
            return 1;
        v[1].end = *end; /* RFC 1337 fix F1 */
        v[1].end.spares_time_wait = true;
        v[1].cost = end->unseen ? COST_ODD : 1; /* FreeBSD always, Linux if told to */
        close_by(e, TCPSTATE_EVENT_rcv_rst);
        return 2;
    }
    if (!paws && s->seq == e->rcv_nxt && course_end_of(s) == s->seq) {
        note_timestamp(e, s); /* a challenge ACK will echo it */
        return 1;
    }
    if (syn && !paws && !end->does_not_listen &&
        (seq_after(s->seq, e->rcv_nxt) ||
         ((s->options & TCPSTATE_OPT_TIMESTAMPS) && e->has_ts_recent && seq_after(s->tsval, e->ts_recent)))) {
        struct course_end gone = *end;
        unsigned count;
        close_by(&gone, TCPSTATE_EVENT_time_2msl);
        gone.listens = true;
        count = listen_or_closed(&gone, s, NULL, v);
        if (!end->listens) {
            v[count].end = *end;
            v[count].end.owes_ack = v[count].end.does_not_listen = true;
            v[count++].cost = 1;
        }
        return count;
    }
    e->owes_ack = true;
    if (!syn || end->does_not_listen)
        return 1;
    struct course_end gone = *end; /* ... unless its 2MSL were over: nothing tells but the answer */
    close_by(&gone, TCPSTATE_EVENT_time_2msl);
    gone.listens = true;
    listen_or_closed(&gone, s, NULL, &v[1]);
    v[1].cost = 2;
    return 2;
}

/* Text that goes on where a FIN had been taken. */
static bool is_text_across_the_fin(const struct course_end *end, const struct tcpstate_segment *s) {
    bool took_fin =
        end->state == TCPSTATE_CLOSE_WAIT || end->state == TCPSTATE_CLOSING || end->state == TCPSTATE_LAST_ACK;

    return took_fin && seq_before(s->seq, end->rcv_nxt) && seq_after(s->seq + s->length, end->rcv_nxt);
}

/* RFC 9293 3.10.7.4, fifth: an older segment does not update the window. Who has sent it does not matter. */
static void note_window(struct course_end *e, const struct tcpstate_segment *s) {
    if (s->window == 0 && (!e->is_shut || seq_after(s->seq, e->shut_seq))) {
        e->is_shut = true;
        e->shut_seq = s->seq;
    } else if (s->window != 0 && e->is_shut && (seq_after(s->ack, e->snd_una) || seq_at_least(s->seq, e->shut_seq))) {
        e->is_shut = false;
        e->shut_seq = 0;
    }
}

static unsigned synchronized(const struct course_end *end, const struct tcpstate_segment *s, struct course_variant *v) {
    struct course_end *e = &v[0].end;
    bool rst = (s->flags & TCPSTATE_RST) != 0, syn = (s->flags & TCPSTATE_SYN) != 0 && !rst;
    bool own_syn_acked;

    *e = *end;
    v[0].cost = 0;
    if (!rst && rejected_by_timestamp(e, s, 1) &&
        !(s->seq == e->rcv_nxt && s->length == 0 && !(s->flags & (TCPSTATE_FIN | TCPSTATE_SYN)) &&
          s->ack == e->snd_una)) {
        e->owes_ack = true;
        return 1;
    }
    if (rst) {
        bool orphan = e->state == TCPSTATE_FIN_WAIT_2 && !e->app_stays;
        if (resets(e, s)) {
            close_by(e, TCPSTATE_EVENT_rcv_rst);
            if (end->state != TCPSTATE_FIN_WAIT_2 || !rejected_by_timestamp(end, s, 0))
                return 1;
            v[1].end = *end; /* once its program is gone, Linux does not believe it, against RFC 7323 5.2 */
            v[1].end.owes_ack = v[1].end.app_gone = true;
            v[1].end.app_stays = false;
            v[1].cost = orphan ? 1 : 3; /* the program that had stayed has left since */
            return 2;
        }
        if (in_window(e, s)) { /* an orphan listens to any RST that fits */
            v[1].end = *end;
            v[1].cost = orphan ? 1 : COST_ODD + 2; /* else as before RFC 5961 */
            e->owes_ack = true;
            e->app_stays = e->app_stays || orphan;
            close_by(&v[1].end, TCPSTATE_EVENT_rcv_rst);
            return 2;
        }
        return 1;
    }
    if (syn && e->state == TCPSTATE_SYN_RECEIVED && (s->flags & TCPSTATE_ACK) && s->seq == e->irs &&
        s->ack == e->snd_nxt) { /* simultaneous open: RFC 9293 figure 7 */
        e->snd_una = s->ack;
        course_move(e, TCPSTATE_EVENT_rcv_ack_s);
        e->owes_ack = true;
        return 1;
    }
    if (syn || !in_window(e, s)) {
        e->owes_ack = true;
        if (!syn && seq_at_most(course_end_of(s), e->rcv_nxt) && course_end_of(s) != s->seq) {
            e->has_again = true;
            e->again_left = s->seq;
            e->again_right = course_end_of(s);
        }
        return 1;
    }
    if (!(s->flags & TCPSTATE_ACK))
        return 1;
    if (seq_after(s->ack, e->snd_nxt)) {
        if (e->state == TCPSTATE_SYN_RECEIVED)
            answer_with_rst(e, s);
        else
            e->owes_ack = true;
        return 1;
    }
    own_syn_acked = seq_after(s->ack, e->iss);
    if (e->state == TCPSTATE_SYN_RECEIVED) {
        if (!own_syn_acked) {
            answer_with_rst(e, s);
            return 1;
        }
        course_move(e, TCPSTATE_EVENT_rcv_ack_s);
    }
    if (seq_before(s->ack, e->iss) || seq_before(s->ack, e->snd_una - 70000u)) {
        bool is_next = e->state == TCPSTATE_ESTABLISHED && s->length > 0 && s->seq == e->rcv_nxt &&
                       !(s->flags & (TCPSTATE_FIN | TCPSTATE_URG));
        if (is_next) { /* where all else is as expected, stacks do not look at an old ACK before they take the text */
            v[1].end = *e;
            v[1].cost = 2;
            note_timestamp(&v[1].end, s);
            take_text(&v[1].end, s);
        }
        e->owes_ack = true; /* RFC 5961 5.2: nobody acknowledges what was never sent, or so long ago */
        return is_next ? 2 : 1;
    }
    note_timestamp(e, s);
    /* The application is gone, and with it everybody who could read: RFC 9293 3.6.1 MAY-1. */
    if ((e->state == TCPSTATE_FIN_WAIT_1 || e->state == TCPSTATE_FIN_WAIT_2) && s->length > 0 &&
        seq_after(s->seq + s->length, e->rcv_nxt) && !e->app_stays) {
        struct course_end *dead = &v[e->app_gone ? 0 : 1].end;
        if (!e->app_gone)
            *dead = *e;
        dead->state = TCPSTATE_CLOSED;
        forget(dead);
        answer_with_rst(dead, s);
        v[1].cost = 1;
        if (end->app_gone)
            return 1;
        e->app_stays = true;
        note_window(e, s);
        acknowledge(e, s->ack);
        take_text(e, s);
        return 2;
    }
    note_window(e, s);
    acknowledge(e, s->ack);
    if (e->state != TCPSTATE_CLOSED)
        take_text(e, s);
    if (!is_text_across_the_fin(end, s))
        return 1;
    v[1].end = *end; /* RFC 9293 3.10.7.4, seventh: the text is ignored, but Linux aborts */
    v[1].end.state = TCPSTATE_CLOSED;
    forget(&v[1].end);
    answer_with_rst(&v[1].end, s);
    v[1].cost = 1;
    return 2;
}

/* A RST that answers `s` as one who has no connection would: the endpoint must have lost its own before. */
static bool answers_as_closed(const struct tcpstate_segment *s, const struct tcpstate_segment *next) {
    if (next == NULL || !(next->flags & TCPSTATE_RST) || (s->flags & TCPSTATE_RST))
        return false;
    if (s->flags & TCPSTATE_ACK)
        return !(next->flags & TCPSTATE_ACK) && next->seq == s->ack;
    return (next->flags & TCPSTATE_ACK) && next->seq == 0 && next->ack == course_end_of(s);
}

/* ... a SYN,ACK that answers the SYN `s` with a number of its own as one who listens would. */
static bool answers_as_listener(const struct course_end *end, const struct tcpstate_segment *s,
                                const struct tcpstate_segment *next) {
    return next != NULL && (s->flags & (TCPSTATE_SYN | TCPSTATE_ACK | TCPSTATE_RST)) == TCPSTATE_SYN &&
           (next->flags & (TCPSTATE_SYN | TCPSTATE_ACK | TCPSTATE_RST)) == (TCPSTATE_SYN | TCPSTATE_ACK) &&
           next->ack == s->seq + 1 && end->state >= TCPSTATE_ESTABLISHED && end->state != TCPSTATE_TIME_WAIT &&
           next->seq != end->iss;
}

int course_cost_of_silence(const struct course_end *end) {
    switch ((enum tcpstate_state)end->state) {
    case TCPSTATE_FIN_WAIT_2: return COST_SILENT - 3;
    case TCPSTATE_FIN_WAIT_1: /* while its program reads on, a FIN is no reason to give up */
        return end->app_stays ? COST_SILENT + 2 : COST_SILENT - 2;
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK:
    case TCPSTATE_TIME_WAIT:
    case TCPSTATE_SYN_SENT: return COST_SILENT - 2;
    case TCPSTATE_SYN_RECEIVED: return COST_SILENT;
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_CLOSE_WAIT: return COST_SILENT + 2;
    case TCPSTATE_CLOSED:
    case TCPSTATE_LISTEN:
    case TCPSTATE_STATES: return 0;
    }
    return 0;
}

/* An ACK of what it sent before the capture started, if it sent any: else RFC 5961 5.2 answers it, and takes nothing. */
static bool may_be_too_old(const struct course_end *end, const struct tcpstate_segment *s) {
    return end->has_first_seq && end->state >= TCPSTATE_ESTABLISHED && (s->flags & TCPSTATE_ACK) &&
           !(s->flags & (TCPSTATE_RST | TCPSTATE_SYN)) && seq_before(s->ack, end->snd_una) &&
           seq_before(s->ack, end->first_seq);
}

/* An end of which nothing is captured may have sent more than has been acknowledged so far. */
static bool may_have_sent(const struct course_end *end, const struct tcpstate_segment *s) {
    return end->unseen && (end->state == TCPSTATE_ESTABLISHED || end->state == TCPSTATE_CLOSE_WAIT) &&
           (s->flags & TCPSTATE_ACK) && !(s->flags & (TCPSTATE_RST | TCPSTATE_SYN)) && s->seq != course_end_of(s) &&
           seq_after(s->ack, end->snd_nxt) && s->ack - end->snd_nxt < 1u << 16;
}

static unsigned react(const struct course_end *end, const struct tcpstate_segment *s,
                      const struct tcpstate_segment *next, struct course_variant variants[COURSE_VARIANTS]) {
    unsigned count = 0;

    switch ((enum tcpstate_state)end->state) {
    case TCPSTATE_UNKNOWN:
        variants[0].end = *end;
        variants[0].cost = 0;
        count = 1;
        break;
    case TCPSTATE_CLOSED:
    case TCPSTATE_LISTEN: return listen_or_closed(end, s, next, variants);
    case TCPSTATE_SYN_SENT:
        variants[0].end = *end;
        variants[0].cost = 0;
        syn_sent(&variants[0].end, s);
        count = 1;
        break;
    case TCPSTATE_SYN_RECEIVED:
        count = end->active_open ? synchronized(end, s, variants) : embryonic(end, s, variants);
        break;
    case TCPSTATE_TIME_WAIT: count = time_wait(end, s, variants); break;
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_FIN_WAIT_1:
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_CLOSE_WAIT:
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK:
    case TCPSTATE_STATES: count = synchronized(end, s, variants); break;
    }
    if (count < COURSE_VARIANTS && may_be_too_old(end, s)) {
        struct course_variant *v = &variants[count++];
        v->end = *end;
        v->end.owes_ack = true;
        v->cost = 1;
    }
    if (count < COURSE_VARIANTS - 1 && may_have_sent(end, s)) {
        struct course_variant *v = &variants[count++];
        struct course_end ahead = *end;
        ahead.snd_nxt = s->ack;
        synchronized(&ahead, s, v);
        v->end.snd_nxt = end->snd_nxt; /* what it was, only its ACKs will tell */
        v->end.snd_una = end->snd_una;
        v->cost = 2;
    }
    if (count < COURSE_VARIANTS && answers_as_closed(s, next)) {
        struct course_variant *v = &variants[count++];
        v->end = *end;
        v->cost = course_cost_of_silence(end) +
                  (end->state == TCPSTATE_SYN_RECEIVED && variants[0].end.reply_count > end->reply_count
                       ? 1
                       : 0); /* alive, it would say the same */
        v->end.state = TCPSTATE_CLOSED;
        forget(&v->end);
        answer_with_rst(&v->end, s);
    }
    if (count < COURSE_VARIANTS && answers_as_listener(end, s, next)) {
        struct course_variant listening[2];
        struct course_end gone = *end;
        close_by(&gone, TCPSTATE_EVENT_rcv_rst);
        gone.listens = true;
        gone.does_not_listen = false;
        listen_or_closed(&gone, s, NULL, listening);
        variants[count] = listening[0];
        variants[count++].cost = COST_SILENT + 3; /* also where a FIN was to come, for which it would have waited */
    }
    return count;
}

/* RFC 9293 3.8.6.3: an ACK comes within half a second, in practice much sooner, and at once where something is amiss. */
bool course_ack_is_overdue(const struct course_end *end, int64_t now_ns) {
    int64_t waited_ms = (int32_t)(course_ms(now_ns) - end->owed_since_ms);
    return end->owes_text_ack && waited_ms > (end->owes_at_once ? 60 : 250);
}

/* RFC 6298 5: what is not acknowledged is sent again. */
bool course_fin_is_overdue(const struct course_end *end, int64_t now_ns) {
    return end->fin_due_ms != 0 && end->fin_sent && end->snd_una == end->fin && end->state != TCPSTATE_CLOSED &&
           (int32_t)(course_ms(now_ns) - end->fin_due_ms) > 0;
}

unsigned course_deliver(const struct course_end *end, const struct tcpstate_segment *s,
                        const struct tcpstate_segment *next, struct course_variant variants[COURSE_VARIANTS]) {
    unsigned count = react(end, s, next, variants);
    bool text = (s->length > 0 || (s->flags & TCPSTATE_FIN)) && !(s->flags & (TCPSTATE_RST | TCPSTATE_SYN));

    for (unsigned i = 0; i < count; i++) {
        struct course_end *e = &variants[i].end;
        bool lives = e->state >= TCPSTATE_ESTABLISHED;
        if (!e->unseen && end->reply_count == COURSE_REPLIES && e->reply_count == COURSE_REPLIES &&
            memcmp(end->replies, e->replies, sizeof e->replies) != 0)
            variants[i].cost += COST_NO_REPLY; /* no room: the oldest is given up */
        if (e->unseen) {                       /* what it owes, it sends at once */
            if (e->state == TCPSTATE_CLOSED && end->state != TCPSTATE_CLOSED)
                e->gone_ms = course_ms(s->time_ns);
            if (e->state == TCPSTATE_SYN_RECEIVED && end->state != TCPSTATE_SYN_RECEIVED)
                e->synack_ms = course_ms(s->time_ns);
            e->last_ack = e->rcv_nxt;
            e->right_edge = e->rcv_nxt + (1u << 20);
            e->owes_ack = e->has_again = false;
            e->again_left = e->again_right = 0;
            continue;
        }
        if (lives && course_ack_is_overdue(end, s->time_ns)) {
            variants[i].cost += COST_NO_REPLY + 1;
            e->owed_since_ms = course_ms(s->time_ns);
        }
        if (lives && text && e->owes_ack) {
            bool at_once = (s->flags & TCPSTATE_FIN) || e->has_again || e->range_count > 0;
            if (!e->owes_text_ack || (at_once && !e->owes_at_once))
                e->owed_since_ms = course_ms(s->time_ns);
            e->owes_text_ack = true;
            e->owes_at_once = e->owes_at_once || at_once;
        }
        if (!lives || !e->owes_ack) {
            e->owes_text_ack = e->owes_at_once = false;
            e->owed_since_ms = 0;
        }
    }
    return count;
}
