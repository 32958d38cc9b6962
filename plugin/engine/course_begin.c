/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the endpoints can have been when the capture started. A capture that starts with a SYN starts with the
 * connection. In any other the first segments of each end tell its numbers, unless somebody else sent them; then others
 * do. In which states they were is guessed: the odder, the dearer.
 */
#include "course.h"

#include <string.h>

enum {
    LINES = 3,  /* candidates for the numbers of one end */
    LOOKED = 8, /* segments of it that are asked */
    FAR = 1 << 20,
    COST_GONE = 11,      /* there is no connection any more */
    COST_NO_OPENING = 11 /* the capture starts with a SYN, which opened nothing */
};

/* Numbers that an end may have had. */
struct line {
    uint32_t seq, end, ack; /* end: the number after its first segment */
    uint32_t low;           /* the oldest that it repeats before the other end is heard */
    uint32_t next;          /* ... after the text of those that follow it without a gap */
    uint32_t tsval, tsecr;
    int cost;
    bool has_echo, fin;
};

static bool has_numbers(const struct tcpstate_segment *s) {
    return (s->flags & (TCPSTATE_SYN | TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_ACK;
}

static const struct tcpstate_segment *first_of(const struct course_facts *facts, unsigned direction) {
    for (uint32_t i = 0; i < facts->count; i++)
        if (facts->segments[i].direction == direction)
            return &facts->segments[i];
    return NULL;
}

/* Before, or far beyond. */
static bool is_elsewhere(uint32_t number, uint32_t known) {
    return seq_before(number, known) || seq_distance(number, known) > FAR;
}

/* A SYN among the first segments that is answered: with it another connection starts. NULL if there is none. */
static const struct tcpstate_segment *answered_syn(const struct course_facts *facts) {
    for (uint32_t i = 0; i < facts->count && i < 8 * LOOKED; i++) {
        const struct tcpstate_segment *syn = &facts->segments[i];
        if (!course_is_bare_syn(syn) || course_is_void(facts, syn))
            continue;
        for (uint32_t k = i + 1; k < facts->count && k <= i + LOOKED; k++) {
            const struct tcpstate_segment *s = &facts->segments[k];
            if (s->direction != syn->direction && course_is_synack(s) && s->ack == course_end_of(syn))
                return syn;
        }
    }
    return NULL;
}

/* Has `s`, captured after `syn`, the numbers that go on from there? */
static bool goes_on_from(const struct tcpstate_segment *s, const struct tcpstate_segment *syn) {
    uint32_t number = s->direction == syn->direction ? s->seq : s->ack;
    return s > syn && seq_after(number, syn->seq) && seq_distance(number, syn->seq) < FAR;
}

/* The first segment says most; what is older by its numbers, or nowhere near, may know better. */
static unsigned find_lines(const struct course_facts *facts, unsigned direction, struct line lines[LINES]) {
    const struct tcpstate_segment *next_syn = answered_syn(facts);
    unsigned count = 0;
    bool answered = false;

    for (uint32_t i = 0, seen = 0; i < facts->count && (seen < LOOKED || !answered); i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        bool is_new = true;
        answered = answered || s->direction != direction;
        if (s->direction != direction || !has_numbers(s) || course_is_void(facts, s) ||
            (next_syn != NULL && goes_on_from(s, next_syn)))
            continue;
        if (!answered && count > 0 && s->length > 0 && seq_before(s->seq, lines[0].low) &&
            seq_distance(lines[0].low, s->seq) < FAR)
            lines[0].low = s->seq;
        if (seen++ >= LOOKED || count == LINES)
            continue;
        for (unsigned k = 0; k < count; k++) {
            bool follows = seq_at_most(s->seq, lines[k].next);
            is_new = is_new && (!follows || is_elsewhere(s->seq, lines[k].seq) || is_elsewhere(s->ack, lines[k].ack));
            if (follows)
                lines[k].next = seq_max(lines[k].next, s->seq + s->length);
        }
        if (!is_new)
            continue;
        lines[count] = (struct line){.seq = s->seq,
                                     .low = s->seq,
                                     .end = course_end_of(s),
                                     .next = s->seq + s->length,
                                     .ack = s->ack,
                                     .tsval = s->tsval,
                                     .tsecr = s->tsecr,
                                     .cost = count > 0 ? 3 : 0,
                                     .has_echo = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0,
                                     .fin = (s->flags & TCPSTATE_FIN) != 0};
        count++;
    }
    return count;
}

/* What is told of an end by its peer only. */
static struct line line_of_peer(const struct line *peer) {
    return (struct line){.seq = peer->ack, .low = peer->ack, .end = peer->ack, .ack = peer->seq};
}

static bool has_sent_fin(enum tcpstate_state state) {
    return state == TCPSTATE_FIN_WAIT_1 || state == TCPSTATE_FIN_WAIT_2 || state == TCPSTATE_CLOSING ||
           state == TCPSTATE_LAST_ACK || state == TCPSTATE_TIME_WAIT;
}

static bool has_taken_fin(enum tcpstate_state state) {
    return state == TCPSTATE_CLOSE_WAIT || state == TCPSTATE_CLOSING || state == TCPSTATE_LAST_ACK ||
           state == TCPSTATE_TIME_WAIT;
}

/* One end, without what depends on the other. */
static struct course_end make_end(const struct course_facts *facts, const struct line *line,
                                  enum tcpstate_state state) {
    struct course_end e;

    memset(&e, 0, sizeof e);
    e.state = (uint8_t)state;
    if (state == TCPSTATE_CLOSED || state == TCPSTATE_LISTEN)
        return e;
    e.has_snd = e.has_rcv = true;
    e.snd_nxt = e.snd_una = line->seq;
    if (has_sent_fin(state)) {
        e.snd_nxt = line->fin ? line->end : line->seq;
        e.fin_sent = true;
        e.fin = e.snd_nxt - 1;
        e.before_fin = (uint8_t)(state == TCPSTATE_LAST_ACK ? TCPSTATE_CLOSE_WAIT : TCPSTATE_ESTABLISHED);
    }
    e.rcv_nxt = e.last_ack = line->ack;
    e.right_edge = e.rcv_nxt + FAR;
    e.timestamps = facts->timestamps;
    e.sack = facts->sack;
    e.has_ts_recent = line->has_echo;
    e.ts_recent = line->has_echo ? line->tsecr : 0;
    return e;
}

/* What `end` has received of `peer` when the capture started: what its first segment acknowledges may have been
 * captured, or not. `low`: nothing of what the peer repeats had arrived. */
static void join(struct course_end *end, const struct course_end *peer, const struct line *of_peer, bool low) {
    uint32_t start = has_sent_fin((enum tcpstate_state)peer->state) ? peer->snd_nxt : of_peer->seq;

    if (!end->has_rcv || !peer->has_snd)
        return;
    if (has_taken_fin((enum tcpstate_state)end->state)) {
        end->rcv_nxt = end->last_ack = peer->snd_nxt;
    } else if (low && seq_after(end->rcv_nxt, of_peer->low)) { /* what is repeated had not arrived */
        end->rcv_nxt = end->last_ack = of_peer->low;
        end->free_to = start;
        end->has_free = true;
    } else if (seq_after(end->rcv_nxt, start)) {
        end->rcv_nxt = end->last_ack = start;
    } else if (seq_before(end->rcv_nxt, start)) { /* under way */
        end->free_to = start;
        end->has_free = true;
    }
    if (peer->fin_sent && !has_taken_fin((enum tcpstate_state)end->state)) {
        if (seq_after(end->rcv_nxt, peer->fin))
            end->rcv_nxt = end->last_ack = peer->fin;
        end->has_peer_fin = true;
        end->peer_fin = peer->fin;
        end->free_to = peer->snd_nxt;
        end->has_free = true;
    }
    if (end->has_ts_recent && of_peer->has_echo && seq_before(of_peer->tsval, end->ts_recent))
        end->ts_recent = of_peer->tsval; /* it echoes what came later */
    end->has_first_seq = true;
    end->first_seq = end->snd_una;
    if (seq_before(of_peer->ack, end->snd_una))
        end->snd_una = of_peer->ack; /* all that it may send again */
    end->iss = end->snd_una - (1u << 28);
    end->irs = end->rcv_nxt - (1u << 28);
}

/* The states in which a capture may find both ends: long in ESTABLISHED, and only for moments in most others. */
static const struct {
    uint8_t one, other;
    int cost;
} PAIRS[] = {
    {TCPSTATE_ESTABLISHED, TCPSTATE_ESTABLISHED, 0}, {TCPSTATE_FIN_WAIT_2, TCPSTATE_CLOSE_WAIT, 9},
    {TCPSTATE_FIN_WAIT_1, TCPSTATE_CLOSE_WAIT, 10},  {TCPSTATE_FIN_WAIT_1, TCPSTATE_ESTABLISHED, 9},
    {TCPSTATE_TIME_WAIT, TCPSTATE_LAST_ACK, 11},     {TCPSTATE_TIME_WAIT, TCPSTATE_CLOSED, 11},
    {TCPSTATE_FIN_WAIT_2, TCPSTATE_LAST_ACK, 12},    {TCPSTATE_CLOSING, TCPSTATE_CLOSING, 12},
    {TCPSTATE_CLOSED, TCPSTATE_ESTABLISHED, 9},
};

static unsigned add_seed(struct course_seed *seeds, unsigned count, unsigned direction, const struct course_end *one,
                         const struct course_end *other, int cost) {
    if (count == COURSE_SEEDS)
        return count;
    seeds[count].end[direction] = *one;
    seeds[count].end[!direction] = *other;
    seeds[count].cost = cost;
    seeds[count].forged = false;
    return count + 1;
}

static unsigned add_pairs(const struct course_facts *facts, const struct line *lines[2], int cost, bool low,
                          struct course_seed *seeds, unsigned count) {
    for (unsigned p = 0; p < (low ? 1 : sizeof PAIRS / sizeof PAIRS[0]); p++)
        for (unsigned d = 0; d < (PAIRS[p].one == PAIRS[p].other ? 1u : 2u); d++) {
            struct course_end one = make_end(facts, lines[d], (enum tcpstate_state)PAIRS[p].one);
            struct course_end other = make_end(facts, lines[!d], (enum tcpstate_state)PAIRS[p].other);
            const struct tcpstate_segment *first = first_of(facts, d);
            int dear = cost + PAIRS[p].cost;
            if (PAIRS[p].one == TCPSTATE_CLOSED && first != NULL && (first->flags & (TCPSTATE_RST | TCPSTATE_SYN)))
                dear -= 3;
            join(&one, &other, lines[!d], low);
            join(&other, &one, lines[d], low);
            if (low && one.has_snd && seq_before(lines[d]->low, one.snd_una))
                one.snd_una = lines[d]->low;
            if (low && other.has_snd && seq_before(lines[!d]->low, other.snd_una))
                other.snd_una = lines[!d]->low;
            count = add_seed(seeds, count, d, &one, &other, dear);
        }
    return count;
}

/* Do they speak of the same numbers? */
static bool fit(const struct line *one, const struct line *other) {
    return !seq_before(one->ack + FAR, other->seq) && !seq_before(other->seq + FAR, one->ack) &&
           !seq_before(other->ack + FAR, one->seq) && !seq_before(one->seq + FAR, other->ack);
}

/* A SYN among the first segments: what was captured before it may be somebody else's, or of a connection that is gone. */
static const struct tcpstate_segment *early_syn(const struct course_facts *facts) {
    for (uint32_t i = 0; i < facts->count && i < 2 * LOOKED; i++)
        if (course_is_bare_syn(&facts->segments[i]) &&
            (!facts->mss || (facts->segments[i].options & TCPSTATE_OPT_MSS)) &&
            !course_is_void(facts, &facts->segments[i]))
            return &facts->segments[i];
    return NULL;
}

/* One end of two that have opened at once, each with the SYN of the other. */
static struct course_end make_open(uint32_t iss, uint32_t rcv_nxt, const struct course_facts *facts) {
    struct course_end e;

    memset(&e, 0, sizeof e);
    e.state = TCPSTATE_SYN_RECEIVED;
    e.active_open = e.has_snd = e.has_rcv = true;
    e.iss = e.snd_una = iss;
    e.snd_nxt = iss + 1;
    e.irs = rcv_nxt - 1;
    e.rcv_nxt = e.last_ack = rcv_nxt;
    e.right_edge = rcv_nxt + FAR;
    e.timestamps = facts->timestamps;
    e.sack = facts->sack;
    return e;
}

/* As one answers a SYN that listens, opens as well, or has no connection: RFC 9293 3.10.7.1 to 3.10.7.3. */
static bool is_answer(const struct tcpstate_segment *s, const struct tcpstate_segment *syn) {
    if (!(s->flags & (TCPSTATE_SYN | TCPSTATE_RST)))
        return false;
    return course_is_bare_syn(s) || ((s->flags & TCPSTATE_ACK) && seq_within(s->ack, syn->seq + 1, course_end_of(syn)));
}

/* Is it the ACK with which an end in SYN-RECEIVED answers what it does not want, after a SYN,ACK that was not captured? */
static bool answers_syn(const struct tcpstate_segment *s, const struct tcpstate_segment *syn) {
    return s->length == 0 && s->ack == syn->seq + 1 &&
           (!(s->options & syn->options & TCPSTATE_OPT_TIMESTAMPS) || s->tsecr == syn->tsval);
}

/* A server that waits for the ACK of its SYN,ACK, and a client that has sent it: the peer of `line`, which tells the
 * numbers of both, and the end with that line. */
static unsigned add_embryonic(const struct course_facts *facts, const struct line *line, unsigned client_direction,
                              int cost, struct course_seed *seeds, unsigned count) {
    struct course_end server = make_open(line->ack - 1, line->seq, facts);
    struct course_end client = make_end(facts, line, TCPSTATE_ESTABLISHED);

    server.active_open = false;
    server.listens = client.active_open = true;
    client.iss = server.irs;
    client.irs = server.iss;
    return add_seed(seeds, count, client_direction, &client, &server, cost);
}

/* A SYN,ACK that comes again, since the ACK of it has not arrived: its peer sends from the numbers that both tell. */
static unsigned add_repeated_synack(const struct course_facts *facts, struct line lines[2][LINES],
                                    const unsigned counts[2], struct course_seed *seeds, unsigned count) {
    for (uint32_t i = 1; i < facts->count && i < 2 * LOOKED; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        unsigned client = !s->direction;
        if (course_is_bare_syn(s))
            return count;
        if (!course_is_synack(s) || course_is_void(facts, s))
            continue;
        for (unsigned k = 0; k < counts[client]; k++) {
            const struct line *line = &lines[client][k];
            if (line->seq == s->ack && line->ack == s->seq + 1)
                return add_embryonic(facts, line, client, COST_UNSEEN + line->cost, seeds, count);
        }
    }
    return count;
}

/* RSTs without ACK, window and options, as one in SYN-RECEIVED answers a wrong ACK, from an end that goes on later. */
static unsigned add_refusing(const struct course_facts *facts, struct line lines[2][LINES], const unsigned counts[2],
                             struct course_seed *seeds, unsigned count) {
    for (uint32_t i = 0; i < facts->count && i < LOOKED; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        unsigned client = !s->direction;
        if (course_is_bare_syn(s))
            return count;
        if (!segment_is_refusal(s) || course_is_void(facts, s))
            continue;
        for (unsigned k = 0; k < counts[client]; k++)
            if (lines[client][k].ack != s->seq)
                count = add_embryonic(facts, &lines[client][k], client, COST_UNSEEN + 2 + lines[client][k].cost, seeds,
                                      count);
        return count;
    }
    return count;
}

/* Where the ends do not speak of the same numbers, or only one speaks: each line with what it tells of the other end. */
static unsigned add_one_ended(const struct course_facts *facts, struct line lines[2][LINES], const unsigned counts[2],
                              struct course_seed *seeds, unsigned count) {
    for (unsigned d = 0; d < 2; d++)
        for (unsigned i = 0; i < counts[d]; i++) {
            struct line other = line_of_peer(&lines[d][i]);
            const struct line *pair[2] = {d == 0 ? &lines[d][i] : &other, d == 0 ? &other : &lines[d][i]};
            count = add_pairs(facts, pair, lines[d][i].cost + (count > 0 ? 3 : 0), false, seeds, count);
        }
    return count;
}

/* A capture that starts with RSTs without ACK: each answers an ACK of its number, so the other end had a connection, and
 * had received all up to the newest of them. */
static unsigned add_refused(const struct course_facts *facts, struct course_seed *seeds, unsigned count) {
    const struct tcpstate_segment *first = &facts->segments[0];
    struct course_end gone, other;

    memset(&gone, 0, sizeof gone);
    memset(&other, 0, sizeof other);
    gone.state = TCPSTATE_CLOSED;
    other.state = TCPSTATE_ESTABLISHED;
    other.has_rcv = true;
    other.rcv_nxt = first->seq;
    for (uint32_t i = 1; i < facts->count && segment_is_refusal(&facts->segments[i]) &&
                         facts->segments[i].direction == first->direction;
         i++)
        other.rcv_nxt = seq_max(other.rcv_nxt, facts->segments[i].seq);
    other.last_ack = other.rcv_nxt;
    other.right_edge = other.rcv_nxt + FAR;
    other.irs = other.rcv_nxt - (1u << 28);
    return add_seed(seeds, count, first->direction, &gone, &other, 0);
}

unsigned course_begin(struct course_facts *facts, struct course_seed seeds[COURSE_SEEDS]) {
    const struct tcpstate_segment *first = &facts->segments[0];
    const struct tcpstate_segment *answer = first_of(facts, !first->direction), *syn = early_syn(facts);
    struct line lines[2][LINES];
    struct course_end closed, listens;
    unsigned counts[2], count = 0;
    bool opens = (first->flags & TCPSTATE_SYN) && !(first->flags & TCPSTATE_RST);
    bool looks_whole = false;

    memset(&closed, 0, sizeof closed);
    closed.state = TCPSTATE_CLOSED;
    listens = closed;
    listens.state = TCPSTATE_LISTEN;
    if (opens || !has_numbers(first))
        count = add_seed(seeds, count, first->direction, &closed, &listens, 0);
    if (course_is_bare_syn(first) && (!facts->mss || (first->options & TCPSTATE_OPT_MSS))) {
        if (answer == NULL || is_answer(answer, first))
            return count;
        looks_whole = answers_syn(answer, first) || (answer->flags & (TCPSTATE_SYN | TCPSTATE_RST));
    }
    facts->starts_late = !course_is_bare_syn(first);
    if (count == 0 && syn != NULL)
        count = add_seed(seeds, count, syn->direction, &closed, &listens, 3);
    if (opens && !course_is_bare_syn(first)) { /* RFC 9293 figure 7 */
        struct course_end one = make_open(first->seq, first->ack, facts),
                          other = make_open(first->ack - 1, first->seq + 1, facts);
        count = add_seed(seeds, count, first->direction, &one, &other, 8);
        if (answer == NULL) { /* ... with somebody else, in the name of an end of which nothing is captured */
            count = add_seed(seeds, count, first->direction, &one, &listens, COST_FORGED);
            seeds[count - 1].forged = true;
        }
    }
    for (unsigned d = 0; d < 2; d++)
        counts[d] = find_lines(facts, d, lines[d]);
    count = add_repeated_synack(facts, lines, counts, seeds, count);
    for (unsigned i = 0; i < counts[0]; i++)
        for (unsigned k = 0; k < counts[1]; k++)
            if (fit(&lines[0][i], &lines[1][k])) {
                const struct line *pair[2] = {&lines[0][i], &lines[1][k]};
                count = add_pairs(facts, pair, lines[0][i].cost + lines[1][k].cost + (count > 0 ? 2 : 0), false, seeds,
                                  count);
            }
    if (counts[0] > 0 && counts[1] > 0 && fit(&lines[0][0], &lines[1][0]) &&
        (lines[0][0].low != lines[0][0].seq || lines[1][0].low != lines[1][0].seq)) {
        const struct line *pair[2] = {&lines[0][0], &lines[1][0]};
        count = add_pairs(facts, pair, 1, true, seeds, count);
    }
    for (unsigned d = 0; d < 2 && counts[0] > 0 && counts[1] > 0; d++)
        if (seq_after(lines[!d][0].ack, lines[d][0].next) && fit(&lines[0][0], &lines[1][0])) {
            struct line ahead = lines[d][0]; /* its first segment was not its newest */
            ahead.seq = ahead.end = ahead.next = lines[!d][0].ack;
            const struct line *pair[2] = {d == 0 ? &ahead : &lines[0][0], d == 0 ? &lines[1][0] : &ahead};
            count = add_pairs(facts, pair, 1, false, seeds, count);
        }
    if (count > 1)
        count = add_refusing(facts, lines, counts, seeds, count);
    else
        count = add_one_ended(facts, lines, counts, seeds, count);
    if (segment_is_refusal(first) && answer != NULL && counts[!first->direction] == 0 &&
        !course_is_void(facts, first)) {
        seeds[0].cost = 2;
        count = add_refused(facts, seeds, count);
    }
    for (unsigned i = 1; i < count && looks_whole; i++)
        seeds[i].cost += COST_NO_OPENING;
    if (has_numbers(first)) /* it starts after the connection: all is late, or somebody else's */
        count = add_seed(seeds, count, 0, &closed, &closed, COST_GONE);
    return count;
}
