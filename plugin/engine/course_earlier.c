/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A segment that is older than the order of the capture says, or looks like it: a copy of another, overtaken, or sent again.
 */
#include "course_search.h"
#include "transition.h"

static const int64_t MS_NS = 1000000;

uint32_t course_original_of(const struct course_facts *facts, uint32_t index) {
    const struct tcpstate_segment *s = &facts->segments[index];

    /* What is sent again later has a later timestamp. */
    int64_t limit_ns = (s->options & TCPSTATE_OPT_TIMESTAMPS) ? 60000 * MS_NS : 200 * MS_NS;

    for (uint32_t i = index, seen = 0; i-- > 0 && seen < 100;) {
        const struct tcpstate_segment *other = &facts->segments[i];
        if (s->time_ns - other->time_ns > limit_ns)
            return index;
        if (other->direction != s->direction)
            continue;
        seen++;
        if (other->header_digest == s->header_digest && other->seq == s->seq && other->length == s->length)
            return i;
    }
    return index;
}

bool course_is_seen_again(const struct course_facts *facts, uint32_t index) {
    const int64_t at_once_ns = 2 * MS_NS, queued_ns = 400 * MS_NS;
    const struct tcpstate_segment *s = &facts->segments[index];
    uint32_t original = course_original_of(facts, index);
    const struct tcpstate_segment *other = &facts->segments[original];
    bool has_ids = (s->traits & other->traits & TCPSTATE_HAS_IP_ID) != 0;
    /* What is sent again has another of these; else it may only have gone another way. */
    bool tells = (has_ids && s->ip_id != 0) || (s->options & TCPSTATE_OPT_TIMESTAMPS);

    return original != index && (s->traits & other->traits & TCPSTATE_HAS_TTL) && s->ttl + 1 == other->ttl &&
           s->time_ns - other->time_ns <= (tells ? queued_ns : at_once_ns) &&
           !(s->traits & other->traits & TCPSTATE_CHECKSUM_BAD) && (!has_ids || s->ip_id == other->ip_id);
}

bool course_lacks(const struct tcpstate_segment *ack, const struct tcpstate_segment *q) {
    bool later = false;

    if (q->length == 0 || seq_at_least(ack->ack, course_end_of(q)))
        return false;
    for (unsigned i = 0; i < ack->sack_count; i++) {
        if (seq_before(ack->sack[i].left, course_end_of(q)) && seq_after(ack->sack[i].right, q->seq))
            return false;
        later = later || seq_at_least(ack->sack[i].left, course_end_of(q));
    }
    return later;
}

/* The timer waits longer than that (RFC 6298 2.4, Linux 200 ms), and only the newest text is probed with sooner (RFC 8985 7). */
uint32_t course_first_to_ask(const struct course_facts *facts, uint32_t index) {
    const struct tcpstate_segment *s = &facts->segments[index];
    const int64_t timer_ns = 150 * MS_NS;
    uint32_t asked = 0;
    bool is_again = false, is_newest = true;

    if (s->length == 0 || (s->flags & (TCPSTATE_SYN | TCPSTATE_RST)) || course_is_void(facts, s))
        return 0;
    for (uint32_t i = index; i-- > 0 && !is_again && s->time_ns - facts->segments[i].time_ns < timer_ns;) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->direction != s->direction)
            asked = course_lacks(q, s) ? i : asked;
        else if (q->length > 0 && q->seq == s->seq)
            is_again = true;
        else if (seq_after(course_end_of(q), course_end_of(s))) {
            is_newest = false;
            is_again = (q->flags & TCPSTATE_FIN) && (s->options & q->options & TCPSTATE_OPT_TIMESTAMPS) &&
                       seq_before(q->tsval, s->tsval); /* nothing new is sent after a FIN */
        }
    }
    return is_again && !is_newest ? asked : 0;
}

/* Does it tell to have received all of that text? */
static bool tells_of_text(const struct tcpstate_segment *s, const struct tcpstate_segment *q) {
    if (q->length == 0)
        return false;
    if (seq_at_least(s->ack, course_end_of(q)))
        return true;
    for (unsigned i = 0; i < s->sack_count; i++)
        if (seq_at_most(s->sack[i].left, q->seq) && seq_at_least(s->sack[i].right, q->seq + q->length))
            return true;
    return false;
}

/* Does `s` say once more what its sender has said before, and has all text of the other end since come with an
 * acknowledgment of the number `fin`? Some of that has drawn it. */
static bool was_drawn_by_ack_of_fin(const struct course_facts *facts, const struct tcpstate_segment *s, uint32_t index,
                                    uint32_t fin) {
    bool is_drawn = false;

    if (!course_is_pure_ack(s))
        return false;
    for (uint32_t i = index, seen = 0; i-- > 0 && seen < 200; seen++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->direction == s->direction) {
            if (is_drawn && course_is_pure_ack(q) && q->ack == s->ack && q->seq == s->seq)
                return true;
        } else if (q->length > 0 && seq_after(course_end_of(q), s->ack)) {
            if (!(q->flags & TCPSTATE_ACK) || !seq_after(q->ack, fin))
                return false;
            is_drawn = true;
        }
    }
    return false;
}

/* Did the sender of `s` know, when it sent it, that its FIN of the number `fin` was acknowledged? It echoes the
 * acknowledgment, or tells of text that came with it. */
static bool knew_ack_of_fin(const struct course_facts *facts, const struct tcpstate_segment *s, uint32_t index,
                            uint32_t fin) {
    if (was_drawn_by_ack_of_fin(facts, s, index, fin))
        return true;
    for (uint32_t i = index, seen = 0; i-- > 0 && seen < 200; seen++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->direction == s->direction || !(q->flags & TCPSTATE_ACK) || !seq_after(q->ack, fin))
            continue;
        if ((q->options & s->options & TCPSTATE_OPT_TIMESTAMPS) != 0 && q->tsval == s->tsecr)
            return true;
        if (tells_of_text(s, q))
            return true;
    }
    return false;
}

/* Does `s` acknowledge just up to a FIN of the other end? */
static bool acknowledges_fin(const struct course_facts *facts, const struct tcpstate_segment *s, uint32_t index) {
    for (uint32_t i = index, seen = 0; i-- > 0 && seen < 200; seen++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->direction != s->direction && (q->flags & TCPSTATE_FIN) && course_end_of(q) == s->ack)
            return true;
    }
    return false;
}

/* Had the sender of this RST, an event, lost its connection before? */
static bool was_dead(const struct tcpstate_course *c, uint32_t rst) {
    unsigned d = c->facts.segments[event_at(c, rst)->index].direction;

    for (uint32_t e = event_at(c, rst)->parent; e != NO_EVENT; e = event_at(c, e)->parent) {
        const struct event *event = event_at(c, e);
        bool arrives = event->kind == TAKEN || event->kind == LOST;
        if ((arrives || event->kind == SENT) && c->facts.segments[event->index].direction == (arrives ? !d : d))
            return event->state == TCPSTATE_CLOSED || event->state == TCPSTATE_LISTEN;
    }
    return false;
}

/* Has its sender acknowledged the same before, and with timestamps echoed it, as captured before `rst`? */
static bool had_told_by(const struct course_facts *facts, const struct tcpstate_segment *s,
                        const struct tcpstate_segment *rst) {
    for (uint32_t i = (uint32_t)(rst - facts->segments), seen = 0; i-- > 0 && seen < 200; seen++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->direction == s->direction && (q->flags & (TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_ACK &&
            q->ack == s->ack && (q->options & TCPSTATE_OPT_TIMESTAMPS) == (s->options & TCPSTATE_OPT_TIMESTAMPS) &&
            (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || q->tsecr == s->tsecr))
            return true;
    }
    return false;
}

/* Did its sender's clock run faster from `other` on than any does, once in a millisecond (RFC 7323 5.4)? Either was captured
 * some time after it was sent. */
static bool runs_too_fast(const struct tcpstate_segment *other, const struct tcpstate_segment *s) {
    return (s->options & other->options & TCPSTATE_OPT_TIMESTAMPS) != 0 &&
           seq_distance(s->tsval, other->tsval) * MS_NS > s->time_ns - other->time_ns + 1000 * MS_NS;
}

/* Can the sender of `s` have sent it before `rst`, another segment of it? Not if it acknowledges, or echoes, what had not
 * reached it by then, nor if its own clock was beyond. */
static bool can_precede(const struct course_facts *facts, const struct tcpstate_segment *s,
                        const struct tcpstate_segment *rst, uint32_t index) {
    unsigned d = s->direction;
    /* Not the whole round trip, which is not known so well, but some time even where a forged RST has made it short. */
    int64_t from_ns = rst->time_ns - facts->answer_ns[d] / 4 * 3 - 20 * MS_NS;

    if (facts->has_clock[d] && (s->options & TCPSTATE_OPT_TIMESTAMPS) &&
        (int32_t)(s->tsval - (uint32_t)(rst->time_ns / MS_NS + facts->clock_ms[d])) > 0)
        return false;
    if (had_told_by(facts, s, rst))
        return true;
    for (uint32_t i = index; i-- > 0 && facts->segments[i].time_ns > from_ns;) {
        const struct tcpstate_segment *q = &facts->segments[i];
        bool echoes = (q->options & s->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
        if (q->direction != d && !(q->flags & TCPSTATE_RST) &&
            (echoes ? q->tsval == s->tsecr : course_end_of(q) != q->seq && course_end_of(q) == s->ack))
            return false;
    }
    return true;
}

/* Has the sender of this SYN answered another with the same number? Then it was in SYN-SENT: a listener has no SYN. What
 * became of that answer tells only the other end. */
static bool has_sent_synack(const struct tcpstate_course *c, const struct hypothesis *h,
                            const struct tcpstate_segment *syn) {
    if (c->facts.unseen[!syn->direction] && !h->end[syn->direction].active_open)
        return false; /* the server of a client of which nothing is captured */
    for (uint32_t e = h->event; e != NO_EVENT; e = event_at(c, e)->parent) {
        const struct tcpstate_segment *s = &c->facts.segments[event_at(c, e)->index];
        if (event_at(c, e)->kind == SENT && s->direction == syn->direction && (s->flags & TCPSTATE_SYN))
            return (s->flags & TCPSTATE_ACK) && s->seq == syn->seq;
    }
    return false;
}

/* A SYN,ACK of a connection that was there when the capture started, with older numbers than anything since: a late copy. */
static bool is_older_synack(const struct course_facts *facts, const struct tcpstate_segment *s,
                            const struct course_end *x) {
    return facts->starts_late && (s->flags & TCPSTATE_SYN) && (s->flags & TCPSTATE_ACK) && !(s->flags & TCPSTATE_RST) &&
           x->has_snd && x->has_rcv && seq_before(s->seq, x->snd_una) && x->snd_una - s->seq < 1u << 20 &&
           seq_before(s->ack, x->rcv_nxt) && x->rcv_nxt - s->ack < 1u << 20 && (s->options & TCPSTATE_OPT_TIMESTAMPS) &&
           x->has_tsval && seq_before(s->tsval, x->tsval);
}

/* Did a segment of the other end, captured before, end where `s` acknowledges? */
static bool ends_at_ack(const struct course_facts *facts, const struct tcpstate_segment *s, uint32_t index) {
    for (uint32_t i = index, seen = 0; i-- > 0 && seen < 200; seen++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->direction != s->direction && !(q->flags & TCPSTATE_RST) && q->length > 0 && course_end_of(q) == s->ack)
            return true;
    }
    return false;
}

/* How far the text of its sender goes on from `sent` with what is captured soon after segment `index`, in whatever order. */
static uint32_t end_of_text_after(const struct course_facts *facts, uint32_t index, uint32_t sent) {
    const struct tcpstate_segment *s = &facts->segments[index];
    const int64_t soon_ns = 200 * MS_NS;
    uint32_t from;

    do {
        from = sent;
        for (uint32_t i = index + 1; i < facts->count && facts->segments[i].time_ns - s->time_ns < soon_ns; i++) {
            const struct tcpstate_segment *q = &facts->segments[i];
            if (q->direction == s->direction && q->length > 0 && !(q->flags & (TCPSTATE_SYN | TCPSTATE_RST)) &&
                seq_at_most(q->seq, sent) && seq_after(q->seq + q->length, sent))
                sent = q->seq + q->length;
        }
    } while (sent != from && seq_before(sent, s->seq));
    return sent;
}

/* The RST with which an end has aborted, overtaken by those with which it then answers without a connection: it bears the
 * numbers that the end had reached, as what was captured late as well tells. */
static bool is_abort_of_the_dead(const struct tcpstate_course *c, const struct hypothesis *h, uint32_t index) {
    const struct tcpstate_segment *s = &c->facts.segments[index];
    const struct course_end *x = &h->end[s->direction];
    uint32_t sent = x->snd_nxt, told = x->rcv_nxt, newest = NO_EVENT;
    bool has_told = false; /* ... by what was captured late, and may have heard more since */

    if ((s->flags & (TCPSTATE_SYN | TCPSTATE_RST | TCPSTATE_ACK)) != (TCPSTATE_RST | TCPSTATE_ACK) ||
        x->state != TCPSTATE_CLOSED || !x->has_snd || !x->has_rcv)
        return false;
    for (uint32_t e = h->event, seen = 0; e != NO_EVENT && seen < 400; e = event_at(c, e)->parent, seen++) {
        const struct event *event = event_at(c, e);
        const struct tcpstate_segment *other = &c->facts.segments[event->index];
        if (other->direction != s->direction)
            continue;
        if (event->kind == SENT && (other->flags & (TCPSTATE_RST | TCPSTATE_ACK)) != TCPSTATE_RST)
            break;
        if (event->kind == SENT && newest == NO_EVENT)
            newest = e;
        if (event->kind == SENT_BEFORE && !(other->flags & TCPSTATE_RST)) {
            sent = seq_max(sent, course_end_of(other));
            told = has_told ? seq_max(told, other->ack) : other->ack;
            has_told = true;
        }
    }
    if (newest == NO_EVENT || s->seq != end_of_text_after(&c->facts, index, sent) || seq_before(s->ack, told) ||
        !(s->ack == told || (has_told && ends_at_ack(&c->facts, s, index))))
        return false;
    const struct tcpstate_segment *rst = &c->facts.segments[event_at(c, newest)->index];
    return s->time_ns - rst->time_ns < 400 * MS_NS && was_dead(c, newest) && can_precede(&c->facts, s, rst, index);
}

/* By no more than text that may have been sent since? */
static bool is_beyond(uint32_t ack, uint32_t seq) { return seq_after(ack, seq) && ack - seq < 1u << 24; }

/* What the other end has not sent by now, nobody can have acknowledged before. */
static bool acknowledges_unsent(const struct course_end *y, const struct tcpstate_segment *s) {
    return !y->unseen && y->has_snd && is_beyond(s->ack, y->snd_nxt);
}

static uint8_t moved(uint8_t state, enum tcpstate_event event) {
    struct course_end end = {.state = state};

    course_move(&end, event);
    return end.state;
}

bool course_was_sent_before(const struct tcpstate_course *c, const struct hypothesis *h, uint32_t index,
                            uint8_t *state) {
    const struct tcpstate_segment *s = &c->facts.segments[index];
    const struct course_end *x = &h->end[s->direction];
    const struct tcpstate_segment *synack = NULL; /* of the peer, since its newest segment before */
    bool overtaken = false, from_the_dead = false, fin_is_known = x->fin_sent && course_end_of(s) == x->fin + 1;
    uint32_t sent = x->snd_nxt;

    if ((s->flags & (TCPSTATE_SYN | TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_SYN) {
        *state = TCPSTATE_SYN_SENT; /* overtaken by what followed it */
        if (c->facts.starts_late && x->has_snd && seq_before(s->seq, x->snd_una) && x->snd_una - s->seq < 1u << 20)
            return !(s->options & TCPSTATE_OPT_TIMESTAMPS) || !x->has_tsval || seq_before(s->tsval, x->tsval);
        return (x->has_snd && x->active_open && x->iss == s->seq && x->state >= TCPSTATE_ESTABLISHED) ||
               has_sent_synack(c, h, s);
    }
    if (is_older_synack(&c->facts, s, x)) {
        *state = TCPSTATE_SYN_RECEIVED;
        return true;
    }
    if (is_abort_of_the_dead(c, h, index)) {
        *state = TCPSTATE_CLOSED;
        return true;
    }
    if ((s->flags & (TCPSTATE_SYN | TCPSTATE_RST)) || !(s->flags & TCPSTATE_ACK))
        return false;
    if (acknowledges_unsent(&h->end[!s->direction], s))
        return false;
    if (x->has_snd && seq_after(x->snd_nxt, x->iss) && seq_at_most(s->seq, x->iss))
        return false; /* nothing comes before its SYN */
    if (x->fin_sent && s->length > 0 && seq_after(s->seq + s->length, x->fin))
        return false; /* nothing comes after a FIN, so that was none */
    if (x->timestamps && !(s->options & TCPSTATE_OPT_TIMESTAMPS) && course_end_of(s) != s->seq)
        return false; /* RFC 7323 3.2: text or a FIN of somebody else */
    for (uint32_t e = h->event; e != NO_EVENT; e = event_at(c, e)->parent) {
        const struct event *event = event_at(c, e);
        const struct tcpstate_segment *other = &c->facts.segments[event->index];
        if (event->kind == SENT && course_is_synack(other) && other->direction != s->direction)
            synack = other;
        if (event->kind == SENT_BEFORE && other->direction == s->direction && seq_after(course_end_of(other), sent))
            sent = course_end_of(other); /* text of the dead that was captured late as well */
        if (event->kind != SENT || other->direction != s->direction)
            continue;
        if (other->flags & TCPSTATE_RST) { /* what a dead socket sends says nothing about its numbers */
            bool tells = (other->flags & TCPSTATE_ACK) != 0; /* its socket was alive */
            if (!tells && s->time_ns - other->time_ns < 400 * MS_NS &&
                (c->facts.unseen[!s->direction] || was_dead(c, e)) && can_precede(&c->facts, s, other, index))
                from_the_dead = true; /* nothing else comes from a dead one */
            if (tells && other->seq != 0 && seq_after(s->ack, other->ack))
                return false; /* it knows more than the RST did */
            if (tells && other->seq != 0 && (s->flags & TCPSTATE_FIN) && seq_after(course_end_of(s), other->seq))
                return false; /* it had sent no FIN when it aborted */
            if (tells && is_beyond(other->seq, sent))
                sent = other->seq; /* it had sent all that its abort goes on after */
            overtaken = overtaken || (tells && seq_at_most(course_end_of(s), other->seq));
            fin_is_known = fin_is_known || (tells && course_end_of(s) == other->seq);
            continue;
        }
        bool clocks = (s->options & other->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
        bool newer = ((other->flags & TCPSTATE_ACK) && seq_after(other->ack, s->ack)) ||
                     (clocks && seq_after(other->tsval, s->tsval)) ||
                     ((!clocks || ((s->flags & TCPSTATE_FIN) && other->tsval == s->tsval)) && other->ack == s->ack &&
                      seq_after(other->seq, s->seq)) ||
                     ((!clocks || other->tsval == s->tsval) && other->ack == s->ack && (other->flags & TCPSTATE_FIN) &&
                      ((s->length > 0 && seq_at_most(course_end_of(s), other->seq)) ||
                       (course_is_pure_ack(s) && s->seq + 1 == course_end_of(other)))); /* a FIN comes last of all */
        if (newer && clocks &&
            (seq_after(s->tsval, other->tsval) || (other->tsecr != 0 && seq_after(s->tsecr, other->tsecr))))
            return false; /* by its clock, or as it echoes what was heard later (RFC 7323 4.3) */
        if (newer && c->facts.counts_ids[s->direction] && (s->traits & other->traits & TCPSTATE_HAS_IP_ID) &&
            other->ip_id != 0 && segment_ip_id_counts_on(other->ip_id, s->ip_id))
            return false; /* by the identification of its datagram */
        if (newer && (other->flags & TCPSTATE_ACK) && seq_after(s->ack, other->ack))
            return false; /* what it had taken once it acknowledges for good */
        if (newer && overtaken && s->time_ns - other->time_ns > (clocks ? 5000 : 400) * MS_NS)
            return false;
        if (newer) {
            overtaken = true;
            continue;
        }
        if (synack && !is_beyond(s->ack, synack->seq))
            return false; /* it acknowledges nothing of that connection */
        if (from_the_dead && runs_too_fast(other, s))
            return false;
        *state = event->state == TCPSTATE_SYN_SENT || event->state == TCPSTATE_SYN_RECEIVED
                     ? (uint8_t)TCPSTATE_ESTABLISHED
                     : event->state;
        if (from_the_dead && seq_after(s->seq, sent) && seq_at_least(end_of_text_after(&c->facts, index, sent), s->seq))
            sent = s->seq; /* what comes before it was captured later still */
        bool had_fin = s->ack == x->rcv_nxt && seq_before(other->ack, s->ack) && acknowledges_fin(&c->facts, s, index);
        if (had_fin && (s->flags & TCPSTATE_FIN))
            *state = moved(*state, TCPSTATE_EVENT_rcv_fin);
        if (s->flags & TCPSTATE_FIN) { /* so it was already closing */
            *state = moved(*state, TCPSTATE_EVENT_snd_fin);
        } else if (*state == TCPSTATE_FIN_WAIT_1 && x->fin_sent && knew_ack_of_fin(&c->facts, s, index, x->fin)) {
            *state = TCPSTATE_FIN_WAIT_2;
        }
        if (had_fin && !(s->flags & TCPSTATE_FIN))
            *state = moved(*state, TCPSTATE_EVENT_rcv_fin);
        return (overtaken || from_the_dead) &&
               (!clocks || !(other->flags & TCPSTATE_ACK) || s->tsval == other->tsval ||
                seq_at_least(s->tsecr, other->tsecr)) &&
               seq_at_most(s->seq, sent) && sent - s->seq < 1u << 24 &&
               (!(s->flags & TCPSTATE_FIN) || fin_is_known || (from_the_dead && !x->fin_sent && s->seq == sent)) &&
               (!(other->flags & TCPSTATE_ACK) ||
                (seq_distance(s->ack, other->ack) < 1 << 24 && seq_distance(other->ack, s->ack) < 1 << 24));
    }
    *state = TCPSTATE_ESTABLISHED; /* before the capture started */
    return c->facts.starts_late && (overtaken || (from_the_dead && x->has_snd && x->snd_nxt - s->seq < 1u << 24)) &&
           seq_at_most(s->seq, x->snd_nxt) && !(s->flags & TCPSTATE_FIN);
}
