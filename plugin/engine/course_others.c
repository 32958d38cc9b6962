/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A captured segment that its nominal sender has not sent just then: somebody else has, the path has copied it, or it was
 * sent before what was captured before it.
 */
#include "course_search.h"

/* The state of an end by now: what has been under way to it for long enough has arrived. */
static uint8_t state_by_now(const struct tcpstate_course *c, const struct course_end *end, uint32_t index) {
    const struct tcpstate_segment *s = &c->facts.segments[index];
    unsigned d = s->direction;
    struct course_variant variants[COURSE_VARIANTS];

    variants[0].end = *end;
    for (uint32_t at = course_next_to(&c->facts, d, end->next, index); at < index;
         at = course_next_to(&c->facts, d, at + 1, index)) {
        const struct tcpstate_segment *q = &c->facts.segments[at];
        struct course_end before = variants[0].end;
        if (s->time_ns - q->time_ns < c->facts.answer_ns[d])
            break;
        if (!course_is_void(&c->facts, q))
            course_deliver(&before, q, NULL, variants);
    }
    return variants[0].end.state;
}

/* Somebody else's segment tells the other end of a window, as the end's own do: RFC 9293 3.10.7.4, fifth. */
static void tell_window(struct course_end *end, const struct tcpstate_segment *s) {
    uint32_t edge = s->ack + ((uint32_t)s->window << end->shift);

    if ((s->flags & (TCPSTATE_SYN | TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_ACK &&
        (end->told_edge == 0 || seq_after(edge, end->told_edge)))
        end->told_edge = edge;
}

/* Who has sent a segment twice, or whose segment the path has copied, was as it was then. */
static uint8_t state_when_sent(const struct tcpstate_course *c, const struct hypothesis *h, uint32_t index,
                               uint8_t otherwise) {
    for (uint32_t e = h->event; e != NO_EVENT; e = event_at(c, e)->parent) {
        const struct event *event = event_at(c, e);
        if (event->index < index && event->kind <= SENT_COPY)
            return otherwise;
        if (event->index == index && event->kind <= SENT_COPY)
            return event->state;
    }
    return otherwise;
}

/* Text below a FIN that was captured before, or text or a FIN of an end that answers without a connection by now: was what
 * it had sent before that overtaken as well? */
bool course_came_late_before(const struct tcpstate_course *c, const struct hypothesis *h,
                             const struct tcpstate_segment *s) {
    const struct course_end *x = &h->end[s->direction];
    bool is_below_fin = x->fin_sent && s->length > 0;

    if ((x->state != TCPSTATE_CLOSED && !is_below_fin) || (s->flags & (TCPSTATE_SYN | TCPSTATE_RST)) ||
        c->facts.unseen[!s->direction]) /* what would have closed it was not captured either */
        return false;
    for (uint32_t e = h->event, seen = 0; e != NO_EVENT && seen < 50; e = event_at(c, e)->parent, seen++) {
        const struct event *event = event_at(c, e);
        const struct tcpstate_segment *other = &c->facts.segments[event->index];
        bool answers = (other->flags & (TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_RST;
        if (other->direction == s->direction && !answers && (event->kind == SENT || event->kind == SENT_BEFORE))
            return event->kind == SENT_BEFORE;
    }
    return false;
}

/* What was not captured in its place comes now: what its absence had cost is given back. Without timestamps it may as well
 * have been sent again, unless it comes too soon for that. */
static int fill_hole(struct course_end *x, const struct tcpstate_segment *s) {
    bool may_be_again = !(s->options & TCPSTATE_OPT_TIMESTAMPS) && course_ms(s->time_ns) - x->hole_ms > SOON_MS;
    uint32_t size = course_end_of(s) - s->seq;
    int cost = x->hole_cost;

    if (x->hole_left == 0 || size == 0 || size > x->hole_left || may_be_again ||
        !seq_within(s->seq, x->hole, x->hole_end) || !seq_within(course_end_of(s), x->hole, x->hole_end))
        return 0;
    x->hole_left -= size;
    if (x->hole_left > 0)
        return 0;
    course_forget_hole(x);
    return cost;
}

/* What was paid for it that the end of `direction` lost its connection without a word, where its abort has come to light. */
static int cost_of_words_found(const struct tcpstate_course *c, const struct hypothesis *h, unsigned direction) {
    bool was_silent = false;

    for (uint32_t e = h->event; e != NO_EVENT; e = event_at(c, e)->parent) {
        const struct event *event = event_at(c, e);
        const struct tcpstate_segment *s = &c->facts.segments[event->index];
        bool arrives = event->kind == TAKEN;
        if ((!arrives && event->kind != SENT) || (s->direction == direction) == arrives)
            continue;
        if (event->state == TCPSTATE_ESTABLISHED || event->state == TCPSTATE_CLOSE_WAIT)
            return was_silent ? COST_SILENT + 2 - COST_ABORT : 0;
        if (event->state != TCPSTATE_CLOSED && event->state != TCPSTATE_LISTEN)
            return 0;
        was_silent = arrives && !(s->flags & TCPSTATE_RST);
    }
    return 0;
}

void course_send_by_others(struct tcpstate_course *c, const struct hypothesis *h, uint32_t index, enum event_kind kind,
                           int cost) {
    unsigned d = c->facts.segments[index].direction;
    struct hypothesis other = *h;
    uint8_t state = kind == SENT_BEFORE ? h->end[d].state : state_by_now(c, &h->end[d], index);

    other.cost += cost;
    if (kind == SENT_BY_OTHERS && cost > 0) {
        course_count_forgery(&other);
        tell_window(&other.end[d], &c->facts.segments[index]);
    }
    if (kind == SENT_COPY)
        state = state_when_sent(c, h, course_original_of(&c->facts, index), state);
    if (kind == SENT_BEFORE) {
        const struct tcpstate_segment *s = &c->facts.segments[index];
        if (!course_was_sent_before(c, h, index, &state))
            return;
        if (s->flags & TCPSTATE_RST)
            other.cost -= cost_of_words_found(c, h, d);
        if (!c->facts.unseen[!d])
            other.cost -= fill_hole(&other.end[d], s);
        if ((s->flags & TCPSTATE_FIN) && other.end[d].state == TCPSTATE_LAST_ACK &&
            seq_before(s->ack, other.end[d].rcv_nxt))
            other.end[d].state = TCPSTATE_CLOSING; /* its FIN was older than the peer's: they crossed */
        if ((s->flags & TCPSTATE_FIN) && other.end[d].state == TCPSTATE_CLOSING && s->ack == other.end[d].rcv_nxt)
            return; /* it acknowledges the peer's, so they did not cross */
    }
    if (course_note(c, &other, kind, index, state))
        course_push(c, &other);
}

/* A SYN of somebody else, before which the end of which nothing is captured has reset: its own would come as well. */
void course_reset_before_syn(struct tcpstate_course *c, const struct hypothesis *h, uint32_t index, int cost) {
    const struct tcpstate_segment *s = &c->facts.segments[index];
    unsigned d = !s->direction;
    struct hypothesis other = *h;

    if (!course_is_bare_syn(s) || !c->facts.unseen[d] || h->end[0].state < TCPSTATE_ESTABLISHED ||
        h->end[1].state < TCPSTATE_ESTABLISHED)
        return;
    for (uint32_t at; (at = course_next_to(&c->facts, d, other.end[d].next, index)) < index;
         other.end[d].next = at + 1) {
        struct course_variant variants[COURSE_VARIANTS];
        const struct tcpstate_segment *q = &c->facts.segments[at];
        if (s->time_ns - q->time_ns <= c->facts.answer_ns[d])
            break;
        if (!course_is_void(&c->facts, q)) {
            course_deliver(&other.end[d], q, NULL, variants);
            other.end[d] = variants[0].end;
            other.cost += variants[0].cost;
        }
        if (!course_note(c, &other, TAKEN, at, other.end[d].state))
            return;
    }
    other.end[0].state = other.end[1].state = TCPSTATE_CLOSED;
    course_send_by_others(c, &other, index, SENT_BY_OTHERS, cost + COST_UNSEEN - 1);
}
