/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What became of a connection, as its likeliest course tells it. That knows both ends at each segment, so the outcome
 * follows from the states that each went through:
 *
 *   FIN-WAIT-1, FIN-WAIT-2, CLOSING, LAST-ACK, TIME-WAIT   it sent its FIN
 *   CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT               it took the peer's FIN, and acknowledges it whenever it speaks
 *   FIN-WAIT-2, TIME-WAIT                                  its own FIN was acknowledged
 *
 * and a reset is one that closed its receiver, or one of two that crossed. Who closed it, and how, follows from the same:
 * who had taken the peer's FIN before it sent its own is second. An end may stay in a connection while the other has begun
 * the next one.
 */
#include "course.h"

#define IS(state) (1u << TCPSTATE_##state)
enum {
    GONE = IS(CLOSED) | IS(LISTEN),
    OPENING = IS(SYN_SENT) | IS(SYN_RECEIVED),
    TOOK_FIN = IS(CLOSE_WAIT) | IS(CLOSING) | IS(LAST_ACK) | IS(TIME_WAIT),
    SENT_FIN = IS(FIN_WAIT_1) | IS(FIN_WAIT_2) | IS(CLOSING) | IS(LAST_ACK) | IS(TIME_WAIT),
    HAS_ACK = IS(FIN_WAIT_2) | IS(TIME_WAIT),
    WAITS_FOR_FIN = IS(FIN_WAIT_1) | IS(FIN_WAIT_2),
    WAS_OPEN = IS(ESTABLISHED) | TOOK_FIN | SENT_FIN
};

/* One end in this connection, by role. */
struct fate {
    uint32_t state;           /* it is in, a bit; 0: not told yet */
    uint32_t states;          /* it has been in */
    uint32_t fin_frame;       /* its FIN, 0 if that was not captured */
    uint32_t fin_end;         /* the number after it */
    uint32_t false_fin_frame; /* one that the peer took, but it had not sent */
    bool link_is_false;       /* the FIN of the summary is somebody else's */
    bool is_in;               /* else it is in the connection before or after */
    bool has_left, fin_acked, aborted, was_reset;
    bool says_abort;    /* its RST answers nothing, for it acknowledges: RFC 9293 3.10.7.1 */
    bool has_left_gone; /* it was gone when it left this connection for the next */
    bool denies;        /* it had sent no FIN when the peer took one: that was somebody else's */
    bool closes_first;  /* ... but the peer had its own, since sent, before it sent one */
    bool acks_by_fin;   /* what it sent first since it had the peer's FIN was its own */
    bool acks_before;   /* ... was not */
};

struct ending {
    struct fate end[2];
    bool refused, reset, closed;
    bool has_synack;     /* was captured */
    bool is_answered;    /* though the answer to its SYN was captured in the next connection */
    uint8_t reset_by;    /* enum tcpstate_party */
    bool reset_is_false; /* its RST was somebody else's */
};

static bool took_fin(const struct ending *e, unsigned role) { return (e->end[role].states & TOOK_FIN) != 0; }

/* Its FIN need not have been captured. */
static bool sent_fin(const struct ending *e, unsigned role) {
    return (e->end[role].states & SENT_FIN) != 0 || (took_fin(e, !role) && !e->end[role].denies);
}

/* Its FIN was acknowledged, and it does not wait for the peer's: what was taken in its place was somebody else's. */
static bool has_closed(const struct fate *x) { return x->fin_acked && !(x->is_in && (x->state & WAITS_FOR_FIN)); }

static void leave(struct fate *x) {
    if (x->is_in)
        x->has_left_gone = (x->state & GONE) != 0;
    x->is_in = false;
    x->has_left = true;
}

/* It opens a connection: this one, once more this one, or another. */
static void begin(struct ending *e, struct fate *x, bool is_own) {
    if (x->is_in && (!is_own || (x->states & WAS_OPEN))) {
        leave(x);
    } else if (x->is_in && x->was_reset) { /* that has changed nothing */
        x->was_reset = false;
        e->reset = e->refused = e->reset_is_false = false;
    } else if (is_own && !x->has_left) {
        x->is_in = true;
    }
}

static void note_state(struct ending *e, struct fate *x, uint32_t bit) {
    const struct fate *y = &e->end[x == &e->end[0]];

    x->states |= bit;
    if (bit & HAS_ACK)
        x->fin_acked = true;
    if ((bit & (IS(ESTABLISHED) | IS(CLOSE_WAIT))) && !(x->states & SENT_FIN) && (y->states & TOOK_FIN)) {
        x->denies = true;
        x->fin_acked = false;
        e->closed = false;
    }
}

static void enter(struct ending *e, struct fate *x, uint8_t state, bool is_own) {
    uint32_t bit = 1u << state;

    if (state == TCPSTATE_UNKNOWN)
        return;
    if ((bit & OPENING) && !(x->state & OPENING))
        begin(e, x, is_own);
    x->state = bit;
    if (x->is_in)
        note_state(e, x, bit);
}

/* By number a connection begins with this segment. */
static bool opens(const struct tcpstate_segment *s) {
    return (s->flags & (TCPSTATE_SYN | TCPSTATE_RST)) == TCPSTATE_SYN;
}

/* Its sender has not got further than the SYN with which the connection begins. */
static bool is_syn_again(const struct tcpstate_course_row *row, const struct tcpstate_segment *s,
                         const struct tcpstate_segment *first) {
    return row->genuine && !row->earlier && opens(s) && !(s->flags & TCPSTATE_ACK) && s->seq == first->seq &&
           s->direction == first->direction;
}

static bool is_answer(const struct tcpstate_segment *s, const struct tcpstate_segment *syn) {
    return (s->flags & TCPSTATE_SYN) && (s->flags & TCPSTATE_ACK) && s->direction != syn->direction && opens(syn) &&
           !(syn->flags & TCPSTATE_ACK) && s->ack == syn->seq + 1;
}

static void note_fin(struct fate *x, const struct tcpstate_segment *s) {
    if (!(s->flags & TCPSTATE_FIN) || (s->flags & TCPSTATE_RST) || x->fin_frame != 0 || !(x->states & SENT_FIN))
        return;
    x->fin_frame = s->frame;
    x->fin_end = course_end_of(s);
}

static bool may_ack_fin(const struct fate *x, const struct tcpstate_segment *s) {
    return (s->flags & TCPSTATE_ACK) && (x->fin_frame == 0 || seq_at_least(s->ack, x->fin_end));
}

/* The first segment that acknowledges the peer's FIN; one that was sent before may be captured after. */
static void note_ack_of_fin(struct fate *x, uint8_t state, const struct tcpstate_segment *s) {
    if (!(s->flags & TCPSTATE_ACK) || (s->flags & (TCPSTATE_SYN | TCPSTATE_RST)) || !(1u << state & TOOK_FIN))
        return;
    if (!(s->flags & TCPSTATE_FIN) && (!x->acks_by_fin || 1u << state & IS(CLOSE_WAIT)))
        x->acks_before = true;
    x->acks_by_fin = !x->acks_before;
}

static uint8_t party_of(unsigned role) { return role == TCPSTATE_CLIENT ? TCPSTATE_BY_CLIENT : TCPSTATE_BY_SERVER; }

/* Of an end that has a connection: without one there is no number to send, RFC 9293 3.10.7.1. */
static bool is_abort(const struct tcpstate_segment *s) {
    return (s->flags & TCPSTATE_RST) && (s->flags & TCPSTATE_ACK) && s->seq != 0;
}

/* It was overtaken by what its sender has answered since, and so was sent before a RST of the peer that seemed to come to
 * an end that was alive. */
static void note_earlier_abort(struct ending *e, unsigned sender) {
    struct fate *x = &e->end[sender];

    x->aborted = x->says_abort = true;
    x->was_reset = false;
    if (e->reset && e->reset_by == party_of(!sender))
        e->reset = e->reset_is_false = false;
}

static void send(struct ending *e, unsigned sender, const struct tcpstate_course_row *row,
                 const struct tcpstate_segment *s, bool is_own) {
    struct fate *x = &e->end[sender], *y = &e->end[!sender];
    bool was_alive = x->is_in && x->state != 0 && !(x->state & GONE);

    if (!row->genuine)
        return;
    if (row->earlier) {
        if ((s->flags & TCPSTATE_FIN) && is_own && x->is_in && (1u << row->sender & SENT_FIN)) {
            note_state(e, x, 1u << row->sender);
            note_fin(x, s);
        }
        if (is_own && x->is_in)
            note_ack_of_fin(x, row->sender, s);
        if (is_own && x->is_in && is_abort(s))
            note_earlier_abort(e, sender);
        return;
    }
    if (x->state == 0 && is_own)
        x->is_in = true;
    /* A RST that answers was made when its stimulus came, and opens nothing. */
    if (!(s->flags & TCPSTATE_RST) || x->state == 0 || (1u << row->sender & GONE))
        enter(e, x, row->sender, is_own);
    if (!x->is_in)
        return;
    if (s->flags & TCPSTATE_RST) {
        x->aborted = x->aborted || (was_alive && (x->state & GONE));
        x->says_abort = x->says_abort || (x->aborted && (s->flags & TCPSTATE_ACK));
        return;
    }
    note_fin(x, s);
    note_ack_of_fin(x, row->sender, s);
    if ((s->flags & TCPSTATE_ACK) && !(s->flags & TCPSTATE_SYN) && (x->state & TOOK_FIN) && y->is_in && !y->denies)
        y->fin_acked = true;
}

static void take(struct ending *e, unsigned sender, const struct tcpstate_course_row *row,
                 const struct tcpstate_segment *s, bool is_own) {
    struct fate *y = &e->end[!sender];
    const struct fate *x = &e->end[sender];
    uint32_t had = y->state;
    bool spares = x->is_in && x->state == IS(SYN_SENT); /* it answers something older, and still waits */
    bool rst = (s->flags & TCPSTATE_RST) != 0;

    if (had == 0 && is_own && !(opens(s) && !(s->flags & TCPSTATE_ACK)))
        y->is_in = true; /* else the SYN may have come to an older connection */
    enter(e, y, row->receiver, is_own);
    if (!y->is_in || !row->arrived || had == 0)
        return;
    if (!row->genuine && (s->flags & TCPSTATE_FIN) && (y->state & TOOK_FIN) && !(had & TOOK_FIN))
        e->end[sender].false_fin_frame = s->frame;
    if (row->genuine && (s->flags & TCPSTATE_FIN) && !(y->states & SENT_FIN))
        e->end[sender].closes_first = true;
    if (!rst && had == IS(LAST_ACK) && (y->state & GONE) && may_ack_fin(y, s)) /* else it had given up before */
        y->fin_acked = true;
    if (!rst && (had & (IS(ESTABLISHED) | IS(CLOSE_WAIT) | WAITS_FOR_FIN)) && (y->state & GONE))
        y->aborted = true; /* text that nobody will read: RFC 1122 4.2.2.13 */
    /* TIME-WAIT has nothing left to be closed. */
    if (rst && !spares && !(had & GONE) && ((y->state & GONE) || (x->aborted && y->state == IS(TIME_WAIT)))) {
        y->was_reset = true;
        bool is_first = !e->reset && !e->refused && !e->closed;
        if (is_first) {
            e->refused = had == IS(SYN_SENT) && (!(x->states & OPENING) || !e->has_synack);
            e->reset = !e->refused;
        }
        if (is_first || (e->reset_is_false && row->genuine)) {
            e->reset_by = party_of(sender);
            e->reset_is_false = !row->genuine;
        }
    }
}

static uint8_t outcome_of(const struct ending *e, const struct tcpstate_summary *s) {
    bool open = true, any_open = false;

    for (unsigned role = 0; role < 2; role++) {
        bool was = (e->end[role].states & WAS_OPEN) != 0;
        any_open = any_open || was;
        /* ... or it is not told how that end came into the connection */
        open = open && (was || (e->end[role].states == 0 && s->outcome == TCPSTATE_OUTCOME_ESTABLISHED));
    }

    if (e->refused)
        return TCPSTATE_OUTCOME_REFUSED;
    if (s->outcome == TCPSTATE_OUTCOME_UNANSWERED && !e->is_answered)
        return s->outcome;
    if (e->reset)
        return TCPSTATE_OUTCOME_RESET;
    if (e->closed)
        return TCPSTATE_OUTCOME_CLOSED;
    if (sent_fin(e, 0) && sent_fin(e, 1))
        return TCPSTATE_OUTCOME_CLOSING;
    if (sent_fin(e, 0) || sent_fin(e, 1) || took_fin(e, 0) || took_fin(e, 1))
        return TCPSTATE_OUTCOME_HALF_CLOSED;
    if (open && any_open)
        return TCPSTATE_OUTCOME_ESTABLISHED;
    if (s->synack_frame != 0 || e->is_answered || s->outcome == TCPSTATE_OUTCOME_INCOMPLETE)
        return TCPSTATE_OUTCOME_INCOMPLETE;
    return TCPSTATE_OUTCOME_UNKNOWN;
}

/* It sent its FIN when it had that of its peer. */
static bool is_second(const struct ending *e, unsigned role) {
    uint32_t states = e->end[role].states;
    const struct fate *peer = &e->end[!role];

    return (states & (IS(CLOSE_WAIT) | IS(LAST_ACK))) != 0 && !(states & IS(CLOSING)) &&
           (!peer->denies || peer->closes_first);
}

static bool is_reset(const struct tcpstate_summary *s) {
    return s->outcome == TCPSTATE_OUTCOME_RESET || s->outcome == TCPSTATE_OUTCOME_REFUSED;
}

static uint8_t closed_by(const struct ending *e, const struct tcpstate_summary *s) {
    bool client = sent_fin(e, TCPSTATE_CLIENT), server = sent_fin(e, TCPSTATE_SERVER);

    if (client && server) {
        client = !is_second(e, TCPSTATE_CLIENT);
        server = !is_second(e, TCPSTATE_SERVER);
        if (!client && !server)
            return s->closed_by;
    }
    if (client && server)
        return TCPSTATE_BY_BOTH;
    if (client || server)
        return party_of(client ? TCPSTATE_CLIENT : TCPSTATE_SERVER);
    return is_reset(s) ? e->reset_by : TCPSTATE_NOBODY;
}

static uint8_t kind_of_close(const struct ending *e, const struct tcpstate_summary *s) {
    if (is_reset(s))
        return sent_fin(e, 0) || sent_fin(e, 1) ? TCPSTATE_CLOSE_FIN_RESET : TCPSTATE_CLOSE_RESET;
    if (s->outcome != TCPSTATE_OUTCOME_CLOSED)
        return TCPSTATE_CLOSE_UNDECIDED;
    if (s->closed_by == TCPSTATE_BY_BOTH)
        return TCPSTATE_CLOSE_SIMULTANEOUS;
    return e->end[s->closed_by == TCPSTATE_BY_CLIENT].acks_by_fin ? TCPSTATE_CLOSE_THREE_SEGMENT
                                                                  : TCPSTATE_CLOSE_FOUR_WAY;
}

/* What the findings of the end are told by. */
static void tell_facts(const struct ending *e, struct tcpstate_summary *s) {
    struct tcpstate_end_facts *f = &s->end_facts;

    for (unsigned role = 0; role < 2; role++) {
        uint32_t fin_frame = e->end[role].fin_frame ? e->end[role].fin_frame : e->end[role].false_fin_frame;
        if (fin_frame != 0 || e->end[role].link_is_false)
            s->fin_frame[role] = fin_frame;
        f->fin_acked[role] = e->end[role].fin_acked;
        if (e->end[role].state != IS(CLOSE_WAIT))
            f->close_wait_frame[role] = 0;
    }
    if (e->reset)
        f->ignored_reset.frame = 0;
}

static bool was_open(const struct tcpstate_summary *s) {
    return s->outcome == TCPSTATE_OUTCOME_ESTABLISHED || s->outcome == TCPSTATE_OUTCOME_HALF_CLOSED ||
           s->outcome == TCPSTATE_OUTCOME_CLOSING || s->outcome == TCPSTATE_OUTCOME_CLOSED;
}

/* The SYN of an end that is opening already was captured before the segment with which its connection begins, or has
 * come again since: it changes the connection, if only by number. */
static void change_opener(struct ending *e, struct fate *x, bool enters) {
    if (!(x->state & OPENING))
        return;
    x->is_in = enters;
    x->has_left = !enters;
    if (enters)
        note_state(e, x, x->state);
}

/* Segments of the next connection, which begins with `next`. If that is an ordinary one, the capture has picked the
 * connection up once more, and whoever sends or is sent one of them goes on in that. If it is a SYN,ACK, an end that
 * seemed to be open all the time and accepts it was not here. */
static void go_on_in_next(struct ending *e, unsigned sender, const struct tcpstate_course_row *row, bool is_sent,
                          const struct tcpstate_segment *s, const struct tcpstate_segment *next) {
    bool is_again = !(next->flags & (TCPSTATE_SYN | TCPSTATE_RST));
    bool accepts = (s->flags & TCPSTATE_SYN) && (s->flags & TCPSTATE_ACK) && row->receiver == TCPSTATE_ESTABLISHED &&
                   e->end[sender].state == IS(SYN_RECEIVED);

    if (is_sent && is_again && row->genuine)
        leave(&e->end[sender]);
    else if (!is_sent && (is_again || accepts))
        leave(&e->end[!sender]);
}

/* The capture starts in the middle of it. */
static void pick_up(struct ending *e) {
    for (unsigned role = 0; role < 2; role++) {
        e->end[role].is_in = true;
        if (e->end[role].state != 0)
            note_state(e, &e->end[role], e->end[role].state);
    }
}

static bool is_gone(const struct fate *x) { return x->is_in ? (x->state & GONE) != 0 : x->has_left_gone; }

/* No reset was taken, but two have crossed, or one has come to an end that was gone without a word. */
static void judge_aborts(struct ending *e) {
    const struct fate *c = &e->end[TCPSTATE_CLIENT], *s = &e->end[TCPSTATE_SERVER];
    bool both_gone = is_gone(c) && is_gone(s);

    e->reset = (c->aborted && s->aborted) || ((c->aborted || s->aborted) && both_gone);
    if (c->aborted && s->aborted && c->says_abort == s->says_abort)
        e->reset_by = TCPSTATE_BY_BOTH;
    else
        e->reset_by = party_of(c->aborted && (c->says_abort || !s->aborted) ? TCPSTATE_CLIENT : TCPSTATE_SERVER);
}

/* Somebody else's segment was all that was captured of an end, and was not taken: the end was where its row has it. */
static void tell_untold(struct ending *e, const struct tcpstate_course_row *row, unsigned sender) {
    for (unsigned role = 0; role < 2; role++) {
        uint8_t state = role == sender ? row->sender : row->receiver;
        if (e->end[role].states == 0 && state != TCPSTATE_UNKNOWN)
            note_state(e, &e->end[role], 1u << state);
    }
}

static unsigned sender_of(const struct tcpstate_segment *s, const struct tcpstate_summary *summary) {
    return s->direction == summary->client_direction ? TCPSTATE_CLIENT : TCPSTATE_SERVER;
}

void tcpstate_course_outcome(const struct tcpstate_course_row *rows, const struct tcpstate_segment *segments,
                             uint32_t first, uint32_t count, struct tcpstate_summary *summary) {
    struct ending e = {.has_synack = summary->synack_frame != 0};
    /* Somebody else's SYN,ACK begins nothing: the ends were where they were. */
    bool is_picked_up = !opens(&segments[first]) || (!rows[first].genuine && (segments[first].flags & TCPSTATE_ACK));
    bool has_begun = false;

    if (segments[first].traits & TCPSTATE_SELF)
        return;
    for (uint32_t event = 0; event != TCPSTATE_COURSE_LAST; event = rows[event / 2].next[event % 2]) {
        uint32_t index = event / 2;
        const struct tcpstate_segment *s = &segments[index];
        unsigned sender = sender_of(s, summary);
        bool is_own = index >= first && index < first + count;
        if (is_picked_up && !has_begun && index >= first) {
            has_begun = true;
            pick_up(&e);
        }
        if (event % 2 == 0 && !is_own && e.end[sender].is_in && rows[index].genuine && is_answer(s, &segments[first]))
            e.is_answered = true;
        /* Who is in SYN-RECEIVED by then answers the next SYN with a challenge ACK: RFC 9293 3.10.7.4 */
        bool stays =
            event % 2 == 1 && !is_own && (e.is_answered || e.has_synack) && e.end[!sender].state == IS(SYN_RECEIVED);
        if (rows[index].genuine && opens(s) && !stays && ((index == first && !is_picked_up) || index == first + count))
            change_opener(&e, &e.end[event % 2 == 0 ? sender : !sender], is_own);
        if (index >= first + count)
            go_on_in_next(&e, sender, &rows[index], event % 2 == 0, s, &segments[first + count]);
        if (!rows[index].genuine && s->frame == summary->fin_frame[sender])
            e.end[sender].link_is_false = true;
        if (event % 2 == 0 && is_own && e.end[sender].was_reset && is_syn_again(&rows[index], s, &segments[first]))
            e.end[sender].states = 0;
        if (event % 2 == 0)
            send(&e, sender, &rows[index], s, is_own);
        else
            take(&e, sender, &rows[index], s, is_own);
        e.closed = e.closed || (has_closed(&e.end[0]) && has_closed(&e.end[1]));
    }
    if (is_picked_up)
        tell_untold(&e, &rows[first + count - 1], sender_of(&segments[first + count - 1], summary));
    if (((e.end[0].states | e.end[1].states) & ~(uint32_t)GONE) == 0 && !was_open(summary))
        return; /* the course knows no such connection: somebody else's SYN and its answer */
    if (!e.reset && !e.refused && !e.closed)
        judge_aborts(&e);
    summary->outcome = outcome_of(&e, summary);
    summary->closed_by = closed_by(&e, summary);
    summary->close_kind = kind_of_close(&e, summary);
    tell_facts(&e, summary);
}
