/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The likeliest course of a conversation, known when all of it has been captured: a search over hypotheses, each of
 * which knows both endpoints exactly.
 *
 *   a segment of x is captured      for each hypothesis:
 *     nobody sent it, or a copy       the endpoints stay as they are
 *     x sent it                       after the first, second ... of what was captured towards x had arrived,
 *                                     and others were lost or late: each choice is a hypothesis of its own
 *
 * Hypotheses that know the same are one, the likeliest; of the rest the unlikely ones are dropped. What arrives where is
 * decided only when its receiver is heard, so an endpoint is shown as it was, not as the capture point would have it.
 * What a hypothesis went through is a chain of events; in the end the chain of the best one is read backwards.
 */
#include "course_search.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const int64_t MS_NS = 1000000;
static const int64_t SECOND_NS = 1000000000;

/* ---- candidates -------------------------------------------------------------------------------------------------- */

static uint32_t hash_octets(const void *data, size_t size, uint64_t hash) {
    const unsigned char *octets = data;

    for (; size >= 8; size -= 8, octets += 8) {
        uint64_t word;
        memcpy(&word, octets, 8);
        hash = (hash ^ word) * 1099511628211u;
        hash ^= hash >> 29;
    }
    for (; size > 0; size--)
        hash = (hash ^ *octets++) * 1099511628211u;
    return (uint32_t)(hash ^ (hash >> 32));
}

static uint32_t hash_of(const struct hypothesis *h) {
    return hash_octets(h->end, sizeof h->end, 14695981039346656037u + (h->forgeries > 0));
}

/* Of what is known of the ends, without what is under way to them. */
static uint32_t hash_of_core(const struct hypothesis *h) {
    struct course_end ends[2] = {h->end[0], h->end[1]};

    for (unsigned d = 0; d < 2; d++) {
        ends[d].next = 0;
        ends[d].losing = 0;
    }
    return hash_octets(ends, sizeof ends, 14695981039346656037u + (h->forgeries > 0));
}

static bool is_likelier(const struct hypothesis *a, const struct hypothesis *b) {
    return a->cost != b->cost ? a->cost < b->cost : a->strain_us < b->strain_us;
}

static int compare_cost(const void *a, const void *b) {
    const struct hypothesis *x = a, *y = b;
    return is_likelier(x, y) ? -1 : is_likelier(y, x) ? 1 : (x->event < y->event ? -1 : x->event > y->event);
}

static void insert(struct tcpstate_course *c, const struct hypothesis *h) {
    uint32_t slot = hash_of(h) & (SLOTS - 1);

    for (; c->slots[slot] != 0; slot = (slot + 1) & (SLOTS - 1)) {
        struct hypothesis *other = &c->candidates[c->slots[slot] - 1];
        if ((other->forgeries > 0) == (h->forgeries > 0) && memcmp(other->end, h->end, sizeof h->end) == 0) {
            if (is_likelier(h, other)) {
                other->cost = h->cost;
                other->forgeries = h->forgeries;
                other->strain_us = h->strain_us;
                other->event = h->event;
            }
            return;
        }
    }
    c->candidates[c->candidate_count] = *h;
    c->slots[slot] = ++c->candidate_count;
}

void course_push(struct tcpstate_course *c, const struct hypothesis *h) {
    if (h->cost > c->best_cost + MARGIN)
        return;
    if (h->cost < c->best_cost)
        c->best_cost = h->cost;
    if (c->candidate_count == CANDIDATES) { /* too many: the better half stays */
        qsort(c->candidates, CANDIDATES, sizeof c->candidates[0], compare_cost);
        memset(c->slots, 0, sizeof c->slots);
        c->candidate_count = 0;
        for (unsigned i = 0; i < CANDIDATES / 2; i++) {
            struct hypothesis kept = c->candidates[i];
            insert(c, &kept);
        }
    }
    insert(c, h);
}

static bool without_connection(uint8_t state) { return state == TCPSTATE_CLOSED || state == TCPSTATE_LISTEN; }

static bool looks_like(uint8_t a, uint8_t b) { return a == b || (without_connection(a) && without_connection(b)); }

static bool is_not_supposed(const struct tcpstate_course *c, enum event_kind kind, uint32_t index, uint8_t state) {
    if (!c->supposes)
        return false;
    const struct tcpstate_course_premise *premise = &c->premises[index];
    uint8_t supposed = kind == TAKEN || kind == LOST ? premise->supposed_receiver : premise->supposed_sender;
    return supposed != TCPSTATE_STATES && !looks_like(state, supposed);
}

bool course_note(struct tcpstate_course *c, struct hypothesis *h, enum event_kind kind, uint32_t index, uint8_t state) {
    if (c->scratch_count >= c->scratch_limit)
        return false;
    if (is_not_supposed(c, kind, index, state))
        h->cost += COST_NOT_SUPPOSED;
    c->scratch[c->scratch_count] = (struct event){.parent = h->event,
                                                  .index = index,
                                                  .decided = UINT32_MAX,
                                                  .kept = NO_EVENT,
                                                  .kind = (uint8_t)kind,
                                                  .state = state};
    h->event = c->scratch_count++ | SCRATCH_BIT;
    return true;
}

/* ---- one segment ------------------------------------------------------------------------------------------------- */

uint32_t course_next_to(const struct course_facts *facts, unsigned direction, uint32_t index, uint32_t before) {
    while (index < before && facts->segments[index].direction == direction)
        index++;
    return index;
}

static bool changes(const struct course_end *a, const struct course_end *b) {
    struct course_end x = *a;
    x.next = b->next;
    memcpy(x.late, b->late, sizeof x.late);
    return memcmp(&x, b, sizeof x) != 0;
}

/* What is late for good, or would change nothing any more, need not be remembered. */
static void forget_late(const struct tcpstate_course *c, struct course_end *end, int64_t now_ns) {
    struct course_variant variants[COURSE_VARIANTS];

    for (unsigned i = 0; i < COURSE_LATE; i++) {
        if (end->late[i] == 0)
            continue;
        const struct tcpstate_segment *s = &c->facts.segments[end->late[i] - 1];
        if (now_ns - s->time_ns < 3000 * MS_NS) {
            course_deliver(end, s, NULL, variants);
            if (!(s->flags & TCPSTATE_SYN)) /* an old SYN draws an ACK that looks like no other */
                variants[0].end.owes_ack = end->owes_ack;
            if (changes(&variants[0].end, end))
                continue;
        }
        end->late[i] = 0;
    }
    if (end->late[0] == 0) {
        end->late[0] = end->late[1];
        end->late[1] = 0;
    }
}

void course_count_forgery(struct hypothesis *h) {
    if (h->forgeries < MOST_FORGERIES)
        h->forgeries++;
}

static void send_now(struct tcpstate_course *c, const struct hypothesis *h, uint32_t index) {
    const struct tcpstate_segment *s = &c->facts.segments[index];
    unsigned d = s->direction;
    struct course_sent sent[COURSE_VARIANTS];
    unsigned count = course_send(&c->facts, &h->end[d], &h->end[!d], index, sent);

    for (unsigned i = 0; i < count; i++) {
        struct hypothesis after = *h;
        if (h->cost + sent[i].cost > c->best_cost + MARGIN)
            continue;
        after.end[d] = sent[i].sender;
        after.end[!d] = sent[i].receiver;
        after.cost += sent[i].cost;
        if (c->asked != 0 && after.end[d].next <= c->asked)
            after.cost += COST_UNASKED;
        if (c->premises != NULL && c->premises[index].proved != TCPSTATE_STATES &&
            sent[i].shown != c->premises[index].proved)
            after.cost += COST_AGAINST_PROOF;
        if (sent[i].forged)
            course_count_forgery(&after);
        forget_late(c, &after.end[c->facts.unseen[!d] ? !d : d], s->time_ns);
        if (course_note(c, &after, SENT, index, sent[i].shown))
            course_push(c, &after);
    }
}

static void forget_replies(struct course_end *end) {
    end->reply_count = 0;
    memset(end->replies, 0, sizeof end->replies);
}

/* ... after it has heard what the other end, of which nothing was captured, had to tell it, or not. */
static void try_send(struct tcpstate_course *c, const struct hypothesis *h, uint32_t index) {
    const struct tcpstate_segment *s = &c->facts.segments[index];
    unsigned d = s->direction;
    int64_t usual_ms = c->facts.answer_ns[!d] / MS_NS * 3 / 2 + 5;
    uint32_t now_ms = course_ms(s->time_ns);
    struct hypothesis deaf, told;

    if (!c->facts.unseen[!d]) {
        send_now(c, h, index);
        return;
    }
    deaf = told = *h;
    if (h->end[!d].reply_count > 0) {
        bool late = (int32_t)(now_ms - h->end[!d].replies[0].asked_ms) > usual_ms;
        forget_replies(&told.end[!d]);
        if (course_hear_rst(&told.end[d], &h->end[!d])) {
            send_now(c, &told, index);
            deaf.cost += late ? COST_LOST : 0;
        }
        if (late)
            forget_replies(&deaf.end[!d]);
    }
    told = deaf;
    if ((int32_t)(course_ms(course_heard_ns(&c->facts, s)) - deaf.end[d].fin_ms) >= -2 &&
        course_hear_ack(&told.end[d], &deaf.end[!d])) {
        send_now(c, &told, index);
        if ((int32_t)(now_ms - deaf.end[d].fin_ms) > usual_ms + 40)
            deaf.cost += COST_NO_REPLY;
    }
    send_now(c, &deaf, index);
}

static uint64_t strain_us(int64_t from_ns, int64_t to_ns) {
    int64_t us = (from_ns - to_ns) / 1000;
    return us < 0 ? 0 : us < 1000000 ? (uint64_t)us : 1000000;
}

/* An end gives up without a word at any time alike, so most likely in the longest of the spans between what is known of
 * it: the strain of its having done so since the event before, when what `at` is captured as reaches it closed. */
static uint64_t strain_of_silence(const struct tcpstate_course *c, const struct hypothesis *h, unsigned d,
                                  uint32_t at) {
    int64_t span_ms = 0;

    for (uint32_t e = h->event, seen = 0; e != NO_EVENT && seen < 50; e = event_at(c, e)->parent, seen++) {
        const struct event *event = event_at(c, e);
        const struct tcpstate_segment *s = &c->facts.segments[event->index];
        if ((event->kind == TAKEN) != (s->direction == d)) {
            span_ms = (c->facts.segments[at].time_ns - s->time_ns) / MS_NS;
            break;
        }
    }
    return 1000 * (uint64_t)(1000 / (10 + (span_ms > 0 ? span_ms : 0)));
}

/* Does an ACK move `end` to another state: of its SYN,ACK or of its FIN? */
static bool may_move(const struct course_end *end, const struct tcpstate_segment *ack) {
    return end->state == TCPSTATE_SYN_RECEIVED ||
           (end->fin_sent && seq_at_most(end->snd_una, end->fin) && ack->ack == end->fin + 1);
}

/* By its echo the sender of `s` has not heard q: RFC 7323 4.3. */
static bool echoes_older(const struct tcpstate_segment *s, const struct tcpstate_segment *q) {
    return (s->options & q->options & TCPSTATE_OPT_TIMESTAMPS) && (s->flags & TCPSTATE_ACK) &&
           seq_before(s->tsecr, q->tsval);
}

/* That q is lost on its way to `end`, after what was lost before it. A path that is down loses all that is repeated. */
static int cost_of_loss(const struct course_facts *facts, const struct course_end *end,
                        const struct tcpstate_segment *q) {
    bool again = q->length > 0 && end->late[0] != 0 && facts->segments[end->late[0] - 1].seq == q->seq;

    return end->losing == 0 ? COST_LOST : again && end->losing >= DOWN ? COST_LOST_TOO / 2 : COST_LOST_TOO;
}

/* Lets what was captured towards x arrive, one segment after the other, and sees each time whether x may have sent
 * segment `index` then. */
static void explore(struct tcpstate_course *c, struct hypothesis h, uint32_t index, unsigned branches, unsigned depth,
                    int hasty) {
    const struct tcpstate_segment *s = &c->facts.segments[index];
    bool unseen = c->facts.unseen[!s->direction];
    unsigned d = unseen ? !s->direction : s->direction; /* to this end */
    int64_t answer_ns = c->facts.answer_ns[d];
    int64_t deadline_ns = 2 * answer_ns + 40 * MS_NS;
    const struct tcpstate_segment *next = unseen ? NULL : s;
    bool news = unseen && h.end[!d].has_rcv && (s->flags & TCPSTATE_ACK) && seq_after(s->ack, h.end[!d].rcv_nxt);
    int64_t heard_ns = news ? course_heard_ns(&c->facts, s) : s->time_ns;
    bool waits = false;

    for (; depth < DEPTH; depth++) {
        struct course_variant variants[COURSE_VARIANTS];
        unsigned count;
        uint32_t at = course_next_to(&c->facts, d, h.end[d].next, index);
        const struct tcpstate_segment *q = &c->facts.segments[at];
        int64_t gap_ns = s->time_ns - q->time_ns, news_ns = heard_ns - q->time_ns;

        h.end[d].next = at;
        if (h.cost > c->best_cost + MARGIN)
            return;
        if (at == index)
            try_send(c, &h, index);
        else if (course_is_pure_ack(q) && !may_move(&h.end[d], q) && !(!unseen && echoes_older(s, q))) {
            /* When such a one arrives matters little, but for who answers each: after as long as it usually takes. */
            if ((gap_ns < answer_ns && !waits) || (!unseen && h.end[d].reply_count > 0))
                try_send(c, &h, index);
            waits = waits || gap_ns < answer_ns;
        } else if (gap_ns < deadline_ns) {
            const int cost = h.cost;
            const uint64_t strain = h.strain_us;
            int64_t slack_ns = c->facts.is_at[d]       ? MS_NS / 2
                               : answer_ns == 0        ? 20 * MS_NS /* nothing tells how far it is */
                               : course_is_pure_ack(q) ? answer_ns / 4 + 2 * MS_NS
                                                       : answer_ns / 2 + 5 * MS_NS;
            if (unseen ? news_ns * 4 > answer_ns * 3 : gap_ns > answer_ns + slack_ns)
                h.cost += !unseen && gap_ns > 2 * answer_ns + 20 * MS_NS ? 3 : 1; /* it should have arrived */
            h.strain_us += strain_us(gap_ns, answer_ns);
            try_send(c, &h, index);
            h.cost = cost;
            h.strain_us = strain;
        }
        for (unsigned i = 0; i < COURSE_LATE && branches > 0; i++) {
            if (h.end[d].late[i] == 0)
                continue;
            struct hypothesis late = h;
            uint32_t from = h.end[d].late[i] - 1;
            course_deliver(&h.end[d], &c->facts.segments[from], next, variants);
            variants[0].end.late[i] = 0;
            late.end[d] = variants[0].end;
            late.cost += COST_LATE;
            late.strain_us += i == 0 && h.end[d].late[1] != 0 ? 1000 : 0; /* of two rather the older one first */
            if (!course_note(c, &late, TAKEN, from, late.end[d].state))
                return;
            explore(c, late, index, branches - 1, depth + NESTED, hasty);
        }
        if (at == index)
            return;
        int haste = news_ns * 5 < answer_ns                 ? 4
                    : news_ns * 2 < answer_ns               ? 2
                    : unseen && news_ns * 4 < answer_ns * 3 ? 1
                                                            : 0;
        if (haste > hasty) { /* it can hardly have arrived so soon */
            h.cost += haste - hasty;
            hasty = haste;
        }
        h.strain_us += strain_us(answer_ns, gap_ns);
        h.end[d].next = at + 1;
        if (course_is_void(&c->facts, q)) {
            if (!course_note(c, &h, TAKEN, at, h.end[d].state))
                return;
            continue;
        }
        count = course_deliver(&h.end[d], q, next, variants);
        bool told = !unseen && !(s->flags & TCPSTATE_RST) && course_lacks(s, q);
        if ((branches > 0 || told) && (count > 1 || changes(&variants[0].end, &h.end[d]))) {
            bool acknowledged = !unseen && (s->flags & TCPSTATE_ACK) && !(s->flags & TCPSTATE_RST) && q->length > 0 &&
                                seq_at_least(s->ack, course_end_of(q)) && seq_after(s->ack, h.end[d].rcv_nxt) &&
                                h.end[d].has_rcv;
            if (!acknowledged || (q->flags & (TCPSTATE_FIN | TCPSTATE_SYN | TCPSTATE_RST))) {
                struct hypothesis lost = h;
                lost.cost += cost_of_loss(&c->facts, &h.end[d], q) + (c->facts.is_at[d] ? COST_AT_END : 0);
                lost.strain_us +=
                    (q->flags & TCPSTATE_RST) ? 1000 : 0; /* as many lost: rather what came to nobody's harm */
                if (lost.end[d].losing < DOWN)
                    lost.end[d].losing++;
                lost.end[d].late[1] = lost.end[d].late[0];
                lost.end[d].late[0] = at + 1;
                if (!course_note(c, &lost, LOST, at, h.end[d].state))
                    return;
                explore(c, lost, index, told || h.end[d].losing ? branches : branches - 1, depth + NESTED, hasty);
                if (told && (s->sack_count < 3 || branches == 0))
                    return; /* RFC 2018 3: with timestamps there is room for three ranges, so it may have more */
                branches -= told;
            }
            for (unsigned i = 1; i < count; i++) {
                struct hypothesis other = h;
                other.end[d] = variants[i].end;
                other.end[d].losing = 0;
                other.cost += variants[i].cost;
                if (other.end[d].state == TCPSTATE_CLOSED && !(q->flags & TCPSTATE_RST))
                    other.strain_us += strain_of_silence(c, &h, d, at);
                if (!course_note(c, &other, TAKEN, at, other.end[d].state))
                    return;
                explore(c, other, index, variants[i].cost == 0 ? branches : branches - 1, depth + NESTED, hasty);
            }
        }
        h.end[d] = variants[0].end;
        h.end[d].losing = 0;
        h.cost += variants[0].cost;
        if (!course_note(c, &h, TAKEN, at, h.end[d].state))
            return;
    }
}

/* ---- the beam ------------------------------------------------------------------------------------------------------ */

/* Those of a kind stand for each other: the ends are in the same states, and as many segments were forged. Of one
 * direction too little tells against a forgery, so there it makes no kind. */
static unsigned forgeries_of_kind(const struct tcpstate_course *c, const struct hypothesis *h) {
    return c->facts.unseen[0] || c->facts.unseen[1] ? 0 : h->forgeries;
}

static void choose(struct tcpstate_course *c, uint32_t index) {
    unsigned kept = 0, room = c->facts.starts_late && index < EARLY ? COURSE_SEEDS : c->room;

    qsort(c->candidates, c->candidate_count, sizeof c->candidates[0], compare_cost);
    memset(c->is_kept, 0, sizeof c->is_kept);
    for (unsigned same = SAME; same <= room; same += room - SAME) { /* first some of every kind */
        unsigned of_kind[TCPSTATE_STATES][TCPSTATE_STATES][MOST_FORGERIES + 1] = {{{0}}};
        for (unsigned i = 0; i < c->candidate_count && kept < room; i++) {
            const struct hypothesis *h = &c->candidates[i];
            if (h->cost > c->candidates[0].cost + MARGIN)
                break;
            if (c->is_kept[i] || ++of_kind[h->end[0].state][h->end[1].state][forgeries_of_kind(c, h)] > same)
                continue;
            uint32_t core = hash_of_core(h);
            unsigned alike = 0;
            for (unsigned k = 0; k < kept; k++)
                alike += c->cores[k] == core;
            if (alike >= ALIKE)
                continue;
            c->is_kept[i] = true;
            c->cores[kept++] = core;
        }
    }
    kept = 0;
    for (unsigned i = 0; i < c->candidate_count; i++)
        if (c->is_kept[i])
            c->beam[kept++] = c->candidates[i];
    c->beam_count = kept;
    int least = c->beam[0].cost;
    c->total_cost += least;
    for (unsigned i = 0; i < kept; i++) {
        c->beam[i].cost -= least; /* only differences matter */
        course_keep_chain(c, &c->beam[i]);
    }
    course_mark_best(c, c->beam[0].event, index);
}

/* ---- the search -------------------------------------------------------------------------------------------------- */

/* False if it would take too much room or time. */
static bool judge(struct tcpstate_course *c, uint32_t index) {
    const struct tcpstate_segment *s = &c->facts.segments[index];
    uint32_t original = course_original_of(&c->facts, index);

    if (c->event_limit - c->event_count < SCRATCH)
        course_collect(c);
    if (c->event_limit - c->event_count < SCRATCH || c->work > WORK)
        return false;

    c->asked = course_first_to_ask(&c->facts, index);
    c->candidate_count = c->scratch_count = 0;
    c->scratch_limit = SCRATCH;
    memset(c->slots, 0, sizeof c->slots);
    c->best_cost = INT32_MAX / 2;
    for (unsigned i = 0; i < c->beam_count; i++) {
        const struct hypothesis *h = &c->beam[i];
        if (course_is_void(&c->facts, s)) {
            course_send_by_others(c, h, index, s->traits & TCPSTATE_SEEN_AGAIN ? SENT_COPY : SENT_BY_OTHERS, 0);
            continue;
        }
        if (original != index)
            course_send_by_others(c, h, index, SENT_COPY,
                                  course_cost_of_copy(&c->facts, s, &c->facts.segments[original]));
        course_send_by_others(c, h, index, SENT_BEFORE, course_came_late_before(c, h, s) ? COST_STALE_TOO : COST_STALE);
        course_send_by_others(c, h, index, SENT_BY_OTHERS, course_cost_of_forgery(c, h, index));
        course_reset_before_syn(c, h, index, course_cost_of_forgery(c, h, index));
    }
    if (course_is_void(&c->facts, s)) {
        c->work += c->scratch_count;
        return true;
    }
    for (unsigned rare = 0; rare <= BRANCHES; rare++)  /* what takes fewer rare things first: it is always looked at */
        for (unsigned i = 0; i < c->beam_count; i++) { /* each its share of the room */
            c->scratch_limit = c->scratch_count + (SCRATCH - c->scratch_count) / (c->beam_count - i);
            explore(c, c->beam[i], index, rare, 0, 0);
        }
    c->work += c->scratch_count;
    return true;
}

/* Segment `at`, which is still under way, arrives; unless it is supposed that it was lost, or that its receiver did
 * with it what few do. */
static bool arrive(struct tcpstate_course *c, struct hypothesis *h, unsigned d, uint32_t at) {
    struct course_variant variants[COURSE_VARIANTS];
    const struct tcpstate_segment *s = &c->facts.segments[at];
    unsigned chosen = 0, count = 1;

    variants[0] = (struct course_variant){.end = h->end[d]};
    if (!course_is_void(&c->facts, s))
        count = course_deliver(&h->end[d], s, NULL, variants);
    while (chosen < count && is_not_supposed(c, TAKEN, at, variants[chosen].end.state))
        chosen++;
    if (chosen == count && !is_not_supposed(c, LOST, at, h->end[d].state)) {
        h->cost += COST_LOST + (c->facts.is_at[d] ? COST_AT_END : 0);
        return course_note(c, h, LOST, at, h->end[d].state);
    }
    chosen = chosen < count ? chosen : 0;
    h->end[d] = variants[chosen].end;
    h->cost += chosen > 0 ? variants[chosen].cost : 0;
    return course_note(c, h, TAKEN, at, h->end[d].state);
}

static bool asks_for_ack(const struct tcpstate_segment *s) {
    return !(s->flags & TCPSTATE_RST) && course_end_of(s) != s->seq;
}

/* What is still under way arrives. */
static void finish(struct tcpstate_course *c) {
    int64_t end_ns = c->facts.segments[c->facts.count - 1].time_ns;

    if (c->event_limit - c->event_count < SCRATCH)
        course_collect(c);
    for (unsigned i = 0; i < c->beam_count; i++) {
        struct hypothesis *h = &c->beam[i];
        if (c->event_limit - c->event_count <= 2 * c->facts.count) { /* never the first, which was the best so far */
            h->cost = INT32_MAX / 2;
            continue;
        }
        c->scratch_count = 0;
        c->scratch_limit = SCRATCH;
        for (unsigned d = 0; d < 2; d++) {
            uint32_t at;
            int unanswered = 0; /* it is asked once more for each ACK that it had not sent */
            while ((at = course_next_to(&c->facts, d, h->end[d].next, c->facts.count)) < c->facts.count) {
                uint8_t owed = h->end[d].reply_count;
                bool has_room = arrive(c, h, d, at);
                h->end[d].next = at + 1;
                if (!h->end[d].unseen && h->end[d].reply_count > owed &&
                    end_ns - c->facts.segments[at].time_ns > 300 * MS_NS)
                    h->cost += COST_NO_REPLY;
                unanswered +=
                    asks_for_ack(&c->facts.segments[at]) && end_ns - c->facts.segments[at].time_ns > SECOND_NS;
                if (!has_room)
                    break;
            }
            if (course_ack_is_overdue(&h->end[d], end_ns - 200 * MS_NS) || course_fin_is_overdue(&h->end[d], end_ns))
                h->cost += COST_NO_REPLY;
            if (!h->end[d].unseen && unanswered > 1)
                h->cost += unanswered < 8 ? unanswered / 2 : 4;
            bool has_closed = h->end[d].fin_sent && h->end[d].rcv_nxt == h->end[!d].fin + 1;
            if (h->end[d].unseen && h->end[!d].fin_sent && !h->end[!d].keeps_on && !has_closed &&
                h->end[d].state != TCPSTATE_CLOSED && h->end[d].state != TCPSTATE_LISTEN)
                h->cost += COST_SILENT - 1; /* it never closed */
        }
        course_keep_chain(c, h);
    }
}

static bool begin(struct tcpstate_course *c) {
    struct course_seed seeds[COURSE_SEEDS];

    c->beam_count = course_begin(&c->facts, seeds);
    for (unsigned i = 0; i < c->beam_count; i++) {
        memset(&c->beam[i], 0, sizeof c->beam[i]);
        c->beam[i].end[0] = seeds[i].end[0];
        c->beam[i].end[1] = seeds[i].end[1];
        for (unsigned d = 0; d < 2; d++)
            c->beam[i].end[d].unseen = c->facts.unseen[d];
        c->beam[i].cost = seeds[i].cost;
        c->beam[i].forgeries = seeds[i].forged ? 1 : 0;
        c->beam[i].event = NO_EVENT;
    }
    return c->beam_count > 0;
}

static uint32_t events_for(uint32_t count) { return 4 * count + 4 * SCRATCH; }

/* The events of the search, and where each is moved to, lie behind the segments. */
size_t tcpstate_course_size(uint32_t count) {
    return sizeof(struct tcpstate_course) + count * sizeof(struct tcpstate_segment) +
           events_for(count) * (sizeof(struct event) + sizeof(uint32_t));
}

/* The first segment at one and the same time, which is not 0: the search counts milliseconds, and what it finds must not
 * depend on where they begin. */
static void find_segments(struct tcpstate_course *c, const struct tcpstate_segment *segments, uint32_t count) {
    const int64_t first_ns = 1000000 * MS_NS;

    memcpy(c->segments, segments, count * sizeof *segments);
    for (uint32_t i = 0; i < count; i++)
        c->segments[i].time_ns += first_ns - segments[0].time_ns;
}

/* The likeliest course of all, or of those with the supposed states; NULL if it would take too much room or time. */
static const struct hypothesis *search(struct tcpstate_course *c, bool supposes) {
    unsigned best = 0;

    c->supposes = supposes;
    c->beam_count = c->candidate_count = 0;
    c->scratch_count = c->event_count = c->work = 0;
    c->total_cost = 0;
    if (!begin(c))
        return NULL;
    for (uint32_t i = 0; i < c->facts.count; i++) {
        if (!judge(c, i))
            return NULL;
        choose(c, i);
    }
    finish(c);
    for (unsigned i = 1; i < c->beam_count; i++)
        if (is_likelier(&c->beam[i], &c->beam[best]))
            best = i;
    c->total_cost += c->beam[best].cost;
    return &c->beam[best];
}

static bool is_anything_supposed(const struct tcpstate_course_premise *premises, uint32_t count) {
    for (uint32_t i = 0; i < count && premises != NULL; i++)
        if (premises[i].supposed_sender != TCPSTATE_STATES || premises[i].supposed_receiver != TCPSTATE_STATES)
            return true;
    return false;
}

bool tcpstate_course(const struct tcpstate_settings *settings, const struct tcpstate_segment *segments,
                     const struct tcpstate_course_premise *premises, uint32_t count, void *workspace, size_t size,
                     struct tcpstate_course_row *rows) {
    struct tcpstate_course *c = workspace;
    const struct hypothesis *best;
    bool is_told = false;
    int least = INT_MAX;

    for (uint32_t i = 0; i < count; i++)
        if (segments[i].traits & TCPSTATE_SELF)
            return false;
    if (count > TCPSTATE_COURSE_SEGMENTS)
        return false;
    assert(size >= tcpstate_course_size(count));
    (void)size;
    c->event_limit = events_for(count);
    c->events = (struct event *)(void *)&c->segments[count];
    c->moved = (uint32_t *)(void *)&c->events[c->event_limit];
    find_segments(c, segments, count);
    c->facts = (struct course_facts){.segments = c->segments, .count = count};
    c->premises = premises;
    for (uint32_t i = 0; i < count; i++)
        if (course_is_seen_again(&c->facts, i))
            c->segments[i].traits |= TCPSTATE_SEEN_AGAIN;
    course_find_facts(&c->facts, settings);
    for (c->room = BEAM;; c->room = WIDE) {
        best = search(c, false);
        if (best == NULL)
            break;
        if (c->total_cost < least) {
            least = c->total_cost;
            /* of one end alone, where all is its own, the verdicts know more */
            is_told = (!c->facts.unseen[0] && !c->facts.unseen[1]) || best->forgeries > 0;
            if (is_told)
                course_tell(c, best->event, rows);
        }
        if (least <= STRAINED || least <= EACH * (int)count || c->room == WIDE || c->facts.unseen[0] ||
            c->facts.unseen[1])
            break;
    }
    if (least == INT_MAX)
        return false;
    if (is_anything_supposed(premises, count)) {
        best = search(c, true);
        if (best != NULL && c->total_cost <= least + COST_FORGED) {
            course_tell(c, best->event, rows);
            is_told = true;
        }
    }
    return is_told;
}

/* ---- for the caller ---------------------------------------------------------------------------------------------- */

bool tcpstate_is_doubtful(const struct tcpstate_report *report) {
    if (report->was_in_flight || report->was_counted || report->tells_of_unseen || report->end[0].taken_back ||
        report->end[1].taken_back)
        return true;
    for (unsigned i = 0; i < report->finding_count; i++)
        if (tcpstate_finding_info((enum tcpstate_finding_id)report->findings[i].id)->severity > TCPSTATE_CHAT)
            return true;
    return false;
}

uint32_t tcpstate_course_states(const struct tcpstate_course_row *row, enum tcpstate_role sender,
                                const uint8_t shown[2], uint8_t settled[2]) {
    uint32_t decided = UINT32_MAX;

    for (unsigned role = 0; role < 2; role++) {
        bool is_sender = role == (unsigned)sender;
        uint32_t by = is_sender ? row->sender_decided : row->receiver_decided;
        settled[role] = is_sender       ? row->sender
                        : !row->told    ? shown[role]
                        : row->was_late ? row->receiver_when_due
                                        : row->receiver;
        if (looks_like(settled[role], shown[role]))
            settled[role] = shown[role]; /* from outside one looks like the other */
        if (settled[role] != shown[role] && by != UINT32_MAX && (decided == UINT32_MAX || by > decided))
            decided = by;
    }
    return decided;
}
