/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The events that a hypothesis went through are a chain, whose older parts hypotheses share: keeping those of the ones that
 * survive, dropping the rest, and telling the one of the best.
 */
#include "course_search.h"

#include <assert.h>

/* Moves a chain out of the scratch pool, but for what another survivor has moved already. */
void course_keep_chain(struct tcpstate_course *c, struct hypothesis *h) {
    uint32_t reversed = NO_EVENT, event = h->event;

    while (event != NO_EVENT && (event & SCRATCH_BIT)) { /* the links are turned round, then followed back */
        struct event *e = &c->scratch[event & ~SCRATCH_BIT];
        if (e->kept != NO_EVENT) {
            event = e->kept;
            break;
        }
        uint32_t parent = e->parent;
        e->parent = reversed;
        reversed = event;
        event = parent;
    }
    while (reversed != NO_EVENT) {
        struct event *e = &c->scratch[reversed & ~SCRATCH_BIT];
        assert(c->event_count < c->event_limit);
        e->kept = c->event_count;
        c->events[c->event_count] = *e;
        c->events[c->event_count].parent = event;
        event = c->event_count++;
        reversed = e->parent;
    }
    h->event = event;
}

/* Drops the events that no hypothesis went through. */
void course_collect(struct tcpstate_course *c) {
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->event_count; i++)
        c->events[i].kept = NO_EVENT;
    for (unsigned i = 0; i < c->beam_count; i++)
        for (uint32_t e = c->beam[i].event; e != NO_EVENT && c->events[e].kept == NO_EVENT; e = c->events[e].parent)
            c->events[e].kept = 0;
    for (uint32_t i = 0; i < c->event_count; i++) {
        if (c->events[i].kept == NO_EVENT)
            continue;
        c->moved[i] = kept;
        c->events[kept] = c->events[i];
        if (c->events[kept].parent != NO_EVENT)
            c->events[kept].parent = c->moved[c->events[kept].parent];
        kept++;
    }
    c->event_count = kept;
    for (unsigned i = 0; i < c->beam_count; i++)
        if (c->beam[i].event != NO_EVENT)
            c->beam[i].event = c->moved[c->beam[i].event];
}

void course_mark_best(struct tcpstate_course *c, uint32_t event, uint32_t index) {
    while (event != NO_EVENT && c->events[event].decided == UINT32_MAX) {
        c->events[event].decided = index;
        event = c->events[event].parent;
    }
}

/* The end of `direction` by the time of its nominal segment `index`, when what is told here as `next` comes after it: what
 * was captured before that and has had time to arrive is in its state, though the course came to tell of it only later. */
static uint8_t state_at(const struct tcpstate_course *c, const struct tcpstate_course_row *rows, uint32_t index,
                        uint32_t next, uint8_t state) {
    const struct tcpstate_segment *segments = c->facts.segments;
    unsigned direction = segments[index].direction;

    for (unsigned seen = 0; next != TCPSTATE_COURSE_LAST && seen < FEW_EVENTS; seen++) {
        uint32_t i = next / 2;
        bool arrives = next % 2 != 0, concerns = (segments[i].direction == direction) != arrives;
        if (concerns &&
            (arrives ? i > index || segments[index].time_ns - segments[i].time_ns < c->facts.answer_ns[direction]
                     : rows[i].genuine))
            break;
        if (concerns && arrives)
            state = rows[i].was_late ? rows[i].receiver_when_due : rows[i].receiver;
        next = rows[i].next[arrives];
    }
    return state;
}

/* When a stranger's segment was captured, the search did not know yet what becomes of what was under way. */
static void mend_nominal_senders(const struct tcpstate_course *c, struct tcpstate_course_row *rows) {
    uint8_t state[2] = {TCPSTATE_STATES, TCPSTATE_STATES};

    for (uint32_t next = 0; next != TCPSTATE_COURSE_LAST;) {
        uint32_t i = next / 2;
        bool arrives = next % 2 != 0;
        unsigned end = arrives ? !c->facts.segments[i].direction : c->facts.segments[i].direction;
        next = rows[i].next[arrives];
        if (arrives)
            state[end] = rows[i].receiver;
        else if (rows[i].genuine && !rows[i].earlier)
            state[end] = rows[i].sender;
        else if (!rows[i].genuine && state[end] != TCPSTATE_STATES)
            rows[i].sender = state_at(c, rows, i, next, state[end]);
    }
}

void course_tell(const struct tcpstate_course *c, uint32_t event, struct tcpstate_course_row *rows) {
    uint32_t next = TCPSTATE_COURSE_LAST, last = c->facts.count - 1;
    uint32_t crossed[2] = {UINT32_MAX, UINT32_MAX};      /* by which segment it is known */
    struct tcpstate_course_row *later[2] = {NULL, NULL}; /* what arrived next at each end */
    uint8_t state_later[2];
    uint8_t without_fin[2] = {TCPSTATE_UNKNOWN, TCPSTATE_UNKNOWN}; /* what it sends next shows that it lacks a FIN */
    uint32_t lacked[2] = {0, 0};

    for (uint32_t i = 0; i < c->facts.count; i++)
        rows[i] = (struct tcpstate_course_row){.sender_decided = UINT32_MAX, .receiver_decided = UINT32_MAX};
    for (; event != NO_EVENT; event = c->events[event].parent) {
        const struct event *e = &c->events[event];
        struct tcpstate_course_row *row = &rows[e->index];
        bool is_sender = e->kind != TAKEN && e->kind != LOST;
        unsigned end = is_sender ? c->facts.segments[e->index].direction : !c->facts.segments[e->index].direction;
        uint32_t decided = e->decided < last ? e->decided : last;
        uint8_t reached = e->state;
        if (e->kind == SENT) {
            without_fin[end] = reached;
            lacked[end] = decided;
        } else if (!is_sender && without_fin[end] != TCPSTATE_UNKNOWN &&
                   course_before_peer_fin(reached) == without_fin[end]) {
            reached = without_fin[end];
            decided = lacked[end];
        } else if (reached != without_fin[end]) {
            without_fin[end] = TCPSTATE_UNKNOWN;
        }
        /* In CLOSING or TIME-WAIT next: its own FIN was under way when that of the peer came. */
        bool was_closing = reached == TCPSTATE_CLOSE_WAIT && crossed[end] != UINT32_MAX;
        uint8_t state = was_closing ? TCPSTATE_CLOSING : reached;
        if (e->kind == SENT || e->kind == TAKEN || e->kind == LOST) {
            if (later[end] != NULL)
                later[end]->moves = state_later[end] != reached;
            later[end] = e->kind == TAKEN && !row->told ? row : NULL;
            state_later[end] = reached;
        }
        if (was_closing && decided < crossed[end])
            decided = crossed[end];
        crossed[end] = state == TCPSTATE_CLOSING || state == TCPSTATE_TIME_WAIT ? decided : UINT32_MAX;
        if (is_sender) {
            row->sender = state;
            row->sender_decided = decided;
            row->genuine = e->kind != SENT_BY_OTHERS;
            row->earlier = e->kind == SENT_BEFORE || e->kind == SENT_COPY;
        } else if (!row->told) { /* what was lost may have come late after all */
            row->told = true;
            row->receiver = state;
            row->receiver_decided = decided;
            row->arrived = e->kind == TAKEN;
        } else {
            if (row->arrived && !row->moves) {
                row->was_late = true;
                row->receiver_when_due = state;
            }
            continue;
        }
        row->next[!is_sender] = next;
        next = 2 * e->index + !is_sender;
    }
    if (!c->facts.unseen[0] && !c->facts.unseen[1]) {
        mend_nominal_senders(c, rows);
        course_mend_arrivals(c, rows);
    }
    for (uint32_t i = 0; i < c->facts.count; i++)
        if (c->facts.segments[i].traits & TCPSTATE_SEEN_AGAIN) {
            const struct tcpstate_course_row *first = &rows[course_original_of(&c->facts, i)];
            rows[i].told = first->told;
            rows[i].arrived = first->arrived;
            rows[i].receiver = first->receiver;
            rows[i].was_late = first->was_late;
            rows[i].receiver_when_due = first->receiver_when_due;
            rows[i].receiver_decided = first->receiver_decided;
        }
}
