/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files of the search share: hypotheses, and the chains of events that they went through.
 */
#ifndef TCPSTATE_COURSE_SEARCH_H
#define TCPSTATE_COURSE_SEARCH_H

#include "course.h"

enum {
    ALIKE = 2,     /* ... that differ only in what is under way */
    SAME = 4,      /* ... of each pair of states, before others have room */
    BEAM = 60,     /* hypotheses from one segment to the next */
    WIDE = 180,    /* ... where the likeliest course of so few is STRAINED */
    STRAINED = 60, /* it costs more than that: ten segments were lost, or two endpoints did what they would not ... */
    EACH = 2,      /* ... and more than that for each segment */
    EARLY = 16,    /* ... but all seeds for so many, where a capture starts late */
    CANDIDATES = 1024,
    SLOTS = 4096,    /* of the table that finds equal candidates, a power of 2 */
    SCRATCH = 32768, /* events that no surviving hypothesis went through yet */
    SOON_MS = 50,    /* nobody sends anything again sooner: RFC 6298 2.4, 8985 7.2 */
    MARGIN = 27,     /* what costs so much more than the best is dropped */
    DOWN = 4,        /* segments lost in a row: so will be the next */
    BRANCHES = 2,    /* rare things between two segments of one endpoint */
    MOST_FORGERIES = 3,
    WORK = 8000000,   /* events, in all: some seconds */
    FEW_EVENTS = 200, /* further on nothing was captured before */
    DEPTH = 400,      /* segments in flight to one endpoint ... */
    NESTED = 8        /* ... of which one that may be lost counts for so many */
};
#define NO_EVENT    UINT32_MAX
#define SCRATCH_BIT 0x80000000u /* of the place of an event: it is in the scratch pool */

enum event_kind { SENT, SENT_BEFORE, SENT_BY_OTHERS, SENT_COPY, TAKEN, LOST };

struct event {
    uint32_t parent, index;
    uint32_t kept;    /* where it was moved to, NO_EVENT: not */
    uint32_t decided; /* index of the segment with which it came to be on the best path, UINT32_MAX: never */
    uint8_t kind, state;
};

struct hypothesis {
    struct course_end end[2]; /* by direction */
    uint32_t forgeries;       /* up to MOST_FORGERIES: the next is less of a surprise */
    uint64_t strain_us;       /* by how much segments came sooner or later than usual: where the cost is the same */
    int cost;
    uint32_t event;
};

struct tcpstate_course {
    struct course_facts facts;
    const struct tcpstate_course_premise *premises; /* by segment, or NULL */
    bool supposes;                                  /* sought is a course with the supposed states */
    struct hypothesis beam[COURSE_SEEDS];           /* BEAM, but for the first segment */
    uint32_t cores[COURSE_SEEDS];
    bool is_kept[CANDIDATES];
    struct hypothesis candidates[CANDIDATES];
    uint32_t slots[SLOTS]; /* candidate + 1 */
    struct event scratch[SCRATCH];
    unsigned room; /* in the beam: BEAM or WIDE */
    unsigned beam_count, candidate_count;
    uint32_t scratch_count, scratch_limit, event_count, event_limit;
    uint32_t work;        /* events that were looked at */
    int best_cost;        /* of the candidates so far */
    uint32_t asked;       /* what asks its sender to send this segment again, is not older than that one; 0: none */
    int total_cost;       /* of the best course up to here */
    struct event *events; /* event_limit */
    uint32_t *moved;      /* where collect() has put an event, event_limit */
    struct tcpstate_segment segments[];
};

static inline const struct event *event_at(const struct tcpstate_course *c, uint32_t event) {
    return event & SCRATCH_BIT ? &c->scratch[event & ~SCRATCH_BIT] : &c->events[event];
}

/* ---- course.c: the beam */

/* Puts `h` among the candidates, unless one that knows the same is as likely. */
void course_push(struct tcpstate_course *c, const struct hypothesis *h);
/* `h` goes through an event: segment `index` and, of the end that it is about, the state. False: no room. */
bool course_note(struct tcpstate_course *c, struct hypothesis *h, enum event_kind kind, uint32_t index, uint8_t state);
/* The first segment to the end of `direction` from `index` on, `before` if none. */
uint32_t course_next_to(const struct course_facts *facts, unsigned direction, uint32_t index, uint32_t before);
void course_count_forgery(struct hypothesis *h);

/* ---- course_chain.c: the events that a hypothesis went through */

/* Moves the chain of `h` out of the scratch pool, but for what another survivor has moved already. */
void course_keep_chain(struct tcpstate_course *c, struct hypothesis *h);
/* Drops the events that no hypothesis of the beam went through. */
void course_collect(struct tcpstate_course *c);
/* What leads to `event` is on the best path since segment `index`, where it was not before. */
void course_mark_best(struct tcpstate_course *c, uint32_t event, uint32_t index);
/* The chain that ends in `event`, by segment: rows of all segments. */
void course_tell(const struct tcpstate_course *c, uint32_t event, struct tcpstate_course_row *rows);

/* ---- course_arrival.c */

/* What arrives in these rows after its receiver has acknowledged it is shown as when it did. */
void course_mend_arrivals(const struct tcpstate_course *c, struct tcpstate_course_row *rows);

/* ---- course_others.c: the nominal sender of segment `index` has not sent it just then */

/* `kind`: SENT_BY_OTHERS, SENT_COPY or SENT_BEFORE, at `cost`. */
void course_send_by_others(struct tcpstate_course *c, const struct hypothesis *h, uint32_t index, enum event_kind kind,
                           int cost);
/* A SYN of somebody else, before which the end of which nothing is captured has reset: its own would come as well. */
void course_reset_before_syn(struct tcpstate_course *c, const struct hypothesis *h, uint32_t index, int cost);
/* Was what the sender of `s` had sent before that overtaken as well? */
bool course_came_late_before(const struct tcpstate_course *c, const struct hypothesis *h,
                             const struct tcpstate_segment *s);

/* ---- course_earlier.c, course_forgery.c */

/* The newest segment of the same sender that looks exactly like this one, `index` if none does. */
uint32_t course_original_of(const struct course_facts *facts, uint32_t index);
/* Is this the frame of that segment behind the next router? It is nothing more that its sender has sent, or that arrives. */
bool course_is_seen_again(const struct course_facts *facts, uint32_t index);

/* The first that asks the sender of segment `index` to send that again: by its SACK it lacks it. 0 if none does, or if a timer
 * may have. */
uint32_t course_first_to_ask(const struct course_facts *facts, uint32_t index);

/* Had the sender of segment `index` sent it before what was captured before it? Then it knew less and was further back:
 * `state` is set, as it was after the newest segment that is older by all that the headers tell. */
bool course_was_sent_before(const struct tcpstate_course *c, const struct hypothesis *h, uint32_t index,
                            uint8_t *state);

/* How rare it is that somebody else has sent segment `index` in the name of its sender, as `h` knows that. */
int course_cost_of_forgery(const struct tcpstate_course *c, const struct hypothesis *h, uint32_t index);

/* ... that the path has copied it. */
int course_cost_of_copy(const struct course_facts *facts, const struct tcpstate_segment *s,
                        const struct tcpstate_segment *original);

#endif
