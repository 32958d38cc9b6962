/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What speaks against it that somebody else than its nominal sender has sent a segment: see course.h.
 */
#include "course_search.h"

#include <stdlib.h>

static const int64_t MS_NS = 1000000;

enum { TTL_TOLERANCE = 2 }; /* routes differ by so many hops within a connection */

/* Is its number the one to which the clock has gone on since its sender's last SYN: RFC 9293 3.4.1, at one tick in 4
 * microseconds or, as Linux has it, in 64 ns? */
static bool keeps_clock_of_numbers(const struct course_facts *facts, const struct course_end *x, uint32_t index) {
    const struct tcpstate_segment *s = &facts->segments[index];
    int64_t slack_ns = 5 * MS_NS + (facts->answer_ns[0] + facts->answer_ns[1]) / 2;

    if (!(s->flags & TCPSTATE_SYN) || !x->has_snd || s->seq == x->snd_nxt || seq_at_most(s->seq, x->iss + 16))
        return false;
    for (uint32_t i = index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->direction == s->direction && (q->flags & TCPSTATE_SYN) && q->seq == x->iss) {
            int64_t elapsed_ns = s->time_ns - q->time_ns, advance = s->seq - x->iss;
            return llabs(advance * 64 - elapsed_ns) < slack_ns || llabs(advance * 4000 - elapsed_ns) < slack_ns;
        }
    }
    return false;
}

/* Has it the number of a SYN that is captured only later? Nobody else knows that before it is sent (RFC 9293 3.4.1), so
 * that SYN would have to be late as well. */
static bool foretells_syn(const struct course_facts *facts, uint32_t index) {
    const struct tcpstate_segment *s = &facts->segments[index];

    if (!(s->flags & TCPSTATE_SYN))
        return false;
    for (uint32_t i = 0; i < facts->count && i < index + 64; i++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (i != index && q->direction == s->direction && q->seq == s->seq && course_is_bare_syn(q))
            return i > index;
    }
    return false;
}

/* Is it a FIN beyond all that its sender has sent, at the number where text that is captured only later ends? Nobody else
 * knows how much that will be. */
static bool foretells_end_of_text(const struct course_facts *facts, const struct course_end *x, uint32_t index) {
    const struct tcpstate_segment *s = &facts->segments[index];

    if (!(s->flags & TCPSTATE_FIN) || (s->flags & (TCPSTATE_SYN | TCPSTATE_RST)) || !x->has_snd ||
        !seq_after(s->seq, x->snd_nxt))
        return false;
    for (uint32_t i = index + 1; i < facts->count && i < index + 64; i++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->direction == s->direction && q->length > 0 && !(q->flags & (TCPSTATE_SYN | TCPSTATE_RST)) &&
            q->seq + q->length == s->seq)
            return true;
    }
    return false;
}

/* Does it come just when the challenge ACK is due with which its sender answers a RST that does not fit, RFC 5961 3.2? */
static bool answers_rst_in_time(const struct course_facts *facts, uint32_t index) {
    const struct tcpstate_segment *s = &facts->segments[index];
    int64_t answer_ns = facts->answer_ns[s->direction];

    if (index == 0 || !course_is_pure_ack(s) || answer_ns == 0)
        return false;
    const struct tcpstate_segment *q = &facts->segments[index - 1];
    return q->direction != s->direction && (q->flags & TCPSTATE_RST) &&
           llabs(s->time_ns - q->time_ns - answer_ns) < answer_ns / 32;
}

/* Is it a SYN,ACK to an older SYN than that which its receiver has sent, RFC 9293 figure 8? Who forges an answer answers
 * the SYN that there is. */
static bool answers_older_syn(const struct course_end *y, const struct tcpstate_segment *s) {
    return course_is_synack(s) && y->state == TCPSTATE_SYN_SENT && y->has_snd && course_acks_older_syn(s->ack, y->iss);
}

/* Is it the first to acknowledge what was captured of the other end, but by this course was somebody else's as well? Who
 * speaks for one end in a connection does not answer himself in the name of the other. */
static bool confirms_a_forgery(const struct course_facts *facts, const struct course_end *y, uint32_t index) {
    const struct tcpstate_segment *s = &facts->segments[index];
    bool confirms = false;

    if (!(s->flags & TCPSTATE_ACK) || !y->has_snd || y->unseen || !seq_after(s->ack, y->snd_nxt))
        return false;
    for (uint32_t i = index, seen = 0; i-- > 0 && seen < 400; seen++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->direction == s->direction && (q->flags & (TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_ACK &&
            q->ack == s->ack)
            return false; /* the end was deceived before, and is imitated */
        confirms = confirms || (q->direction != s->direction && !(q->flags & TCPSTATE_RST) &&
                                course_end_of(q) == s->ack && course_end_of(q) != q->seq);
    }
    return confirms;
}

/* Who is elsewhere on the path has to count hops to look like the sender; hosts begin with one of a few numbers, so those
 * tell nothing. A TTL that lies far from that of most is a stranger's, or a middlebox's. */
static int cost_of_ttl(const struct course_facts *facts, const struct tcpstate_segment *s) {
    static const uint8_t first[] = {32, 64, 128, 255};
    uint8_t usual = facts->ttl[s->direction];

    if (usual == 0 || !(s->traits & TCPSTATE_HAS_TTL))
        return 0;
    if (s->ttl != usual)
        return abs(s->ttl - usual) > TTL_TOLERANCE ? -COST_ODD : 0;
    for (unsigned i = 0; i < sizeof first; i++)
        if (usual == first[i])
            return 0;
    return COST_ODD;
}

/* Who forges a RST fills in a window, as in any segment; what answers for no connection has none to fill in, and where the
 * stimulus had no ACK it has no number either. And what has arrived out of order only the receiver knows. */
int course_cost_of_forgery(const struct tcpstate_course *c, const struct hypothesis *h, uint32_t index) {
    const struct tcpstate_segment *s = &c->facts.segments[index];
    static const int less_for[MOST_FORGERIES + 1] = {0, 4, 5, 6}; /* who does it once does it again */
    bool one_sided = c->facts.unseen[0] || c->facts.unseen[1];    /* ... too little tells against it */
    uint32_t before = one_sided && h->forgeries > 1 ? 1 : h->forgeries;
    bool answers = (s->flags & TCPSTATE_RST) && s->window == 0 && !(s->options & TCPSTATE_OPT_TIMESTAMPS) &&
                   (!(s->flags & TCPSTATE_ACK) || s->seq == 0);

    int cost = COST_FORGED - less_for[before] + (c->facts.leaks > 0 ? COST_LEAKY : 0);
    if (answers)
        cost += before > 0 || s->seq == 0 ? 5 : 3;
    if (s->sack_count > 1)
        cost += 6;
    if (answers_older_syn(&h->end[!s->direction], s))
        cost += 2;
    cost += cost_of_ttl(&c->facts, s);
    if (confirms_a_forgery(&c->facts, &h->end[!s->direction], index))
        cost += COST_ODD + 2;
    if (foretells_end_of_text(&c->facts, &h->end[s->direction], index))
        cost += 2 * COST_ODD;
    if (one_sided && foretells_syn(&c->facts, index))
        cost += COST_STALE;
    if (keeps_clock_of_numbers(&c->facts, &h->end[s->direction], index) || answers_rst_in_time(&c->facts, index))
        cost += COST_ODD;
    return cost;
}

/* Of IPv4 the path copies the identification as well, RFC 6864 4, unless something on it gives each datagram another.
 * That of a SYN,ACK is not asked: stacks take it from elsewhere than the connection's. */
int course_cost_of_copy(const struct course_facts *facts, const struct tcpstate_segment *s,
                        const struct tcpstate_segment *original) {
    bool differs = (s->traits & original->traits & TCPSTATE_HAS_IP_ID) && s->ip_id != original->ip_id &&
                   !(s->flags & TCPSTATE_SYN);

    return COST_COPY + (!differs ? 0 : facts->counts_ids[s->direction] ? 4 : 2);
}
