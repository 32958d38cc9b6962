/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A connection whose start was not captured: which numbers are right?
 *
 * The first segment of an end is a guess at its numbers, and perhaps nobody's. Two segments, one of each end, that
 * acknowledge each other settle it:
 *
 *     x  seq 100:200  ack 900      e: 900 is where y stands
 *     y  seq 900      ack 200      the segment judged: 200 is where x stands
 *
 * From then on both ends' numbers are as good as after a captured handshake, and an ACK of what was never sent can be
 * told. What came before and does not fit was sent by nobody: hindsight says so, and the numbers begin again here.
 */
#include "judgement.h"

#include <string.h>

enum { REORDERED_MS = 1000, CLOCK_SLACK_MS = 2000 };

static struct tcpstate_early of_segment(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;

    return (struct tcpstate_early){.time_ns = s->time_ns,
                                   .seq = s->seq,
                                   .end = j->end,
                                   .ack = s->ack,
                                   .tsval = s->tsval,
                                   .index = j->index,
                                   .frame = s->frame,
                                   .direction = s->direction,
                                   .has_ack = j->ack,
                                   .syn = j->syn,
                                   .fin = j->fin,
                                   .pure = j->pure_ack,
                                   .has_timestamp = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0};
}

bool midstream_numbers_known(const struct judgement *j, const struct tcpstate_endpoint *end) {
    return (end->has_iss && !end->iss_inferred) || j->connection->numbers_agreed;
}

/* The newest earlier segment of y that the judged one acknowledges, and that acknowledges it. */
static const struct tcpstate_early *find_agreement(const struct judgement *j) {
    const struct tcpstate_connection *c = j->connection;
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_early *found = NULL;
    bool has_timestamp = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0;

    for (unsigned i = 0; i < c->early_count; i++) {
        const struct tcpstate_early *e = &c->early[i];
        if (e->direction != s->direction && e->has_ack && !e->syn && e->has_timestamp == has_timestamp &&
            seq_within(s->ack, e->seq, e->end) && seq_within(e->ack, s->seq, j->end) &&
            (found == NULL || e->index > found->index))
            found = e;
    }
    return found;
}

/* Can the two not be of one clock? It never runs back, and never faster than a tick per millisecond (RFC 7323 5.4). */
static bool invents_time(const struct tcpstate_early *early, const struct tcpstate_early *own) {
    int64_t ticks = seq_distance(own->tsval, early->tsval), elapsed_ms = (own->time_ns - early->time_ns) / 1000000;

    return ticks < -REORDERED_MS || ticks > elapsed_ms + CLOCK_SLACK_MS;
}

/* Was `early` sent by nobody? `own` is the segment of the same end that the peer agrees with, `other` the peer's. */
static bool is_false(const struct tcpstate_early *early, const struct tcpstate_early *own,
                     const struct tcpstate_early *other) {
    bool has_clock = early->has_timestamp && own->has_timestamp;

    if (early->syn) /* an end's own numbers lie behind its ISN */
        return seq_at_most(own->seq, early->seq) || !numbers_near(early->seq, own->seq);
    if (!numbers_near(early->seq, own->seq) || (early->has_ack && !numbers_near(early->ack, own->ack)))
        return true;
    if (own->has_timestamp != early->has_timestamp)
        return true; /* RFC 7323 3.2: once agreed, every segment carries one */
    if (has_clock && invents_time(early, own))
        return true;
    if (early->index > own->index || (has_clock && seq_after(early->tsval, own->tsval)))
        return false;
    if ((own->pure || own->fin) && seq_after(early->end, own->end))
        return true; /* a pure ACK bears SND.NXT, and so does a FIN: it had not sent as much */
    return other->pure && early->has_ack && early->index < other->index && seq_after(early->ack, other->seq);
}

/* Is what is believed of `end` from this segment? */
static bool is_believed(const struct tcpstate_early *early, const struct tcpstate_endpoint *end) {
    return (early->has_ack && end->has_acked && end->acked == early->ack) || (end->has_smax && end->smax == early->end);
}

/* Gives the verdicts. True if the first segment of the connection was nobody's; `*believed` if any was from which the numbers
 * of an end are. */
static bool condemn(struct judgement *j, const struct tcpstate_early *agreed, bool *believed) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_early judged = of_segment(j);
    bool first = false;

    *believed = false;
    for (unsigned i = 0; i < c->early_count; i++) {
        const struct tcpstate_early *early = &c->early[i];
        bool of_x = early->direction == judged.direction;

        if (early == agreed || !is_false(early, of_x ? &judged : agreed, of_x ? agreed : &judged))
            continue;
        hindsight_note(j, early->index, early->frame, TCPSTATE_VERDICT_NOT_SENT);
        first |= i == 0;
        *believed |= is_believed(early, of_x ? j->x : j->y);
    }
    return first;
}

/* The capture starts with a SYN or SYN,ACK as no stack sends it, without MSS, and an end speaks of numbers that do not
 * follow from it, or goes on without having answered it: nobody's, in a connection that was there before. */
static bool speaks_past_odd_syn(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_endpoint *opener = x->sent_syn || x->sent_synack ? x : y;
    const struct tcpstate_endpoint *other = opener == x ? y : x;
    const struct tcpstate_segment *s = j->segment;

    if (j->conversation->has_previous || other->sent_syn || other->sent_synack || opener->spoke ||
        opener->synack_acked || (opener->sent_syn && other->spoke) || (opener->syn_options & TCPSTATE_OPT_MSS) ||
        opener->sent_syn == opener->sent_synack)
        return false;
    if (opener == x)
        return !seq_within(s->seq, x->iss + 1, x->smax);
    if (s->length == 0 && !j->fin && opener->sent_syn)
        return false; /* an ACK may challenge the SYN; a SYN,ACK is refused but where a connection was (3.10.7.3) */
    return !seq_within(s->ack, y->iss + 1, y->smax) || (y->sent_syn && x->early > 0);
}

/* A SYN or SYN,ACK opened the connection here, but the ends speak with other numbers: it was nobody's. If those are the
 * numbers of the connection before, there is no third one. */
bool midstream_start_is_false(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_early *agreed;
    bool believed;

    if (j->connection->summary.roles == TCPSTATE_ROLES_GUESS || j->connection->numbers_agreed ||
        (x->has_iss && !x->iss_inferred && y->has_iss && !y->iss_inferred) || !j->ordinary || !j->ack)
        return false;
    agreed = find_agreement(j);
    if (agreed == NULL && speaks_past_odd_syn(j) && j->connection->early_count > 0) {
        hindsight_note(j, j->connection->early[0].index, j->connection->early[0].frame, TCPSTATE_VERDICT_NOT_SENT);
        return true;
    }
    if (agreed == NULL)
        return false;
    if (!x->heard && x->sent_syn && !x->sent_synack && !y->sent_synack && agreed->end != agreed->seq) {
        /* y sent text before x had said a word: the handshake lies before the capture, the SYN is a late copy */
        hindsight_note(j, j->connection->early[0].index, j->connection->early[0].frame, TCPSTATE_VERDICT_NOT_SENT);
        return true;
    }
    return condemn(j, agreed, &believed) && !incarnation_is_still_waiting(j);
}

/* Its own FIN is within what it is agreed to have sent. */
static bool keeps_fin(const struct judgement *j, const struct tcpstate_endpoint *end, uint32_t sent) {
    return end->has_fin && !end->fin_inferred && seq_before(end->fin, sent) &&
           !hindsight_says(j, end->fin_index, TCPSTATE_VERDICT_NOT_SENT);
}

static void begin_again(const struct judgement *j, struct tcpstate_endpoint *end, uint32_t acked, uint32_t sent,
                        uint32_t peer_acked) {
    struct tcpstate_endpoint fresh = {.state = end->state,
                                      .certainty = end->certainty,
                                      .captured = true,
                                      .heard = true,
                                      .has_smax = true,
                                      .smax = sent,
                                      .has_acked = true,
                                      .acked = acked,
                                      .has_rnxt = true,
                                      .rnxt = acked,
                                      .last_sent_ns = end->last_sent_ns,
                                      .has_seen_fin = end->has_seen_fin,
                                      .seen_fin = end->seen_fin,
                                      .seen_fin_frame = end->seen_fin_frame,
                                      .seen_fin_index = end->seen_fin_index,
                                      .seen_fin_tsval = end->seen_fin_tsval,
                                      .evidence_open = end->evidence_open,
                                      .evidence_end = end->evidence_end};
    memcpy(fresh.once, end->once, sizeof fresh.once);
    if (keeps_fin(j, end, sent)) {
        fresh.has_fin = true;
        fresh.fin = end->fin;
        fresh.fin_frame = end->fin_frame;
        fresh.fin_index = end->fin_index;
        fresh.fin_ack = end->fin_ack;
        fresh.fin_tsval = end->fin_tsval;
        fresh.fin_ns = end->fin_ns;
        fresh.fin_sent_ns = end->fin_sent_ns;
        fresh.state_before_fin = TCPSTATE_ESTABLISHED;
    }
    for (unsigned i = 0; i < end->range_count; i++) {
        const struct tcpstate_range *range = &end->ranges[i];
        bool false_fin = range->fin && !(fresh.has_fin && range->right == fresh.fin + 1) &&
                         seq_after(range->right, peer_acked) &&
                         seq_at_most(range->left, peer_acked); /* the peer would have counted it by now */
        if (range->frame != 0 && !false_fin)                   /* captured: perhaps the peer took it, whoever sent it */
            fresh.ranges[fresh.range_count++] = *range;
    }
    *end = fresh;
}

/* The captured FIN in the name of `end` that its peer acknowledges, whoever sent it. `frame` 0: there is none. */
struct taken_fin {
    uint32_t fin, frame, index;
};
static struct taken_fin find_taken_fin(const struct tcpstate_endpoint *end, const struct tcpstate_endpoint *peer) {
    struct taken_fin taken = {0, 0, 0};

    if (end->has_wire_fin)
        taken = (struct taken_fin){end->wire_fin, end->wire_fin_frame, end->wire_fin_index};
    else if (end->has_fin && !end->fin_inferred)
        taken = (struct taken_fin){end->fin, end->fin_frame, end->fin_index};
    if (!peer->peer_fin_taken || peer->acked != taken.fin + 1)
        taken.frame = 0;
    return taken;
}

/* Both ends are in ESTABLISHED, or in FIN-WAIT-1 if they have sent a FIN; x's numbers are those of the segment. What y has
 * taken for x's FIN it has, though x does not count it. */
static void take_up(struct judgement *j, uint32_t y_acked, uint32_t y_sent) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct taken_fin taken = find_taken_fin(x, y);

    begin_again(j, x, j->segment->ack, j->segment->seq, y_acked);
    begin_again(j, y, y_acked, y_sent, j->segment->ack);
    engine_restore(j, j->sender, x->has_fin ? TCPSTATE_FIN_WAIT_1 : TCPSTATE_ESTABLISHED, TCPSTATE_INFERRED);
    engine_restore(j, j->receiver, y->has_fin ? TCPSTATE_FIN_WAIT_1 : TCPSTATE_ESTABLISHED, TCPSTATE_INFERRED);
    if (taken.frame == 0 || x->has_fin || !seq_at_most(j->segment->seq, taken.fin) ||
        !seq_within(y_acked, taken.fin, taken.fin + 1))
        return;
    x->has_wire_fin = y->peer_fin_taken = true;
    x->wire_fin = taken.fin;
    x->wire_fin_frame = taken.frame;
    x->wire_fin_index = taken.index;
    y->acked = y->rnxt = taken.fin + 1;
    engine_move(j, j->receiver, TCPSTATE_EVENT_snd_ack_fin, TCPSTATE_INFERRED);
}

/* The numbers are agreed: the next SND.NXT of each end still judges what it is said to have sent before. */
static void judge_early_again(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_early now = of_segment(j);

    if (j->alien || !(j->pure_ack || j->fin) || c->early_judged[now.direction])
        return;
    c->early_judged[now.direction] = true;
    for (unsigned i = 0; i < c->early_count; i++) {
        const struct tcpstate_early *early = &c->early[i];
        if (early->direction != now.direction || early->syn || !seq_after(early->end, now.end) ||
            (early->has_timestamp && now.has_timestamp && seq_after(early->tsval, now.tsval)))
            continue;
        hindsight_note(j, early->index, early->frame, TCPSTATE_VERDICT_NOT_SENT);
        if (i == 0 && c->summary.roles == TCPSTATE_ROLES_GUESS && early->fin && !j->y->has_fin)
            take_up(j, j->y->acked, j->y->smax);
    }
}

/* x has answered y's segment as one without a connection, and nothing that it has said since was sent later. */
static bool has_refused(const struct tcpstate_endpoint *x, const struct tcpstate_early *of_y) {
    return x->state == TCPSTATE_CLOSED && x->undo.cause == TCPSTATE_UNDO_RST_SENT && x->undo.index > of_y->index &&
           !x->undo.is_abort && x->undo.rst_seq == of_y->ack;
}

/* Remembers the segment until two agree. */
void midstream_note(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_early *agreed;

    if (c->numbers_agreed)
        judge_early_again(j);
    if (c->numbers_agreed || !(j->ack || j->syn) || j->rst ||
        (x->has_iss && !x->iss_inferred && y->has_iss && !y->iss_inferred))
        return;
    if (j->ordinary && (agreed = find_agreement(j)) != NULL) {
        c->numbers_agreed = true;
        c->timestamps_agreed = agreed->has_timestamp && (j->segment->options & TCPSTATE_OPT_TIMESTAMPS);
        bool believed, first = condemn(j, agreed, &believed);
        if ((first || believed) && c->summary.roles == TCPSTATE_ROLES_GUESS && !has_refused(x, agreed))
            take_up(j, agreed->ack, agreed->end);
        return;
    }
    /* full: the first four stay, they may be the false ones */
    c->early[c->early_count < TCPSTATE_EARLY ? c->early_count : c->early_next] = of_segment(j);
    if (c->early_count < TCPSTATE_EARLY)
        c->early_count++;
    else
        c->early_next = (uint8_t)(c->early_next + 1 < TCPSTATE_EARLY ? c->early_next + 1 : 4);
}
