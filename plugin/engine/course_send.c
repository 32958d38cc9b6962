/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How well a transmission fits the endpoint that is said to have made it: its numbers against SND.NXT and RCV.NXT, its
 * timestamps against its clock and against what it has received, its flags against its state. What does not fit costs;
 * where one unseen segment would explain it, that is presumed, at a price.
 */
#include "course_sending.h"
#include "transition.h"

#include <string.h>

static const int64_t MS_NS = 1000000;
enum {
    SYNACK_TIMER_MS = 900, /* a SYN,ACK does not come again sooner: RFC 6298 2.1, a second */
    USUAL_SEGMENT = 1460,  /* octets */
    OVERTAKEN_MS = 20,     /* by so much one segment overtakes another */
    LATE_MS = 400          /* ... or by so much, very seldom */
};

struct course_sent *sending_add(struct sending *t, const struct course_end *sender, const struct course_end *receiver,
                                int cost) {
    struct course_sent *v;

    if (t->count == COURSE_VARIANTS)
        return NULL;
    v = &t->variants[t->count++];
    v->sender = *sender;
    v->receiver = *receiver;
    v->cost = cost;
    v->shown = sender->state;
    v->forged = t->forged;
    return v;
}

void sending_note(struct course_end *x, const struct tcpstate_segment *s) {
    x->reply_count = 0;
    memset(x->replies, 0, sizeof x->replies);
    x->has_again = false;
    x->again_left = x->again_right = 0;
    if (course_ms(s->time_ns) - x->hole_ms > LATE_MS)
        course_forget_hole(x);
    if (x->timestamps && (s->options & TCPSTATE_OPT_TIMESTAMPS) && (s->flags & TCPSTATE_ACK) &&
        !(s->flags & TCPSTATE_RST) && x->has_ts_recent && seq_after(s->tsecr, x->ts_recent))
        x->ts_recent = s->tsecr; /* of a segment that was not captured */
    if (s->options & TCPSTATE_OPT_TIMESTAMPS) {
        x->tsval = x->has_tsval ? seq_max(x->tsval, s->tsval) : s->tsval;
        x->has_tsval = true;
    }
    if (s->flags & TCPSTATE_ACK) {
        uint32_t window = s->window;
        if (!(s->flags & TCPSTATE_SYN))
            window = x->has_shift ? window << x->shift : 1u << 20;
        if (x->last_ack != x->rcv_nxt || seq_after(s->ack + window, x->right_edge))
            x->right_edge = s->ack + window;
        x->last_ack = s->ack;
        x->owes_ack = x->owes_text_ack = x->owes_at_once = false;
        x->owed_since_ms = 0;
    }
}

/* What it answers was not captured: the capture may have started after it. */
int sending_cost_of_question(const struct sending *t, int otherwise) {
    int64_t since_ns = t->s->time_ns - t->facts->segments[0].time_ns;
    int64_t answer_ns = t->facts->answer_ns[t->s->direction];

    return t->facts->starts_late && since_ns < (answer_ns > 0 ? 2 * answer_ns : 50 * MS_NS) ? 1 : otherwise;
}

/* What was to be answered and was not, before this segment. */
int sending_cost_of_replies(unsigned count) { return (int)count * COST_NO_REPLY; }

/* Has just what fills the hole been captured in that end's name? */
static bool fits_hole(const struct sending *t, uint32_t from, uint32_t upto, unsigned direction) {
    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == direction && q->seq == from && course_end_of(q) == upto &&
            !(q->flags & (TCPSTATE_SYN | TCPSTATE_RST)) && !course_is_void(t->facts, q))
            return true;
    }
    return false;
}

/* The more segments, the less likely that none of them was captured; and if one that fits was, to miss another in its
 * place is a coincidence. */
int sending_cost_of_unseen(const struct sending *t, const struct course_end *x, uint32_t upto, unsigned direction) {
    uint32_t longest = t->facts->longest[direction];
    int more = (int)((upto - x->snd_nxt) / (longest > USUAL_SEGMENT ? longest : USUAL_SEGMENT)) * 2;

    if (t->facts->unseen[direction])
        return 0;
    return COST_UNSEEN + (more < 14 ? more : 14) + (t->facts->is_at[direction] ? COST_AT_END : 0) +
           (fits_hole(t, x->snd_nxt, upto, direction) ? COST_ODD : 0);
}

void sending_note_hole(const struct sending *t, struct course_end *x, uint32_t upto, int cost) {
    x->hole_ms = course_ms(t->s->time_ns);
    x->hole = x->snd_nxt;
    x->hole_end = upto;
    x->hole_left = upto - x->snd_nxt;
    x->hole_cost = cost;
}

/* Octets of its own that were not captured: SND.NXT moves. */
static int send_unseen(const struct sending *t, struct course_end *x, uint32_t upto) {
    int cost;

    if (!seq_after(upto, x->snd_nxt))
        return 0;
    cost = sending_cost_of_unseen(t, x, upto, t->s->direction);
    sending_note_hole(t, x, upto, cost);
    x->snd_nxt = upto;
    return cost;
}

/* Has its text of this number been captured? */
static bool has_sent_text(const struct sending *t, uint32_t number) {
    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == t->s->direction && q->length > 0 && !(q->flags & (TCPSTATE_SYN | TCPSTATE_RST)) &&
            seq_within(number, q->seq, q->seq + q->length - 1))
            return true;
    }
    return false;
}

/* Has its sender acknowledged the same a moment ago, or twice in less time than a timer runs (RFC 6298 2.4, with the least
 * that is common)? Nobody repeats what was sent before an ACK of it can have come, and sooner than by a timer but once
 * (RFC 8985 7.3). */
static bool acks_again_at_once(const struct sending *t) {
    int64_t least_ns = t->facts->answer_ns[!t->s->direction];
    unsigned same = 0;

    for (uint32_t i = t->index; i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        int64_t since_ns = t->s->time_ns - q->time_ns;
        if (since_ns >= least_ns && since_ns >= 200 * MS_NS)
            return false;
        if (q->direction == t->s->direction && (q->flags & TCPSTATE_ACK) && q->ack == t->s->ack &&
            (since_ns < least_ns || ++same == 2))
            return true;
    }
    return false;
}

static bool acknowledges_more_later(const struct sending *t) {
    for (uint32_t i = t->index + 1; i < t->facts->count && i - t->index < 400; i++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == t->s->direction && (q->flags & TCPSTATE_ACK) && seq_after(q->ack, t->s->ack) &&
            seq_distance(q->ack, t->s->ack) < 1 << 24)
            return true;
    }
    return false;
}

/* Is it one of many alike that its sender has sent since a moment ago, as for the text behind a hole? Nothing else is
 * repeated so often: RFC 6298 5.5. */
static bool is_one_of_many(const struct sending *t) {
    const struct tcpstate_segment *s = t->s;
    unsigned alike = 0;

    for (uint32_t i = t->index; i-- > 0 && alike < 3;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction != s->direction)
            continue;
        if (!course_is_pure_ack(q) || q->seq != s->seq || q->ack != s->ack || s->time_ns - q->time_ns > 200 * MS_NS)
            return false;
        alike++;
    }
    return alike == 3;
}

/* Has its sender acknowledged the same a round trip ago? Of a server that is known only as a longest one. */
static bool acks_again_in_time(const struct sending *t) {
    int64_t usual_ns = t->facts->answer_ns[!t->s->direction];

    for (uint32_t i = t->index; i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        int64_t waited_ns = t->s->time_ns - q->time_ns;
        if (waited_ns > usual_ns * 3 / 2 + 5 * MS_NS)
            return false;
        if (q->direction == t->s->direction && (q->flags & TCPSTATE_ACK) && q->ack == t->s->ack)
            return waited_ns >= usual_ns / 8;
    }
    return false;
}

/* An ACK that nothing asked for can come at any time. Just when an answer to the last segment of the peer, other than an
 * ACK, is due, it is more likely that, where all that the peer sent was captured. */
static int cost_of_coincidence(const struct sending *t) {
    int64_t answer_ns = t->facts->answer_ns[t->s->direction];

    if (!t->facts->is_at[!t->s->direction] || t->facts->starts_late)
        return 0;
    for (uint32_t i = t->index; i-- > 0;) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        int64_t waited_ns = t->s->time_ns - q->time_ns;
        if (waited_ns > answer_ns * 5 / 4)
            return 0;
        if (q->direction != t->s->direction && (course_end_of(q) != q->seq || (q->flags & TCPSTATE_RST)))
            return waited_ns >= answer_ns * 3 / 4 ? 3 : 0;
    }
    return 0;
}

/* Does it echo what an end of which nothing is captured can only have sent when that had this connection no more? Nothing of
 * another one is in the window, and only of what is there the timestamp is kept: RFC 7323 5.3 R2, R3. */
static bool echoes_the_dead(const struct sending *t, const struct course_end *x, const struct course_end *y) {
    int64_t since_ms = (int32_t)(course_ms(course_heard_ns(t->facts, t->s)) - y->gone_ms);
    int64_t answer_ns = t->facts->answer_ns[!t->s->direction];
    bool is_gone = y->state < TCPSTATE_SYN_SENT || (y->state == TCPSTATE_SYN_RECEIVED && y->irs != x->iss);

    return y->unseen && is_gone && y->gone_ms != 0 && (t->s->options & TCPSTATE_OPT_TIMESTAMPS) && x->has_ts_recent &&
           seq_after(t->s->tsecr, x->ts_recent) && answer_ns > 0 && since_ms > answer_ns * 3 / 2 / MS_NS + 5;
}

/* What may an end of which nothing is captured have sent, that draws an ACK? */
static int cost_of_unseen_reason(const struct sending *t, const struct course_end *x, const struct course_end *y) {
    if (y->state >= TCPSTATE_ESTABLISHED && seq_after(x->rcv_nxt, y->snd_nxt) && acks_again_in_time(t))
        return 0; /* it has acknowledged what was never sent, and is told so: RFC 9293 3.10.7.4, fifth */
    if (y->state >= TCPSTATE_ESTABLISHED && seq_after(y->rcv_nxt, x->snd_nxt))
        return 1; /* ... or the other end has */
    switch ((enum tcpstate_state)y->state) {
    case TCPSTATE_FIN_WAIT_1: return acks_again_at_once(t) || acks_again_in_time(t) ? 3 : 1;
    case TCPSTATE_SYN_RECEIVED:
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK: return acks_again_at_once(t) ? 3 : 1; /* its SYN or FIN again */
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_CLOSE_WAIT: /* in TIME-WAIT all its text draws one: RFC 9293 3.10.7.4 */
        if (x->state == TCPSTATE_TIME_WAIT)
            return 1;
        if (!x->sack && is_one_of_many(t))
            return 1;
        if (acks_again_at_once(t) && (x->sack || !acknowledges_more_later(t)))
            return 4; /* nor is it of text behind a hole: of that a SACK would tell, or an ACK once the hole is filled */
        return seq_before(y->snd_una, y->snd_nxt) ? 1 : 3;
    case TCPSTATE_FIN_WAIT_2: return acks_again_in_time(t) ? 4 : 3;
    case TCPSTATE_TIME_WAIT:
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_CLOSED:
    case TCPSTATE_LISTEN:
    case TCPSTATE_SYN_SENT:
    case TCPSTATE_STATES: return COST_ODD;
    }
    return 0;
}

/* Stacks wait so long before they repeat what is not acknowledged: RFC 6298 2, with the least time that is common. */
static int64_t longest_wait_ns(const struct sending *t) {
    return 300 * MS_NS + 2 * (t->facts->answer_ns[0] + t->facts->answer_ns[1]);
}

/* Did its sender give its datagram an identification after that of q, RFC 6864 4, where it counts them? */
static bool was_numbered_after(const struct course_facts *facts, const struct tcpstate_segment *s,
                               const struct tcpstate_segment *q) {
    return facts->counts_ids[s->direction] && (s->traits & q->traits & TCPSTATE_HAS_IP_ID) && q->ip_id != 0 &&
           segment_ip_id_counts_on(q->ip_id, s->ip_id);
}

/* Does it fill the hole just below its sender's FIN sooner than that can have learned of a loss? Then it was sent before;
 * wherever in the hole, if it left at the same tick of the clock. */
static bool was_overtaken_by_fin(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;
    bool precedes = false;

    if (t->facts->unseen[!s->direction])
        return false;
    for (uint32_t i = t->index;
         i-- > 0 && s->time_ns - t->facts->segments[i].time_ns < 200 * MS_NS;) { /* RFC 6298 2.4 */
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction != s->direction &&
            ((q->flags & TCPSTATE_RST) || s->time_ns - q->time_ns < t->facts->answer_ns[s->direction] / 4 * 3))
            continue; /* it tells of no loss, or cannot have told yet */
        if (q->direction != s->direction ||
            (q->length > 0 && seq_at_most(q->seq, s->seq) && seq_after(course_end_of(q), s->seq)))
            return false;
        precedes = precedes || q->seq == course_end_of(s) ||
                   ((q->options & s->options & TCPSTATE_OPT_TIMESTAMPS) && q->tsval == s->tsval);
        if ((q->flags & TCPSTATE_FIN) && course_end_of(q) == x->fin + 1)
            return precedes && seq_at_most(s->ack, q->ack) && !was_numbered_after(t->facts, s, q) &&
                   (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || seq_at_most(s->tsval, q->tsval));
    }
    return false;
}

/* RFC 6298 5.4: what is sent again when the timer has run out is the earliest that is not acknowledged. A probe, which may
 * be the last segment (RFC 8985 7.3), comes sooner, and but once. */
static bool is_repeated_by_timer(const struct sending *t) {
    int64_t answer_ns = t->facts->answer_ns[0] + t->facts->answer_ns[1];
    unsigned same = 0;

    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 64; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction != t->s->direction || q->length == 0)
            continue;
        if (same == 0 && t->s->time_ns - q->time_ns > 200 * MS_NS + 4 * answer_ns)
            return true;
        if (q->seq != t->s->seq)
            return false;
        if (++same == 2)
            return true;
    }
    return false;
}

/* An ordinary segment of x in a synchronized state, with x->rcv_nxt what it acknowledges. */
void sending_in_connection(struct sending *t, const struct course_end *x, const struct course_end *y, int cost) {
    const struct tcpstate_segment *s = t->s;
    uint32_t end = course_end_of(s);
    struct course_end e = *x;
    struct course_sent *v;
    bool pure = s->length == 0 && !t->fin;
    uint8_t shown;
    int cost_of_fin;

    cost += sending_cost_of_sack(t, &e, y);
    if (echoes_the_dead(t, x, y))
        cost += COST_FORGED;
    if (!t->fin)
        e.keeps_on = false;
    if (!t->fin && course_fin_is_overdue(x, s->time_ns)) {
        cost += COST_NO_REPLY;
        e.fin_due_ms = 0;
    }
    if (seq_after(s->seq, e.snd_nxt)) {
        if (e.fin_sent)
            return; /* nothing comes after a FIN */
        if (seq_distance(s->seq, e.snd_nxt) > 1 << 24)
            return;
        if (pure && s->seq == e.snd_nxt + 1) { /* one number: its FIN perhaps */
            struct course_end f = e;
            cost_of_fin =
                sending_cost_of_unseen(t, &e, s->seq, s->direction) + 1; /* rather an octet, where one would do */
            f.before_fin = f.state;
            f.fin_sent = true;
            f.fin = e.snd_nxt;
            sending_note_hole(t, &f, s->seq, cost_of_fin);
            f.snd_nxt = s->seq;
            course_move(&f, TCPSTATE_EVENT_snd_fin);
            sending_note(&f, s);
            cost_of_fin += cost;
            bool lacks_reason = e.last_ack == s->ack || (e.state == TCPSTATE_CLOSE_WAIT && !e.has_again);
            bool is_unasked = !y->unseen && !e.owes_ack && e.last_ack == s->ack;
            sending_add(t, &f, y,
                        cost_of_fin + (lacks_reason ? COST_NO_REASON : 0) + (is_unasked ? cost_of_coincidence(t) : 0));
            if (e.state == TCPSTATE_CLOSE_WAIT && e.last_ack != s->ack) { /* ... before the peer's came: figure 13 */
                f.state = TCPSTATE_CLOSING;
                sending_add(t, &f, y, cost_of_fin);
            }
        }
        cost += send_unseen(t, &e, s->seq);
    }
    if (t->fin) {
        if (!e.fin_sent) {
            if (seq_before(end, e.snd_nxt + 1)) {
                if (end != e.snd_nxt || end == e.iss + 1 || has_sent_text(t, end - 1))
                    return;
                cost += COST_ODD; /* what was taken for an octet was its FIN */
            }
            if (e.state != TCPSTATE_ESTABLISHED && e.state != TCPSTATE_CLOSE_WAIT && e.state != TCPSTATE_SYN_RECEIVED)
                return;
            if (seq_before(s->seq, e.snd_una))
                cost += 2;
            e.before_fin = e.state;
            e.fin_sent = true;
            e.fin = end - 1;
            e.snd_nxt = end;
            course_move(&e, TCPSTATE_EVENT_snd_fin);
        } else {
            if (end != e.fin + 1)
                return;
            if (seq_at_least(e.snd_una, e.snd_nxt))
                cost += COST_TIMESTAMP; /* acknowledged, and repeated */
            else if (e.hole_left == 1 && e.hole == e.fin && e.timestamps && e.has_tsval && s->tsval == e.tsval)
                cost += COST_UNASKED; /* its timer has run out, and in the tick of another segment */
            else if (y->unseen && y->rcv_nxt == e.fin + 1)
                cost += e.keeps_on ? COST_LOST_TOO : COST_LOST - 1; /* the ACK was lost */
            e.keeps_on = y->unseen;
        }
        if (y->unseen)
            e.fin_ms = course_ms(s->time_ns);
        else
            e.fin_due_ms = x->fin_sent ? 0 : course_ms(s->time_ns + longest_wait_ns(t)) | 1u;
        shown = e.state;
    } else if (pure) {
        shown = e.state;
        if (s->seq != e.snd_nxt) {
            if (e.is_shut && s->seq == e.snd_una)
                ; /* no number beyond the window would be acceptable */
            else if (!e.fin_sent && (s->seq == e.snd_nxt - 1 || s->seq == e.snd_una - 1))
                cost += s->ack == e.last_ack ? 3 : COST_ODD; /* keep-alive, zero-window probe: neither has news */
            else if (e.fin_sent)
                cost += COST_MISMATCH;
            else if (seq_at_least(s->seq, e.snd_una))
                cost += COST_ODD;
            else
                cost += COST_TIMESTAMP;
        } else if (!e.owes_ack && e.last_ack == s->ack) {
            cost += !y->unseen          ? COST_NO_REASON + cost_of_coincidence(t)
                    : s->sack_count > 0 ? 1
                                        : cost_of_unseen_reason(t, x, y);
        }
    } else {
        uint32_t limit = e.fin_sent ? e.fin : end;
        shown = e.state;
        if (seq_after(end, limit))
            return; /* text beyond its FIN */
        if (seq_after(end, e.snd_nxt)) {
            if (y->has_shift && y->has_rcv && seq_after(end, seq_max(y->right_edge, y->rcv_nxt)) &&
                (y->told_edge == 0 || seq_after(end, y->told_edge)))
                cost += COST_ODD; /* beyond every window that it can have been told of */
            if (e.state == TCPSTATE_SYN_RECEIVED && !e.fast_open)
                return;
            if (y->unseen && e.state == TCPSTATE_CLOSE_WAIT && !e.app_stays) {
                cost++; /* a half-close is used seldom */
                e.app_stays = true;
            }
            e.snd_nxt = end;
        } else if (y->unseen && seq_at_least(y->rcv_nxt, end) && seq_before(y->rcv_nxt, end + (1u << 24)) &&
                   seq_after(end, y->irs)) {
            cost += COST_LOST - 1; /* that end has it already, so the ACK was lost */
        } else if (y->unseen && y->has_rcv && seq_after(s->seq, y->rcv_nxt) && is_repeated_by_timer(t)) {
            cost += COST_MISMATCH;
        } else if (seq_at_most(end, e.snd_una)) {
            cost += s->length == 1 ? 3 : COST_ODD; /* it has the ACK of this */
        }
        if (e.fin_sent && e.before_fin != 0 && seq_before(s->seq, e.fin)) {
            bool older = (s->options & TCPSTATE_OPT_TIMESTAMPS) && e.has_tsval && seq_before(s->tsval, e.tsval);
            if (older || was_overtaken_by_fin(t, &e))
                shown = e.before_fin;
        }
    }
    sending_note(&e, s);
    v = sending_add(t, &e, y, cost);
    if (v != NULL)
        v->shown = shown;
}

/* Does the number lie within one captured segment that is longer than the path carries, RFC 9293 3.7.1: of what the network
 * card has cut it into, some has arrived? */
static bool is_within_long_segment(const struct sending *t, uint32_t number) {
    for (uint32_t i = t->index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction != t->s->direction && q->length > 2 * USUAL_SEGMENT && !(q->flags & TCPSTATE_RST) &&
            seq_after(number, q->seq) && seq_before(number, q->seq + q->length))
            return true;
    }
    return false;
}

/* Nobody who has once offered a window takes some of it back (RFC 9293 3.8.6); only a server that has no more than a SYN
 * rounds what it offers down to its scale, as its later segments show, which offer it all. */
static bool offers_less_than_synack(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;
    uint32_t offered = x->right_edge - x->rcv_nxt;

    if (!x->has_shift || x->shift == 0 || x->active_open || s->length > 0 || t->fin || s->seq != x->iss + 1 ||
        s->ack != x->rcv_nxt || (uint32_t)s->window << x->shift >= offered ||
        ((uint32_t)s->window + 1) << x->shift <= offered)
        return false;
    for (uint32_t i = t->index + 1; i < t->facts->count && i - t->index < 64; i++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == s->direction && !(q->flags & (TCPSTATE_SYN | TCPSTATE_RST)) && q->ack == s->ack &&
            q->seq == s->seq && (uint32_t)q->window << x->shift >= offered)
            return true;
    }
    return false;
}

/* Has x heard of an unseen server that had still to be established more than its SYN,ACK, before that could come again? */
static bool echoes_more_than_synack(const struct sending *t, const struct course_end *x, const struct course_end *y) {
    const struct tcpstate_segment *s = t->s;

    return y->unseen && y->state == TCPSTATE_SYN_RECEIVED && !y->fast_open && t->facts->has_echoes[!s->direction] &&
           x->timestamps && (s->options & TCPSTATE_OPT_TIMESTAMPS) && x->has_ts_recent &&
           seq_after(s->tsecr, x->ts_recent) && seq_distance(s->tsecr, x->ts_recent) < SYNACK_TIMER_MS;
}

/* Has an unseen server taken somebody else's ACK of its SYN,ACK, so that it is ahead of its client? */
static bool is_established(const struct course_end *client, const struct course_end *server) {
    return server->unseen && server->state >= TCPSTATE_ESTABLISHED && server->has_rcv && server->irs == client->iss;
}

/* Was another ACK of the same, captured later, sent before this one, as the clock of both tells? */
static bool is_after_its_like(const struct sending *t) {
    const struct tcpstate_segment *s = t->s;

    if (course_end_of(s) != s->seq)
        return false;
    for (uint32_t i = t->index + 1; i < t->facts->count && t->facts->segments[i].time_ns - s->time_ns < 200 * MS_NS;
         i++) {
        const struct tcpstate_segment *q = &t->facts->segments[i];
        if (q->direction == s->direction && q->seq == s->seq && q->ack == s->ack && course_end_of(q) == q->seq &&
            q->flags == s->flags && (q->options & s->options & TCPSTATE_OPT_TIMESTAMPS) &&
            seq_before(q->tsval, s->tsval))
            return true;
    }
    return false;
}

/* A FIN that what was sent a moment later has overtaken: by its clock, and it has heard of no more than that. */
static bool is_fin_captured_late(const struct sending *t, const struct course_end *x) {
    const struct tcpstate_segment *s = t->s;

    return t->fin && !x->fin_sent && x->timestamps && (s->options & TCPSTATE_OPT_TIMESTAMPS) &&
           t->facts->has_clock[s->direction] && x->has_tsval && seq_before(s->tsval, x->tsval) &&
           seq_distance(x->tsval, s->tsval) <= OVERTAKEN_MS && seq_at_most(s->ack, x->last_ack) && x->has_ts_recent &&
           seq_at_most(s->tsecr, x->ts_recent);
}

static void send_ordinary(struct sending *t, const struct course_end *x, const struct course_end *y) {
    const struct tcpstate_segment *s = t->s;
    bool is_late;
    int cost;

    if (!t->ack || x->state == TCPSTATE_CLOSED || x->state == TCPSTATE_LISTEN || x->state == TCPSTATE_UNKNOWN)
        return;
    is_late = is_fin_captured_late(t, x);
    cost = (is_late ? COST_STALE : sending_cost_of_clock(t, x)) + sending_cost_of_replies(x->reply_count);
    if (x->state == TCPSTATE_SYN_SENT) { /* the SYN,ACK was not captured */
        struct course_end e = *x, peer = *y;
        if (s->seq != x->snd_nxt && s->seq != x->iss + 1)
            return;
        e.snd_nxt = s->seq; /* the text of its SYN was taken, or is sent again */
        e.irs = s->ack - 1;
        e.rcv_nxt = s->ack;
        e.last_ack = e.irs;
        e.has_rcv = true;
        e.snd_una = e.snd_nxt;
        e.state = TCPSTATE_ESTABLISHED;
        e.timestamps = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
        e.has_ts_recent = e.timestamps;
        e.ts_recent = s->tsecr;
        e.owes_ack = true;
        if (is_established(x, y) && s->ack != y->iss + 1)
            return; /* it has taken an ACK of another number */
        if (y->unseen && is_after_its_like(t))
            cost += is_established(x, y) && seq_after(y->rcv_nxt, x->snd_nxt) ? 0 : COST_NO_REASON + 1;
        if (y->unseen && y->state < TCPSTATE_SYN_SENT && y->has_rcv && y->irs == x->iss) {
            sending_in_connection(t, &e, y, cost); /* it sent its SYN,ACK before the RST came that has closed it */
            cost += COST_LATE;
        }
        if (peer.state == TCPSTATE_CLOSED || peer.state == TCPSTATE_LISTEN) { /* the SYN may still wait for it */
            struct course_variant v[COURSE_VARIANTS];
            struct tcpstate_segment syn = {.flags = TCPSTATE_SYN, .seq = x->iss, .time_ns = s->time_ns};
            peer.does_not_listen = false;
            peer.listens = true;
            if (x->timestamps) {
                syn.options |= TCPSTATE_OPT_TIMESTAMPS;
                syn.tsval = x->tsval;
            }
            if (x->sack)
                syn.options |= TCPSTATE_OPT_SACK_PERMITTED;
            course_deliver(&peer, &syn, NULL, v);
            peer = v[0].end;
        }
        if (peer.state == TCPSTATE_SYN_RECEIVED && !peer.has_snd) {
            peer.iss = peer.snd_una = s->ack - 1;
            peer.snd_nxt = s->ack;
            peer.has_snd = true;
            peer.listens = true;
            if (peer.syn_data > 0 && s->seq != x->iss + 1)
                peer.rcv_nxt = s->seq;
            peer.syn_data = 0;
        } else if (peer.state != TCPSTATE_SYN_RECEIVED && !is_established(x, y)) {
            cost += COST_SILENT;
        } else if (!y->unseen && peer.state == TCPSTATE_SYN_RECEIVED &&
                   !seq_within(s->ack, peer.iss + 1, peer.snd_nxt)) {
            cost += COST_FORGED; /* the SYN,ACK that it has taken was somebody else's */
        }
        sending_in_connection(t, &e, &peer, cost + (y->unseen ? 0 : sending_cost_of_question(t, COST_UNSEEN)));
        return;
    }
    if (x->state == TCPSTATE_SYN_RECEIVED) {
        struct course_end e = *x;
        bool bare = s->length == 0 && !t->fin && s->ack == x->rcv_nxt;
        /* Has y taken the SYN,ACK, or may it yet? Else the ACK of it was not its own. */
        bool has_heard = y->unseen || y->state >= TCPSTATE_SYN_SENT || (y->has_rcv && y->irs == x->iss);
        if (bare && x->owes_ack) /* a challenge ACK */
            sending_in_connection(t, x, y, cost + (x->active_open && x->synack_ms == 0 ? COST_UNSEEN : 1));
        else if (bare && x->has_snd && !has_heard) /* ... to what was not captured */
            sending_in_connection(t, x, y, cost + COST_UNSEEN);
        if (x->fast_open && (s->length > 0 || t->fin) && s->ack == x->rcv_nxt)
            sending_in_connection(t, x, y, cost);
        if (!x->has_snd)
            return;
        if (y->unseen && offers_less_than_synack(t, x)) {
            sending_in_connection(t, x, y, cost);
            cost += COST_ODD;
        }
        course_move(&e, TCPSTATE_EVENT_rcv_ack_s);
        e.snd_una = seq_max(e.snd_una, e.iss + 1);
        if (y->unseen && (y->state < TCPSTATE_SYN_RECEIVED || (y->has_rcv && y->irs != x->iss)))
            return; /* it has not heard of it, or took another number for that of the SYN,ACK */
        if (s->ack == e.rcv_nxt)
            sending_in_connection(t, &e, y, cost + (y->unseen ? 0 : has_heard ? COST_UNSEEN : COST_FORGED));
        else if (seq_after(s->ack, e.rcv_nxt))
            sending_knowing_unseen(t, &e, y, cost + 2);
        return;
    }
    cost += is_late ? 0 : sending_cost_of_echo(t, x);
    if (echoes_more_than_synack(t, x, y))
        cost += COST_UNSEEN;
    if (s->ack == x->rcv_nxt) {
        sending_in_connection(t, x, y, cost);
    } else if (seq_after(s->ack, x->rcv_nxt)) {
        sending_knowing_unseen(t, x, y, cost);
    } else {
        if (seq_after(s->ack, x->last_ack) && is_within_long_segment(t, s->ack))
            sending_in_connection(t, x, y, cost); /* the rest of it will come next */
        sending_lacking_text(t, x, y, cost);
    }
}

unsigned course_send(const struct course_facts *facts, const struct course_end *sender,
                     const struct course_end *receiver, uint32_t index, struct course_sent variants[COURSE_VARIANTS]) {
    const struct tcpstate_segment *s = &facts->segments[index];
    struct sending t = {.facts = facts, .s = s, .index = index, .variants = variants, .count = 0};
    struct course_end filled;

    t.rst = (s->flags & TCPSTATE_RST) != 0;
    t.syn = (s->flags & TCPSTATE_SYN) != 0 && !t.rst;
    t.ack = (s->flags & TCPSTATE_ACK) != 0;
    t.fin = (s->flags & TCPSTATE_FIN) != 0 && !t.rst;
    if (sender->has_free && t.ack && !t.syn) {
        filled = *sender;
        course_fill(&filled, s->ack);
        sender = &filled;
    }
    if (t.rst)
        sending_rst(&t, sender, receiver);
    else if (t.syn && t.ack)
        sending_synack(&t, sender, receiver);
    else if (t.syn)
        sending_syn(&t, sender, receiver);
    else
        send_ordinary(&t, sender, receiver);
    return t.count;
}
