/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which connection of its tuple a segment belongs to (RFC 9293 3.4.1).
 *
 * A SYN opens a new connection at once only if there is none, or the old one is over: CLOSED or TIME-WAIT at both ends,
 * refused, given up, or reset for long enough. Otherwise it is a candidate: the peer of a live connection must ignore
 * it, and it may be an old duplicate or forged. The answer decides: a SYN,ACK (or a refusal) that acknowledges the
 * candidate opens the connection; anything else leaves the old one as it was.
 */
#include "judgement.h"
#include "segment.h"

#include <string.h>

enum {
    REORDERED_TICKS = 10,  /* a SYN so much older than its sender's other words has not just overtaken them */
    INITIAL_WINDOW = 14600 /* octets, RFC 6928 2 */
};
static const int64_t SECOND_NS = 1000000000;

static bool at_rest(enum tcpstate_state state) {
    return state == TCPSTATE_CLOSED || state == TCPSTATE_LISTEN || state == TCPSTATE_TIME_WAIT;
}

static bool is_over(const struct tcpstate_conversation *conversation) {
    const struct tcpstate_connection *c = &conversation->current;

    return at_rest((enum tcpstate_state)c->end[0].state) && at_rest((enum tcpstate_state)c->end[1].state);
}

/* Can it be a late segment of the connection that is over? Nothing new is sent there. */
static bool fits(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (x->has_smax && (!numbers_near(j->segment->seq, x->smax) || seq_after(j->segment->seq, x->smax)))
        return false;
    if (j->ack && y->has_smax &&
        (!numbers_near(j->segment->ack, y->smax) || (y->captured && seq_after(j->segment->ack, y->smax))))
        return false; /* of an end that is not captured nothing more is known than what was acknowledged */
    return true;
}

/* Mid-stream, a SYN older than what its sender has said since, by its own clock (RFC 7323 5.4), and just below it. */
static bool is_late_copy(const struct tcpstate_endpoint *x, const struct tcpstate_segment *s) {
    return !x->has_iss && x->has_own_end && x->sent_ts && (s->options & TCPSTATE_OPT_TIMESTAMPS) &&
           seq_before(s->tsval + REORDERED_TICKS, x->ts_newest) && seq_before(s->seq, x->own_end) &&
           numbers_near(s->seq, x->own_end);
}

/* Is this SYN an old copy, whoever answers it? x, in TIME-WAIT, would open with a higher number (RFC 1122 4.2.2.13). That
 * the other numbers are its own, y has shown. */
static bool is_old_syn(const struct tcpstate_endpoint *x, const struct tcpstate_segment *s) {
    bool is_lower = x->state == TCPSTATE_TIME_WAIT && !x->has_iss && x->has_own_end && seq_before(s->seq, x->own_end) &&
                    numbers_near(s->seq, x->own_end);

    return x->has_una && (is_lower || is_late_copy(x, s));
}

/* Mid-stream: y, which seemed to wait for the FIN of x, answers a SYN, so it has no connection any more: that FIN
 * was sent before the capture began. */
static bool had_closed(const struct tcpstate_endpoint *x, const struct tcpstate_endpoint *y) {
    return x->state == TCPSTATE_CLOSE_WAIT && y->state == TCPSTATE_FIN_WAIT_2 && !x->has_iss;
}

/* A SYN,ACK that acknowledges a SYN of the connection before: a late copy of it has met a listener, y sent no other. */
static bool answers_old_syn(const struct tcpstate_endpoint *y, const struct tcpstate_segment *synack) {
    return y->has_iss && seq_within(synack->ack, y->iss + 1, y->iss + 1 + y->syn_length);
}

/* A SYN,ACK with numbers that are not those of the connection before, whose SYNs were not captured. */
static bool answers_unknown_syn(const struct tcpstate_endpoint *x, const struct tcpstate_endpoint *y,
                                const struct tcpstate_segment *synack) {
    return (synack->options & TCPSTATE_OPT_MSS) && x->has_smax && synack->seq != x->smax && y->has_smax &&
           !seq_within(synack->ack, y->smax - NUMBERS_FAR, y->smax);
}

/* A SYN,ACK out of TIME-WAIT: that has accepted a SYN which was not captured (RFC 9293 3.10.7.4 MAY-2). Its number is
 * beyond all that x has used, it acknowledges what y has not sent, and x's clock has gone on: somebody else who sees
 * neither end does not know these. */
static bool reopens_from_time_wait(const struct tcpstate_endpoint *x, const struct tcpstate_endpoint *y,
                                   const struct tcpstate_segment *synack) {
    return x->state == TCPSTATE_TIME_WAIT && x->has_smax && seq_after(synack->seq, x->smax) && y->has_smax &&
           seq_after(synack->ack, y->smax) && x->sent_ts && (synack->options & TCPSTATE_OPT_TIMESTAMPS) &&
           seq_at_least(synack->tsval, x->ts_newest) && (synack->options & TCPSTATE_OPT_MSS);
}

/* A number that x has used for something else in a short connection, or would use for the next `more` octets: no ISN is
 * chosen among those (RFC 9293 3.4.1). */
static bool is_own_number(const struct tcpstate_endpoint *x, uint32_t number, uint32_t more) {
    return x->has_iss && x->has_smax && seq_within(x->smax, x->iss, x->iss + FEW_NUMBERS) &&
           seq_within(number, x->iss + 1, x->smax + more);
}

/* Is x, with a connection, said to open another with a number of that? */
static bool is_of_own_numbers(const struct tcpstate_endpoint *x, const struct tcpstate_segment *syn) {
    return !at_rest((enum tcpstate_state)x->state) && is_own_number(x, syn->seq, 0);
}

/* A SYN as x's own stack makes it. */
static bool looks_genuine(const struct tcpstate_endpoint *x, const struct tcpstate_segment *s) {
    return (s->options & TCPSTATE_OPT_MSS) && !is_late_copy(x, s) && !is_of_own_numbers(x, s) &&
           (!(x->sent_syn || x->sent_synack) || x->syn_doubted ||
            (s->options == x->syn_options && s->mss == x->syn_mss && s->ttl == x->syn_ttl));
}

bool incarnation_syn_is_unlike(const struct tcpstate_endpoint *x, const struct tcpstate_segment *s) {
    if (!x->sent_syn && !x->sent_synack)
        return !(s->options & TCPSTATE_OPT_MSS);
    return s->options != x->syn_options || s->mss != x->syn_mss || s->ttl != x->syn_ttl;
}

bool incarnation_goes_on_before(const struct judgement *j) {
    const struct tcpstate_conversation *c = j->conversation;
    const struct tcpstate_segment *s = j->segment;

    return c->has_previous && s->seq == c->previous_smax[s->direction] && s->ack == c->previous_rnxt[s->direction];
}

bool incarnation_is_still_waiting(const struct judgement *j) {
    return j->pure_ack && incarnation_goes_on_before(j) &&
           j->conversation->previous_state[j->segment->direction] == TCPSTATE_TIME_WAIT;
}

bool incarnation_reset_before(const struct judgement *j) {
    return j->rst_accepted && j->receiver_had == TCPSTATE_TIME_WAIT && !j->y->has_fin && j->conversation->has_previous;
}

static bool sends_mss(const struct tcpstate_endpoint *x) {
    return x->sent_mss_before || ((x->sent_syn || x->sent_synack) && (x->syn_options & TCPSTATE_OPT_MSS));
}

/* Not as x's own stack makes a SYN or SYN,ACK: the MSS option is missing that all of its others had (RFC 9293 3.7.1). */
static bool lacks_own_mss(const struct tcpstate_endpoint *x, const struct tcpstate_segment *s) {
    return !(s->options & TCPSTATE_OPT_MSS) && sends_mss(x);
}

/* Not such a SYN as x would open with now. */
static bool is_doubtful(const struct tcpstate_endpoint *x, const struct tcpstate_segment *syn) {
    return lacks_own_mss(x, syn) || is_of_own_numbers(x, syn) || is_old_syn(x, syn) ||
           (x->captured && segment_offers_no_room(syn));
}

static enum incarnation of_syn(const struct judgement *j) {
    const struct tcpstate_conversation *conversation = j->conversation;
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_candidate *candidate = &conversation->candidate;
    bool over = is_over(conversation);

    if (j->connection->summary.roles == TCPSTATE_ROLES_GUESS && !x->heard && !y->heard && !x->sent_syn &&
        !y->sent_syn && !x->sent_synack && !y->sent_synack && (x->captured || y->captured))
        return INCARNATION_NEW; /* nothing but resets so far */
    if (candidate->pending && candidate->direction == s->direction && candidate->segment_head.seq == s->seq &&
        (x->state == TCPSTATE_SYN_SENT || x->state == TCPSTATE_CLOSED) && at_rest((enum tcpstate_state)y->state))
        return INCARNATION_NEW_OF_CANDIDATE; /* the half-open connection is gone: figure 9 line 7 */
    if (x->has_iss && s->seq == x->iss) {
        if (over && j->connection->summary.outcome == TCPSTATE_OUTCOME_REFUSED)
            return INCARNATION_NEW; /* tried again after a refusal, with the same ISN as Windows does */
        if (over && x->undo.cause == TCPSTATE_UNDO_RST_SENT && !x->spoke)
            return INCARNATION_NEW;
        if (over && !y->captured && x->undo.cause == TCPSTATE_UNDO_RST_TAKEN && x->undo.state == TCPSTATE_SYN_SENT)
            return INCARNATION_CURRENT; /* not even an ICMP error has made it give up */
        if (over && x->syn_doubted && y->state == TCPSTATE_LISTEN && y->undo.cause == TCPSTATE_UNDO_RST_TAKEN)
            return INCARNATION_NEW; /* x, which sent neither, has refused the answer to the first */
        if (over && s->time_ns - j->connection->summary.last_ns > SECOND_NS &&
            (j->connection->reset || y->state != TCPSTATE_TIME_WAIT))
            return INCARNATION_NEW; /* too late for a copy that was under way */
        return INCARNATION_CURRENT;
    }
    bool only_assumed = y->undo.cause == TCPSTATE_UNDO_LAST_ACK ||
                        (y->undo.cause == TCPSTATE_UNDO_RST_SENT && !y->answered_closed && y->spoke);
    if (over && only_assumed && y->state == TCPSTATE_CLOSED && incarnation_syn_is_unlike(x, s) &&
        s->time_ns - y->undo.time_ns < SECOND_NS)
        return INCARNATION_CANDIDATE; /* a last ACK is only assumed to have arrived; a lone RST may be forged too */
    if (over || !(x->heard || y->heard || x->has_iss || y->has_iss)) /* or nothing but resets so far */
        return INCARNATION_NEW;
    bool was_reset = j->connection->phase_reset && j->connection->rst_ns != 0 &&
                     s->time_ns - j->connection->rst_ns > j->tolerance_ns;
    if (was_reset && at_rest((enum tcpstate_state)x->state))
        return INCARNATION_NEW;
    if (was_reset && at_rest((enum tcpstate_state)y->state) && y->undo.cause == TCPSTATE_UNDO_RST_TAKEN &&
        looks_genuine(x, s))
        return INCARNATION_NEW; /* it opens only what it has closed: that RST was its own */
    if (y->state == TCPSTATE_CLOSED && y->undo.cause == TCPSTATE_UNDO_RST_SENT && y->captured && x->has_iss &&
        seq_after(s->seq, x->smax) && looks_genuine(x, s))
        return INCARNATION_NEW; /* y has reset the connection: nothing is left that could challenge this */
    if (!y->captured && x->spoke && !looks_genuine(x, s))
        return INCARNATION_CANDIDATE; /* x's next words will tell */
    if (is_late_copy(x, s))
        return INCARNATION_CANDIDATE;
    if (!y->captured && (x->spoke || (j->connection->summary.roles == TCPSTATE_ROLES_GUESS && !x->sent_syn)))
        return INCARNATION_NEW; /* one direction only: no answer will be seen, and x opens only what it has closed */
    if (x->state == TCPSTATE_LAST_ACK && at_rest((enum tcpstate_state)y->state))
        return INCARNATION_NEW; /* the last ACK was not captured */
    if (!x->sent_syn && !x->sent_synack) {
        if (y->sent_syn && !y->spoke && !x->spoke)
            return INCARNATION_CURRENT; /* the SYNs cross */
        if (!x->captured && !y->spoke && y->heard && !y->sent_syn && !y->sent_synack)
            return INCARNATION_NEW; /* nothing but a FIN so far, in a capture that starts with it */
        if (!x->captured && !y->spoke)
            return INCARNATION_CURRENT;
        return INCARNATION_CANDIDATE;
    }
    if (x->state == TCPSTATE_SYN_SENT && !y->captured && s->time_ns - x->last_syn_ns > SECOND_NS)
        return INCARNATION_NEW; /* given up: SYN-SENT -> CLOSED by the user timeout, then a new OPEN */
    if (x->state == TCPSTATE_SYN_SENT && y->state == TCPSTATE_CLOSED)
        return INCARNATION_NEW;
    /* its SYN,ACK was refused by a RST: LISTEN again, or never more than an old duplicate */
    if (x->state == TCPSTATE_CLOSED &&
        (y->state == TCPSTATE_LISTEN || (y->state == TCPSTATE_SYN_RECEIVED && !y->captured)))
        return INCARNATION_NEW;
    return INCARNATION_CANDIDATE;
}

static bool answers_candidate(const struct judgement *j) {
    const struct tcpstate_candidate *candidate = &j->conversation->candidate;
    uint32_t first = candidate->segment_head.seq + 1;

    return candidate->pending && j->segment->direction != candidate->direction && j->ack &&
           seq_within(j->segment->ack, first, first + candidate->segment_head.length);
}

/* One direction only: a SYN in the name of x, and then a RST of x with the number that a SYN,ACK to it acknowledges. So y
 * has taken that SYN, which was not x's: RFC 9293 3.10.7.1. */
static bool refuses_answer_to_candidate(const struct judgement *j) {
    const struct tcpstate_candidate *candidate = &j->conversation->candidate;

    return (candidate->pending || candidate->may_be_refused) && !candidate->challenged &&
           j->segment->direction == candidate->direction && !j->y->captured && segment_is_refusal(j->segment) &&
           j->segment->seq == candidate->segment_head.seq + 1 && !(j->x->has_smax && j->segment->seq == j->x->smax);
}

/* The tuple was closed and something else is heard on it: a new connection whose start was not captured, or a segment
 * that nobody answers but with a RST. The next segment that fits it tells. */
static void note_stray(struct judgement *j) {
    struct tcpstate_conversation *conversation = j->conversation;

    conversation->has_stray = true;
    conversation->stray_direction = j->segment->direction;
    conversation->stray_end = j->end;
    conversation->stray_ack = j->segment->ack;
}

static bool continues_stray(const struct judgement *j) {
    const struct tcpstate_conversation *conversation = j->conversation;
    const struct tcpstate_segment *s = j->segment;

    if (!conversation->has_stray)
        return false;
    bool is_elsewhere = !(j->x->has_smax && numbers_near(s->seq, j->x->smax)); /* as a new ISN: RFC 9293 3.4.1 */
    if (conversation->stray_direction == s->direction)
        return s->seq == conversation->stray_end && s->length > 0 && is_elsewhere;
    return s->ack == conversation->stray_end || (s->seq == conversation->stray_ack && is_elsewhere);
}

/* A connection that began with a SYN or SYN,ACK and nothing that fits it since: perhaps that was a late copy or forged,
 * and an older connection, whose start was not captured, goes on. */
static bool misfits_unanswered_start(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (x->spoke || y->spoke || j->connection->summary.handshake_ns >= 0 || (x->sent_synack && y->sent_syn))
        return false;
    if (x->has_iss && !seq_within(s->seq, x->iss + 1, x->smax))
        return true;
    return y->has_iss && !seq_within(s->ack, y->iss + 1, y->smax);
}

enum incarnation incarnation_of(struct judgement *j) {
    struct tcpstate_conversation *conversation = j->conversation;
    const struct tcpstate_candidate *candidate = &conversation->candidate;
    const struct tcpstate_segment *s = j->segment;

    if (!conversation->current.exists || conversation->current.empty)
        return INCARNATION_NEW;
    if (s->traits & TCPSTATE_SELF)
        return INCARNATION_CURRENT;
    if (j->syn && !j->ack && !j->rst)
        return of_syn(j);
    if (j->syn && j->ack && !j->rst) {
        if (answers_candidate(j)) {
            /* figure 8: the opener waits for the answer to another SYN, sent just now; its own answer will tell */
            if (j->y->state == TCPSTATE_SYN_SENT && !candidate->challenged &&
                candidate->segment_head.seq != j->y->iss && s->time_ns - j->y->last_syn_ns < SECOND_NS &&
                seq_before(candidate->segment_head.seq, j->y->iss))
                return INCARNATION_CURRENT;
            return INCARNATION_NEW_OF_CANDIDATE;
        }
        /* it was closed, and a late copy of the SYN has moved it again */
        /* a listener's options depend on those of the SYN that it answers; of an opener nobody knows that it listens */
        bool opened = j->x->sent_syn && !j->x->sent_synack && (j->x->syn_options & TCPSTATE_OPT_MSS);
        bool genuine = !lacks_own_mss(j->x, s) && !(opened && incarnation_syn_is_unlike(j->x, s));
        bool reopened = j->x->state == TCPSTATE_SYN_RECEIVED && j->x->sent_synack && j->x->spoke &&
                        at_rest((enum tcpstate_state)j->y->state);
        bool knows_iss = j->x->has_iss && (!j->x->iss_inferred || j->y->sent_synack); /* the SYN,ACK of y tells it */
        if ((is_over(conversation) || reopened) && j->y->captured && knows_iss && s->seq != j->x->iss && genuine)
            return INCARNATION_NEW; /* a SYN that was not captured, or a late copy of the old one, has met a listener */
        bool is_opener = j->sender == TCPSTATE_CLIENT && j->connection->summary.roles != TCPSTATE_ROLES_GUESS;
        if (is_over(conversation) && j->y->captured && !knows_iss && !is_opener && answers_unknown_syn(j->x, j->y, s))
            return INCARNATION_NEW; /* ... though the capture had started in the middle */
        if (reopens_from_time_wait(j->x, j->y, s))
            return INCARNATION_NEW;
        bool last_ack_unseen =
            !j->y->captured && j->x->state == TCPSTATE_LAST_ACK && at_rest((enum tcpstate_state)j->y->state);
        if ((is_over(conversation) || last_ack_unseen) && j->x->sent_synack && s->seq != j->x->iss &&
            answers_old_syn(j->y, s) && j->x->spoke && genuine)
            return INCARNATION_NEW;
        if (j->y->has_smax && seq_within(s->ack, j->y->iss + 1, j->y->smax) && j->y->has_iss)
            return INCARNATION_CURRENT;
        if (j->x->has_iss && s->seq == j->x->iss)
            return INCARNATION_CURRENT;
        bool after_stray = !j->x->spoke && j->connection->summary.roles == TCPSTATE_ROLES_GUESS &&
                           !state_is_synchronized((enum tcpstate_state)j->x->state);
        if (!j->y->captured && (is_over(conversation) || j->x->spoke || after_stray) && (s->options & TCPSTATE_OPT_MSS))
            return INCARNATION_NEW;
        if (is_over(conversation))
            note_stray(j);
        return INCARNATION_CURRENT;
    }
    if (j->rst) {
        if (answers_candidate(j) && j->ack && !j->syn && (candidate->genuine || j->x->state != TCPSTATE_SYN_RECEIVED))
            return INCARNATION_NEW_OF_CANDIDATE; /* refused: there was no connection any more */
        if (refuses_answer_to_candidate(j))
            return INCARNATION_NEW_OF_CANDIDATE;
        if (conversation->stray_direction != s->direction && !j->ack && s->seq == conversation->stray_ack)
            conversation->has_stray = false; /* its peer knows of no connection (RFC 9293 3.10.7.1) */
        return INCARNATION_CURRENT;
    }
    if (candidate->pending && candidate->direction == s->direction && !candidate->challenged && j->ack &&
        s->seq == candidate->segment_head.seq + 1 && (j->x->state == TCPSTATE_SYN_SENT || !j->y->captured) &&
        candidate->segment_head.seq != j->x->iss)
        return INCARNATION_NEW_OF_CANDIDATE;
    if (midstream_start_is_false(j))
        return INCARNATION_NEW;
    if (incarnation_is_still_waiting(j))
        return INCARNATION_CURRENT;
    if (is_over(conversation) && j->ack && !fits(j) && j->connection->end[0].state != TCPSTATE_LISTEN &&
        j->connection->end[1].state != TCPSTATE_LISTEN) {
        if (continues_stray(j))
            return INCARNATION_NEW;
        note_stray(j);
    } else if (j->ack && misfits_unanswered_start(j)) {
        if (continues_stray(j) && conversation->stray_direction != s->direction)
            return INCARNATION_NEW;
        note_stray(j);
    }
    return INCARNATION_CURRENT;
}

/* Exactly one well-known port tells the server; else who spoke first is taken for the client. */
static uint8_t guess_client_direction(const struct tcpstate_segment *s) {
    bool sender_known = s->sender_port < 1024, receiver_known = s->receiver_port < 1024;

    if (sender_known != receiver_known)
        return sender_known ? !s->direction : s->direction;
    return s->direction;
}

void incarnation_bind(struct judgement *j) {
    struct tcpstate_conversation *conversation = j->conversation;

    j->connection = &conversation->current;
    j->x_path = &conversation->path[j->segment->direction];
    j->y_path = &conversation->path[1 - j->segment->direction];
    j->sender = j->segment->direction == j->connection->summary.client_direction ? TCPSTATE_CLIENT : TCPSTATE_SERVER;
    j->receiver = (enum tcpstate_role)(1 - j->sender);
    j->x = &j->connection->end[j->sender];
    j->y = &j->connection->end[j->receiver];
}

void incarnation_note_candidate(struct judgement *j) {
    struct tcpstate_candidate *candidate = &j->conversation->candidate;
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;

    j->candidate_again =
        candidate->pending && candidate->direction == s->direction && candidate->segment_head.seq == s->seq;
    if (j->candidate_again)
        return;
    memset(candidate, 0, sizeof *candidate);
    candidate->pending = true;
    candidate->direction = s->direction;
    memcpy(&candidate->segment_head, s, offsetof(struct tcpstate_segment, sack));
    candidate->segment_head.sack_count = 0;
    candidate->genuine = looks_genuine(x, s);
    candidate->false_isn =
        lacks_own_mss(x, s) && x->has_smax && numbers_near(s->seq, x->smax) && seq_before(s->seq, x->smax);
}

/* In TIME-WAIT, but not from a FIN of this connection: it has never left the one before. */
static bool waits_from_before(const struct tcpstate_endpoint *end) {
    return end->state == TCPSTATE_TIME_WAIT && !end->has_fin;
}

/* What an endpoint brings from the connection before. */
static uint8_t inherited_state(const struct tcpstate_endpoint *old, bool opens, bool refused, bool listens) {
    if (old->state == TCPSTATE_TIME_WAIT)
        return TCPSTATE_TIME_WAIT;
    if (opens)
        return old->state == TCPSTATE_LISTEN ? TCPSTATE_LISTEN : TCPSTATE_CLOSED;
    if (listens && !refused)
        return TCPSTATE_LISTEN;
    return refused || (old->active_open && !old->sent_synack) ? TCPSTATE_CLOSED : TCPSTATE_LISTEN;
}

void incarnation_open(struct judgement *j, enum incarnation how) {
    struct tcpstate_conversation *conversation = j->conversation;
    struct tcpstate_connection *c = &conversation->current;
    const struct tcpstate_segment *s = j->segment;
    bool of_candidate = how == INCARNATION_NEW_OF_CANDIDATE;
    struct tcpstate_segment syn = conversation->candidate.segment_head;
    struct tcpstate_endpoint old[2]; /* by direction */
    bool had_old = c->exists, answer = of_candidate && conversation->candidate.direction != s->direction;
    bool first_is_candidate = of_candidate && !(j->syn && !j->ack);

    memset(old, 0, sizeof old);
    hindsight_let_stand(conversation);
    conversation->lone_rst.is = false;
    if (had_old) {
        unseen_note_lone_rst(j);
        uint8_t client = c->summary.client_direction;
        old[client] = c->end[TCPSTATE_CLIENT];
        old[1 - client] = c->end[TCPSTATE_SERVER];
        conversation->previous = c->summary;
        conversation->has_previous = true;
        for (unsigned d = 0; d < 2; d++) {
            conversation->listens[d] |= old[d].sent_synack && !old[d].active_open;
            if (waits_from_before(&old[d]))
                continue;
            conversation->previous_smax[d] = old[d].smax;
            conversation->previous_rnxt[d] = old[d].rnxt;
            bool was_reset = old[d].state == TCPSTATE_CLOSED && (old[d].undo.cause == TCPSTATE_UNDO_RST_TAKEN ||
                                                                 old[d].undo.cause == TCPSTATE_UNDO_RST_SENT);
            conversation->previous_state[d] = was_reset ? old[d].undo.state : old[d].state;
        }
        capture_new_incarnation(&conversation->path[0]);
        capture_new_incarnation(&conversation->path[1]);
    }
    if (answer && had_closed(&old[syn.direction], &old[s->direction])) {
        old[syn.direction].state = TCPSTATE_TIME_WAIT;
        c->time_wait_ns = old[syn.direction].last_word_ns;
    }
    bool was_empty = had_old && c->empty;
    uint32_t first_index = was_empty ? c->first_index : j->index, first_frame = was_empty ? c->first_frame : s->frame;
    bool was_refused = had_old && c->refused;
    int64_t time_wait_ns = c->time_wait_ns;
    memset(c, 0, sizeof *c);
    c->exists = true;
    c->time_wait_ns = time_wait_ns; /* a TIME-WAIT that lives on keeps its clock */
    c->first_index = first_index;
    c->first_frame = first_frame;
    c->self = (s->traits & TCPSTATE_SELF) != 0;
    conversation->connections++;
    conversation->has_stray = false;
    if (had_old)
        conversation->candidate.pending = conversation->candidate.may_be_refused = false;

    if (hindsight_says(j, j->index, TCPSTATE_VERDICT_NOT_SENT)) { /* the roles as they were guessed before */
        c->summary.client_direction = !j->syn ? guess_client_direction(s) : j->ack ? !s->direction : s->direction;
        c->summary.roles = TCPSTATE_ROLES_GUESS;
    } else if (answer) {
        c->summary.client_direction = conversation->candidate.direction;
        c->summary.roles = TCPSTATE_ROLES_SYN;
    } else if (j->syn && !j->ack) {
        c->summary.client_direction = s->direction;
        c->summary.roles = TCPSTATE_ROLES_SYN;
    } else if (j->syn) {
        c->summary.client_direction = !s->direction;
        c->summary.roles = TCPSTATE_ROLES_SYN_ACK;
    } else if (first_is_candidate) {
        c->summary.client_direction = s->direction;
        c->summary.roles = TCPSTATE_ROLES_SYN;
    } else {
        c->summary.client_direction = had_old ? conversation->previous.client_direction : guess_client_direction(s);
        c->summary.roles = TCPSTATE_ROLES_GUESS;
    }
    incarnation_bind(j);
    for (unsigned role = 0; role < 2; role++) {
        struct tcpstate_endpoint *end = &c->end[role];
        unsigned direction = role == TCPSTATE_CLIENT ? c->summary.client_direction : 1u - c->summary.client_direction;
        end->certainty = TCPSTATE_ASSUMED;
        if (c->self) {
            end->state = TCPSTATE_UNKNOWN;
            end->certainty = TCPSTATE_NOTHING_TELLS;
        } else if (c->summary.roles == TCPSTATE_ROLES_GUESS) {
            end->state = TCPSTATE_UNKNOWN;
            end->certainty = TCPSTATE_NOTHING_TELLS;
        } else if (had_old) {
            end->state =
                inherited_state(&old[direction], role == TCPSTATE_CLIENT,
                                was_refused && !(old[direction].active_open && conversation->listens[direction]),
                                conversation->listens[direction]);
            end->entered_captured = end->state == old[direction].state && old[direction].entered_captured;
            end->entered_ns = old[direction].entered_ns;
            if (end->state == TCPSTATE_TIME_WAIT) { /* what TIME-WAIT is for: it remembers the numbers */
                end->has_rnxt = old[direction].has_rnxt;
                end->rnxt = old[direction].rnxt;
                end->has_acked = old[direction].has_acked;
                end->acked = old[direction].acked;
                end->has_ts_recent = old[direction].has_ts_recent;
                end->ts_recent = old[direction].ts_recent;
            }
        } else {
            end->state = role == TCPSTATE_CLIENT ? TCPSTATE_CLOSED : TCPSTATE_LISTEN;
        }
        end->sent_mss_before = had_old && sends_mss(&old[direction]);
        end->syn_doubted = had_old && j->syn && !j->ack && direction == s->direction && is_doubtful(&old[direction], s);
        if (role == TCPSTATE_CLIENT && c->summary.roles == TCPSTATE_ROLES_SYN_ACK && !old[direction].captured &&
            !answers_old_syn(&old[direction], s) && !is_own_number(&old[direction], s->ack - 1, INITIAL_WINDOW) &&
            !(waits_from_before(&old[direction]) &&
              seq_within(s->ack - 1, conversation->previous_smax[direction],
                         conversation->previous_smax[direction] + INITIAL_WINDOW))) {
            end->state = TCPSTATE_SYN_SENT; /* there must have been a SYN */
            end->certainty = TCPSTATE_INFERRED;
            end->active_open = true;
            unseen_end_opening(j, end);
        }
    }
    summary_open(j);
    if (first_is_candidate) { /* the SYN was captured before: its own report is not rewritten */
        struct tcpstate_endpoint *client = &c->end[TCPSTATE_CLIENT];
        struct tcpstate_endpoint *server = &c->end[TCPSTATE_SERVER];
        client->syn_doubted = is_doubtful(&old[syn.direction], &syn);
        if (client->syn_doubted) {
            client->state = old[syn.direction].state; /* it stays where it was */
            client->certainty = client->state == TCPSTATE_UNKNOWN ? TCPSTATE_NOTHING_TELLS : TCPSTATE_ASSUMED;
            client->has_rnxt = old[syn.direction].has_rnxt;
            client->rnxt = old[syn.direction].rnxt;
        } else {
            client->state = TCPSTATE_SYN_SENT;
            client->certainty = TCPSTATE_PROVED;
        }
        client->sent_syn = client->active_open = client->captured = client->has_iss = client->has_smax = true;
        client->iss = syn.seq;
        client->smax = syn.seq + 1 + syn.length;
        client->first_syn_ns = client->last_syn_ns = syn.time_ns;
        client->syns_under_way = 1;
        client->first_syn_tsval = client->ts_newest = syn.tsval;
        client->sent_ts = (syn.options & TCPSTATE_OPT_TIMESTAMPS) != 0;
        client->syn_length = syn.length;
        client->syn_options = syn.options;
        client->syn_mss = syn.mss;
        client->syn_ttl = syn.ttl;
        client->has_shift = (syn.options & TCPSTATE_OPT_WINDOW_SCALE) != 0;
        client->shift = syn.window_shift > 14 ? 14 : syn.window_shift;
        client->scale_is_cut = segment_scale_is_cut(&syn);
        client->redge = syn.window;
        if (server->state == TCPSTATE_LISTEN || server->state == TCPSTATE_TIME_WAIT)
            server->state = TCPSTATE_SYN_RECEIVED;
        server->has_acked = server->has_rnxt = true;
        server->acked = server->rnxt = syn.seq + 1;
        server->certainty = TCPSTATE_ASSUMED;
        c->summary.syn_frame = syn.frame;
        c->summary.syn_ns = c->summary.last_syn_ns = syn.time_ns;
        c->summary.first_ns = syn.time_ns;
    }
}
