/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to course*.c. A course is one way in which everything that was captured can have come about: which segments
 * were sent by their nominal sender and which by somebody else, which arrived, and when. Along it both endpoints are
 * known exactly, as two TCPs that keep RFC 9293 and know only what has reached them.
 *
 *   course.c           the search for the likeliest course
 *   course_chain.c     the events that a course went through
 *   course_arrival.c   when something had arrived at the latest
 *   course_others.c    what was not sent by its nominal sender, or not just then
 *   course_earlier.c   what was sent earlier than it was captured
 *   course_begin.c     what the endpoints can have been when the capture started
 *   course_forgery.c   what speaks against a forgery, or a copy
 *   course_facts.c     what the whole tells about clocks and distances
 *   course_deliver.c   what a delivery does to an endpoint, and what it must answer
 *   course_outcome.c   what became of a connection
 *   course_send.c      how well a transmission fits the endpoint that is said to have made it
 *
 * What speaks against a course costs: a segment lost behind the capture point, one that was not captured, one that was
 * forged. The costs are the logarithm of how rare a thing is, in rough steps: only their order matters.
 */
#ifndef TCPSTATE_COURSE_H
#define TCPSTATE_COURSE_H

#include "segment.h"
#include "seq.h"
#include "tcpstate.h"

enum {
    COURSE_RANGES = 4, /* runs of octets behind a hole */
    COURSE_REPLIES = 4,
    COURSE_LATE = 2,     /* segments that may still arrive */
    COURSE_SEEDS = 192,  /* ways in which a capture may start */
    COURSE_VARIANTS = 12 /* ways in which an endpoint may react to one delivery, or have made one transmission */
};

enum {                           /* costs */
       COST_FORGED = 14,         /* somebody else sent it */
       COST_LEAKY = 14,          /* on top: the capture has missed segments, which explain more than strangers do */
       COST_MISMATCH = 20,       /* no TCP sends this in that state: dearer than a forgery */
       COST_UNSEEN = 6,          /* a segment was not captured */
       COST_LOST = 5,            /* captured, and lost behind the capture point */
       COST_LOST_TOO = 2,        /* ... like the one before it */
       COST_LATE = 1,            /* ... or only late */
       COST_IGNORED = 8,         /* delivered and acceptable, but not taken: a full queue */
       COST_COPY = 2,            /* the path has copied it */
       COST_ODD = 6,             /* legal, but a common stack would not */
       COST_STALE = 5,           /* sent earlier than what was captured before it */
       COST_STALE_TOO = 2,       /* ... like the one before it */
       COST_ABORT = 2,           /* a reset for no visible reason */
       COST_NO_REPLY = 3,        /* an answer that had to come was not captured */
       COST_SILENT = 6,          /* an endpoint has given up without a word */
       COST_TIMESTAMP = 9,       /* its clock was elsewhere */
       COST_ECHO = 4,            /* it echoes another timestamp than it should */
       COST_SACK = 4,            /* it tells to have received what it has not, or the reverse */
       COST_SACK_FALSE = 9,      /* ... though it cannot have, or cannot lack it */
       COST_AT_END = 7,          /* on top: lost or unseen right where the capture was taken */
       COST_NO_REASON = 2,       /* an ACK that nothing asked for */
       COST_UNASKED = 3,         /* text sent again, sooner than any timer, that nobody has asked for */
       COST_AGAINST_PROOF = 6,   /* when it was captured, its sender was proved to be in another state */
       COST_NOT_SUPPOSED = 1000, /* ... it was supposed to be in another state */
       COST_WINDOW = 5           /* a RST that is an answer has no window to tell */
};

enum course_reply_kind { COURSE_REPLY_NONE, COURSE_REPLY_RST, COURSE_REPLY_RST_ACK };

/* What an endpoint knows, and no more. */
struct course_end {
    uint32_t snd_una, snd_nxt, iss, fin; /* fin: the number of its FIN, once sent */
    uint32_t rcv_nxt, irs, last_ack;     /* last_ack: RCV.NXT as it last told the peer */
    uint32_t right_edge;                 /* of its receive window */
    uint32_t told_edge;                  /* ... as somebody else has told it in its name; 0: nobody has */
    uint32_t shut_seq;                   /* SND.WL1, RFC 9293 3.3.1: of the segment that shut its send window */
    uint32_t ts_recent, tsval;           /* tsval: its own newest */
    uint32_t peer_fin;                   /* number of a FIN behind a hole */
    struct {
        uint32_t left, right;
    } ranges[COURSE_RANGES];
    uint32_t sack_right; /* right edge of the highest range */
    struct {
        uint32_t seq, ack, asked_ms;
        uint16_t kind, state; /* state: when it was asked, and so when it answers */
    } replies[COURSE_REPLIES];
    uint32_t again_left, again_right; /* of what has arrived once more, to be told by a D-SACK */
    uint32_t next;                    /* segments to it before this index have arrived, or never will */
    uint32_t late[COURSE_LATE];       /* ... but these may still: index + 1, 0 is none */
    uint32_t first_seq;               /* what it sent before this was not captured */
    uint32_t free_to;                 /* what was under way to it when the capture started ends here */
    uint32_t syn_data;                /* octets that came with the peer's SYN, taken only if the SYN,ACK says so */
    uint8_t state, before_fin;
    uint8_t range_count, reply_count;
    uint8_t synacks; /* how often its SYN,ACK has come again */
    uint8_t shift;
    bool has_snd, has_rcv, has_peer_fin, fin_sent, active_open, fast_open;
    bool listens, does_not_listen; /* neither: not known */
    bool has_opened;               /* a connection of its own from this port: seldom does anybody listen there */
    bool app_gone, app_stays;      /* what becomes of data that comes after its FIN; neither: not known */
    bool timestamps, sack, has_ts_recent, has_tsval, has_shift;
    bool owes_ack; /* something has come that must be acknowledged */
    bool syn_had_mss, has_again, has_free, has_first_seq;
    uint8_t losing;                   /* so many that were captured last have not reached it, up to DOWN */
    bool ignores;                     /* it does not take the ACK of its SYN,ACK: a full queue */
    bool owes_text_ack, owes_at_once; /* since owed_since_ms */
    uint32_t owed_since_ms;
    bool keeps_on;           /* it has repeated its FIN, or reset: the other end may be gone */
    bool sends_octets;       /* one at a time: such an ACK need not be of its FIN */
    bool unseen;             /* nothing that it sends was captured */
    bool is_shut;            /* its send window is zero */
    bool spares_time_wait;   /* no RST ends its TIME-WAIT, as RFC 1337 asks for */
    uint32_t fin_ms;         /* when its FIN was captured last */
    uint32_t fin_due_ms;     /* ... by then it comes again unless it is acknowledged, 0: that tells nothing any more */
    uint32_t synack_ms;      /* ... its SYN,ACK */
    uint32_t synack_tsval;   /* of its last SYN,ACK, 0: none */
    uint32_t gone_ms;        /* when a RST has closed it */
    uint32_t hole, hole_end; /* of its text that seemed not to have been captured ... */
    uint32_t hole_left;      /* ... so much still does; 0: none */
    uint32_t hole_ms;        /* ... by then */
    int hole_cost;           /* ... which is less if it is captured late */
};

struct course_variant {
    struct course_end end;
    int cost;
};

/* Facts of the whole conversation that help to judge a segment. */
struct course_facts {
    const struct tcpstate_segment *segments;
    uint32_t count;
    int64_t answer_ns[2];      /* by direction: from the capture point to that end and back, 0 if not known */
    int64_t next_answer_ns[2]; /* ... if the quickest of few answers was none */
    uint8_t ttl[2];            /* ... that of most of what it sent; 0: not told */
    uint32_t longest[2];       /* ... octets of text in the longest segment of it; where hosts leave the cutting to the
                                  network card, that is more than a segment of the path */
    bool is_at[2];             /* ... the capture was taken there: what it sent was captured, what came has arrived */
    bool unseen[2];            /* ... nothing that it sent was captured */
    bool counts_ids[2];        /* ... the identifications of its datagrams (IPv4) count up */
    bool has_echoes[2];        /* ... what the other echoes tells when its segments arrived */
    uint32_t first_echo;
    int64_t echo_base_ns;
    bool has_clock[2];          /* ... its timestamps count milliseconds ... */
    int64_t clock_ms[2];        /* ... and this is their offset from the capture's time */
    bool trusts_checksum[2];    /* a bad one means that the segment is not taken */
    bool timestamps, sack, mss; /* are in use */
    bool starts_late;           /* something was under way when the capture started */
    unsigned leaks;             /* runs of octets that were acknowledged and not captured, within what was */
};

/* `facts` has the segments; the rest is found from them. */
void course_find_facts(struct course_facts *facts, const struct tcpstate_settings *settings);

static inline uint32_t course_ms(int64_t time_ns) { return (uint32_t)(time_ns / 1000000); }
static inline void course_forget_hole(struct course_end *x) {
    x->hole = x->hole_end = x->hole_left = x->hole_ms = 0;
    x->hole_cost = 0;
}

/* When the newest segment had arrived that the sender of `s` has heard of: when it sent `s`, unless an echo tells. */
int64_t course_heard_ns(const struct course_facts *facts, const struct tcpstate_segment *s);

static inline bool course_is_void(const struct course_facts *facts, const struct tcpstate_segment *s) {
    return (s->traits & TCPSTATE_SEEN_AGAIN) != 0 ||
           ((s->traits & TCPSTATE_CHECKSUM_BAD) != 0 && facts->trusts_checksum[s->direction]);
}

static inline uint32_t course_end_of(const struct tcpstate_segment *s) {
    return s->seq + s->length + ((s->flags & TCPSTATE_SYN) ? 1 : 0) + ((s->flags & TCPSTATE_FIN) ? 1 : 0);
}

static inline bool course_is_pure_ack(const struct tcpstate_segment *s) {
    return s->length == 0 && (s->flags & (TCPSTATE_ACK | TCPSTATE_SYN | TCPSTATE_FIN | TCPSTATE_RST)) == TCPSTATE_ACK;
}

/* Does `ack` tell by its SACK of later text, but not of that of `q`? */
bool course_lacks(const struct tcpstate_segment *ack, const struct tcpstate_segment *q);

/* With which a connection is opened actively: RFC 9293 3.10.1. */
static inline bool course_is_bare_syn(const struct tcpstate_segment *s) {
    return (s->flags & (TCPSTATE_SYN | TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_SYN;
}

static inline bool course_is_synack(const struct tcpstate_segment *s) {
    return (s->flags & (TCPSTATE_SYN | TCPSTATE_ACK | TCPSTATE_RST | TCPSTATE_FIN)) == (TCPSTATE_SYN | TCPSTATE_ACK);
}

/* Is `ack` that of a SYN older than that with `iss`? So it is called where its number lies below by no more than a clock with
 * a tick in 4 microseconds goes on while old copies live: two minutes, RFC 9293 3.4.1 and 3.4.2. */
static inline bool course_acks_older_syn(uint32_t ack, uint32_t iss) {
    return seq_before(ack - 1, iss) && iss - (ack - 1) <= 120 * 250000;
}

struct course_seed {
    struct course_end end[2]; /* by direction */
    int cost;
    bool forged; /* presumes that somebody else has spoken before */
};
/* How many of `seeds` there are: none if nothing tells. Notes in `facts` whether the capture starts late. */
unsigned course_begin(struct course_facts *facts, struct course_seed seeds[COURSE_SEEDS]);

/* What was under way when the capture started has arrived, as far as `upto`. */
void course_fill(struct course_end *end, uint32_t upto);
void course_add_range(struct course_end *end, uint32_t left, uint32_t right);
void course_move(struct course_end *end, enum tcpstate_event event);

/* What the arrival of `s` can do to `end`: variants[0] is what RFC 9293 and the common stacks do, at no cost. `next` is
 * the next segment that the endpoint is seen to send, which tells which of the rarer reactions are worth a thought. */
unsigned course_deliver(const struct course_end *end, const struct tcpstate_segment *s,
                        const struct tcpstate_segment *next, struct course_variant variants[COURSE_VARIANTS]);

/* The state from which a FIN of the peer has led to `state`; TCPSTATE_UNKNOWN if none has, or if the end has closed since. */
uint8_t course_before_peer_fin(uint8_t state);
/* `x` hears what `y`, whose segments were not captured, must have told it: an ACK of all that it has received ... */
bool course_hear_ack(struct course_end *x, const struct course_end *y);
/* ... or its answer to a segment for which it has no connection. Both are true if that changes the state of `x`. */
bool course_hear_rst(struct course_end *x, const struct course_end *y);
/* `x` hears an ACK of its FIN, if it has sent one, from whomever: true if that changes its state. */
bool course_hear_ack_of_fin(struct course_end *x);

/* ... of an endpoint that has lost its connection without a word. */
int course_cost_of_silence(const struct course_end *end);

bool course_ack_is_overdue(const struct course_end *end, int64_t now_ns);
/* As far as it knows, its FIN is not acknowledged, though by now it should have sent it again. */
bool course_fin_is_overdue(const struct course_end *end, int64_t now_ns);

struct course_sent {
    struct course_end sender, receiver; /* receiver: changed only where an unseen segment had to be presumed */
    int cost;
    uint8_t shown; /* the sender's state when it sent the segment */
    bool forged;   /* presumes that somebody else has spoken in the name of the receiver */
};
/* How `sender` may have come to send segment `index` now: nothing if it cannot have. */
unsigned course_send(const struct course_facts *facts, const struct course_end *sender,
                     const struct course_end *receiver, uint32_t index, struct course_sent variants[COURSE_VARIANTS]);

#endif
