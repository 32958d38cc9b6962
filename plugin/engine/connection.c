/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The coordinator: takes a segment through the modules in a straight line, and is the only writer of endpoint states.
 *
 *   capture      is it a copy, is its checksum bad, when did it leave its sender?
 *   incarnation  which connection?
 *   sender       what does it prove about x?
 *   receiver     what does it do to y if it arrives?
 *   summary, findings
 *
 * A state changes in two ways only: an event goes through the table (engine_move), or a state that the table yielded
 * earlier is believed again because the segment that ended it turned out to be false (engine_restore).
 */
#include "judgement.h"
#include "transition.h"

#include <assert.h>
#include <string.h>

enum {
    MS = 1000000,
    CLOCK_JUMP_MS = 100, /* no capture point reorders by so much */
    SILENT_MS = 1000     /* so long nothing was sent: nobody was about to close */
};

static void note_event(struct tcpstate_end_report *end, enum tcpstate_event event) {
    if (end->event_count < sizeof end->events)
        end->events[end->event_count++] = (uint8_t)event;
}

bool engine_has_event(const struct tcpstate_end_report *end, enum tcpstate_event event) {
    for (unsigned i = 0; i < end->event_count; i++)
        if (end->events[i] == event)
            return true;
    return false;
}

void engine_move(struct judgement *j, enum tcpstate_role role, enum tcpstate_event event,
                 enum tcpstate_certainty certainty) {
    struct tcpstate_endpoint *end = &j->connection->end[role];
    bool impossible = false;
    enum tcpstate_state next =
        tcpstate_transition(event, (enum tcpstate_state)end->state, end->active_open, &impossible);

    note_event(&j->report->end[role], event);
    if (impossible)
        return;
    if (next != (enum tcpstate_state)end->state &&
        (event == TCPSTATE_EVENT_snd_syn_again || event == TCPSTATE_EVENT_snd_synack_again ||
         event == TCPSTATE_EVENT_snd_fin_again || event == TCPSTATE_EVENT_snd_nack_fin))
        j->report->end[role].taken_back = true;
    end->state = (uint8_t)next;
    end->certainty = (uint8_t)certainty;
}

/* The state that the table names, for showing only. */
enum tcpstate_state engine_peek(enum tcpstate_event event, enum tcpstate_state state) {
    bool impossible = false;
    return tcpstate_transition(event, state, true, &impossible);
}

void engine_restore(struct judgement *j, enum tcpstate_role role, enum tcpstate_state state,
                    enum tcpstate_certainty certainty) {
    struct tcpstate_endpoint *end = &j->connection->end[role];

    if (end->state != state)
        j->report->end[role].taken_back = true;
    end->state = (uint8_t)state;
    end->certainty = (uint8_t)certainty;
}

void engine_show(struct judgement *j, enum tcpstate_state state) {
    j->has_shown = true;
    j->shown = (uint8_t)state;
}

size_t tcpstate_segment_size(const struct tcpstate_segment *segment) {
    assert(segment->sack_count <= 4);
    return offsetof(struct tcpstate_segment, sack) + segment->sack_count * sizeof segment->sack[0];
}

const struct tcpstate_summary *tcpstate_summary(const struct tcpstate_conversation *conversation) {
    return &conversation->current.summary;
}

const struct tcpstate_summary *tcpstate_previous_summary(const struct tcpstate_conversation *conversation) {
    return &conversation->previous;
}

/* ---- the steps of one segment --------------------------------------------------------------------------------- */

static void read_header(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;

    j->syn = (s->flags & TCPSTATE_SYN) != 0 && !(s->flags & TCPSTATE_RST); /* a RST is obeyed before a SYN is read */
    j->ack = (s->flags & TCPSTATE_ACK) != 0;
    j->rst = (s->flags & TCPSTATE_RST) != 0;
    j->fin = (s->flags & TCPSTATE_FIN) != 0 && !j->rst;
    j->ordinary = !j->syn && !j->rst;
    j->pure_ack = j->ordinary && j->ack && !j->fin && s->length == 0;
    j->end = s->seq + s->length + (j->syn ? 1 : 0) + (j->fin ? 1 : 0);
}

/* TIME-WAIT ends by itself: seen when the tuple is used again. RFC 9293 3.10.8. */
static void let_time_pass(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;

    for (unsigned role = 0; role < 2; role++) {
        struct tcpstate_endpoint *end = &c->end[role];
        if (end->state != TCPSTATE_TIME_WAIT || j->segment->time_ns - c->time_wait_ns <= 2 * j->settings->msl_ns)
            continue;
        end->undo = (struct tcpstate_undo){.cause = TCPSTATE_UNDO_TIMER, .state = TCPSTATE_TIME_WAIT};
        engine_move(j, (enum tcpstate_role)role, TCPSTATE_EVENT_time_2msl, TCPSTATE_ASSUMED);
        findings_tell(j, TCPSTATE_FINDING_time_wait_expired, 0, 0, 0);
    }
}

static void note_before(struct judgement *j) {
    for (unsigned role = 0; role < 2; role++)
        j->report->end[role].before = j->connection->end[role].state;
}

static void establish_both(struct judgement *j) {
    engine_move(j, j->sender, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
    engine_move(j, j->receiver, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
}

/* Nobody gets into ESTABLISHED unseen: x has been there since the capture began, and y too but for a RST of its own. */
static void establish_from_start(struct judgement *j) {
    const struct tcpstate_connection *c = j->connection;
    const struct tcpstate_endpoint *y = j->y;

    if (y->state == TCPSTATE_UNKNOWN || (y->undo.cause == TCPSTATE_UNDO_RST_SENT && y->undo.index == c->first_index))
        hindsight_note(j, c->first_index, c->first_frame, TCPSTATE_VERDICT_MIDSTREAM);
    establish_both(j);
}

/* The capture starts in the middle of a connection: RFC 9293 tells no state, the segment a little. */
static void pick_up(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (j->rst || !j->ack)
        return; /* a reset carries numbers of its own making, and every other segment but a SYN has an ACK */
    j->connection->picked_up = true;
    y->has_acked = y->has_rnxt = true;
    y->acked = y->rnxt = s->seq;
    x->has_acked = x->has_rnxt = true;
    x->acked = x->rnxt = s->ack;
    y->has_una = y->has_smax = true;
    y->una = y->smax = s->ack;
    j->connection->pickup_index = j->index;
    if (!j->ordinary || (j->fin && !hindsight_says(j, j->index, TCPSTATE_VERDICT_FIRST_FIN)) ||
        x->state != TCPSTATE_UNKNOWN)
        return;
    establish_from_start(j);
}

/* All that is known of y is a FIN or a RST at the start of the capture, and x speaks of quite other numbers: y, of whom x
 * has heard long before, did not send it. */
static void deny_lone_end(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct tcpstate_connection *c = j->connection;
    const struct tcpstate_segment *s = j->segment;
    bool echoes = (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr != 0;

    if (c->summary.roles != TCPSTATE_ROLES_GUESS || x->heard || !j->ordinary || !j->ack || j->fin || j->alien ||
        j->copy)
        return;
    if (x->state == TCPSTATE_UNKNOWN && y->state == TCPSTATE_UNKNOWN && y->has_fin && y->fin_index == c->pickup_index &&
        (!numbers_near(s->ack, y->fin) || (echoes && !y->sent_ts))) { /* RFC 7323 3.2: all of its segments carry one */
        knowledge_forget_fin(j, y, j->receiver, TCPSTATE_INFERRED);
    } else if (!y->heard && y->state == TCPSTATE_CLOSED && y->undo.cause == TCPSTATE_UNDO_RST_SENT &&
               y->undo.state == TCPSTATE_UNKNOWN && !y->undo.no_window && !numbers_near(s->ack, y->undo.rst_seq)) {
        hindsight_note(j, y->undo.index, y->undo.frame, TCPSTATE_VERDICT_NOT_SENT);
        y->undo.cause = TCPSTATE_UNDO_NONE;
        engine_restore(j, j->receiver, TCPSTATE_ESTABLISHED, TCPSTATE_INFERRED);
    } else {
        return;
    }
    engine_move(j, j->sender, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
    c->picked_up = false;
    y->has_own_end = false;
    pick_up(j);
}

/* Had x, whose pure ACK this is, sent nothing for long before the FIN of y came? By its own clock (RFC 7323 5.4, a tick of
 * a millisecond or more) since what the FIN echoes. Were that its FIN, y would have been in CLOSE-WAIT for as long: most
 * that learn of an end close soon. */
static bool was_silent_before_fin(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *y = j->y;

    if (!j->pure_ack || j->alien || s->ack != y->fin + 1 || !(s->options & TCPSTATE_OPT_TIMESTAMPS) ||
        y->fin_tsecr == 0)
        return false;
    return seq_distance(s->tsval, y->fin_tsecr) - (s->time_ns - y->fin_ns) / MS >= SILENT_MS;
}

/* A capture that started with a FIN: the other end's FIN or data later tells which end closed first, or its silence. */
static void resolve_unknown(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool more = j->ordinary && j->ack && !j->stale && (j->segment->length > 0 || j->fin || was_silent_before_fin(j));

    if (x->state == TCPSTATE_UNKNOWN && j->ordinary && j->ack && !j->fin && !y->has_fin && !y->has_wire_fin &&
        !x->has_fin) { /* after a lone RST that closed nothing */
        establish_from_start(j);
        return;
    }
    bool open = x->state == TCPSTATE_UNKNOWN || x->state == TCPSTATE_ESTABLISHED || x->state == TCPSTATE_CLOSE_WAIT;
    if (!open || y->state != TCPSTATE_UNKNOWN || !more || !y->has_fin || x->has_fin)
        return;
    if (y->fin_index == j->connection->pickup_index)
        hindsight_note(j, y->fin_index, y->fin_frame, TCPSTATE_VERDICT_FIRST_FIN);
    engine_move(j, j->sender, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
    engine_move(j, j->receiver, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
    engine_move(j, j->receiver, TCPSTATE_EVENT_snd_fin, TCPSTATE_INFERRED);
    if (y->fin_acked)
        engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_ack_f, TCPSTATE_INFERRED);
    if (x->peer_fin_taken)
        engine_move(j, j->sender, TCPSTATE_EVENT_rcv_fin, TCPSTATE_INFERRED);
}

/* Certainty of what is shown. A receiver's state is proved only while nothing but its own words have moved it. */
static void settle_report(struct judgement *j) {
    struct tcpstate_report *report = j->report;
    int64_t now_ns = j->segment->time_ns;

    for (unsigned role = 0; role < 2; role++) {
        struct tcpstate_endpoint *end = &j->connection->end[role];
        struct tcpstate_end_report *told = &report->end[role];
        uint8_t stored = end->state;

        told->dwell_ns = -1;
        told->state = stored;
        told->certainty = end->certainty;
        if (stored == TCPSTATE_UNKNOWN)
            told->certainty = TCPSTATE_NOTHING_TELLS;
        if (role == j->receiver && end->crossed && stored == TCPSTATE_CLOSE_WAIT)
            told->state = TCPSTATE_CLOSING; /* hindsight: its own FIN is on its way to the capture point */
        if (role == j->sender && j->has_shown && !j->copy) {
            told->state = j->shown;
            told->certainty = j->shown == TCPSTATE_UNKNOWN ? TCPSTATE_NOTHING_TELLS : TCPSTATE_ASSUMED;
            report->was_in_flight = !j->candidate;
            if (j->candidate) { /* it opens anew, and `stored` belongs to a connection that it has lost */
                if (j->candidate_again)
                    told->before = told->state;
            } else if (told->before != stored) {
                told->taken_back = true; /* a FIN that crossed the peer's: CLOSE-WAIT was assumed too early */
            } else {
                told->before = told->state;
            }
        }
        told->taken_back = told->taken_back && told->before != TCPSTATE_UNKNOWN; /* which assumed nothing */
        if (told->before == stored && !(role == j->sender && j->has_shown))
            continue;
        if (stored != j->receiver_had || role != j->receiver) {
            if (end->entered_captured && !told->taken_back && told->before != told->state &&
                !j->conversation->clock_jumped)
                told->dwell_ns = now_ns - end->entered_ns;
            end->entered_captured = !told->taken_back && !j->bridged;
            end->entered_ns = now_ns;
        }
    }
}

/* Its clock is x's, and it echoes one of y's that was not captured and lies between the newest that was and now: it answers
 * what the capture missed. A clock ticks once a millisecond at most (RFC 7323 5.4). */
static bool echoes_the_uncaptured(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool has_both = (s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && x->ts_newest != 0 && y->sent_ts &&
                    y->ts_newest != 0 && y->captured;

    return has_both && seq_after(s->tsecr, y->ts_newest) &&
           (int64_t)seq_distance(s->tsecr, y->ts_newest) * MS <= s->time_ns - y->ts_newest_ns &&
           seq_at_least(s->tsval, x->ts_newest) && !capture_clock_jumps(j);
}

/* An ACK of what y was not seen to send: the capture missed something, or the ACK is false. It is believed when x says
 * it a second time, or echoes what was missed. */
static void judge_unsent_ack(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t ack = j->segment->ack;

    if (!j->ack || (y->captured ? !y->has_smax || !seq_after(ack, y->smax) : !unseen_ack_is_impossible(j)))
        return;
    bool far = (y->has_own_end && seq_distance(ack, y->own_end) > NUMBERS_FAR) || unseen_ack_is_impossible(j);
    if (!y->has_iss && y->captured && !far && !j->alien && !j->connection->numbers_agreed &&
        (!y->has_pure || ack == y->smax + 1)) { /* mid-stream: the ACK tells what y had sent before */
        y->smax = ack;
        return;
    }
    if (y->has_seen_fin && ack == y->seen_fin + 1 && !j->alien) {
        j->ack_refused = true; /* x has taken a FIN that y did not send */
        return;
    }
    if (y->has_octet && ack == y->octet && y->smax_is_next && !j->alien) {
        j->ack_refused = true; /* ... or text, as y's SND.NXT tells */
        return;
    }
    if (!j->alien && y->captured && ack == y->smax + 1 && !y->has_fin && !y->has_wire_fin &&
        state_is_synchronized((enum tcpstate_state)y->state))
        return; /* perhaps a FIN that was not captured: sender.c infers it */
    j->ack_refused = true;
    j->ack_unsent = !x->has_rnxt || seq_after(ack, x->rnxt);
    if (!j->ack_unsent || j->alien || j->syn || j->rst || x->state == TCPSTATE_CLOSED)
        return;
    if ((j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && x->ts_newest != 0 &&
        seq_before(j->segment->tsval, x->ts_newest))
        return; /* an older segment would have known less, not more */
    if (y->sent_synack && !x->spoke && !y->spoke && seq_distance(ack, y->smax) > NUMBERS_FAR)
        return; /* y has sent its SYN,ACK only: no number of this connection, however often */
    if (!far && x->has_rnxt && seq_at_least(j->segment->seq, x->smax) && echoes_the_uncaptured(j)) {
        y->smax = ack;
        j->ack_unsent = x->has_unsent_ack = j->ack_refused = false;
        return;
    }
    if (x->has_unsent_ack && seq_at_least(ack, x->unsent_ack) && seq_distance(ack, x->unsent_ack) < NUMBERS_FAR) {
        bool behind_fin = y->has_fin && !y->fin_inferred && midstream_numbers_known(j, y) && seq_after(ack, y->fin + 1);
        j->ack_unsent = false;
        if (x->unsent_ack_denied || behind_fin)
            return; /* x has taken somebody else's text */
        y->smax = ack;
        x->has_unsent_ack = j->ack_refused = false;
        return;
    }
    x->has_unsent_ack = true;
    x->unsent_ack_denied = false;
    x->unsent_ack = ack;
}

/* A challenge ACK, or a RST of the connection before, reaches an opener that looks genuine: it is in SYN-SENT with the new
 * SYN, figure 9 line 4, and a RST without ACK does not end that (RFC 9293 3.10.7.3 second). */
static void show_genuine_opener(struct judgement *j) {
    const struct tcpstate_candidate *candidate = &j->conversation->candidate;
    struct tcpstate_end_report *opener = &j->report->end[j->receiver];
    bool is_late_rst = j->rst && !j->ack && opener->state == TCPSTATE_CLOSED;

    if (!candidate->pending || !candidate->genuine || j->candidate || j->segment->direction == candidate->direction ||
        (j->pure_ack ? candidate->challenged && candidate->challenge_ack != j->segment->ack : !is_late_rst))
        return;
    opener->before = opener->state = TCPSTATE_SYN_SENT;
    opener->certainty = TCPSTATE_ASSUMED;
}

static enum tcpstate_phase phase_of(const struct judgement *j) {
    uint8_t a = j->report->end[0].state, b = j->report->end[1].state;

    if (a == TCPSTATE_UNKNOWN && b == TCPSTATE_UNKNOWN)
        return TCPSTATE_PHASE_UNKNOWN;
    if (j->connection->phase_reset)
        return TCPSTATE_PHASE_RESET;
    if ((a == TCPSTATE_CLOSED || a == TCPSTATE_TIME_WAIT || a == TCPSTATE_LISTEN) &&
        (b == TCPSTATE_CLOSED || b == TCPSTATE_TIME_WAIT || b == TCPSTATE_LISTEN))
        return TCPSTATE_PHASE_CLOSED;
    if (a == TCPSTATE_SYN_SENT || b == TCPSTATE_SYN_SENT || a == TCPSTATE_SYN_RECEIVED || b == TCPSTATE_SYN_RECEIVED ||
        a == TCPSTATE_LISTEN || b == TCPSTATE_LISTEN)
        return TCPSTATE_PHASE_OPENING;
    if (j->connection->end[0].has_fin || j->connection->end[1].has_fin || a > TCPSTATE_ESTABLISHED ||
        b > TCPSTATE_ESTABLISHED)
        return TCPSTATE_PHASE_CLOSING;
    return TCPSTATE_PHASE_OPEN;
}

/* RFC 2883: x has received the one octet twice that y sent last, and once. The path has copied it, or the first one was
 * somebody else's FIN, which ends what x takes. */
static bool has_octet_twice(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;

    return s->sack_count > 0 && s->sack[0].right == s->ack && s->sack[0].left == s->ack - 1 && j->y->has_smax &&
           s->ack == j->y->smax && s->ack == j->y->text_end && j->y->last_sent_ns == j->y->text_ns;
}

/* Does it echo a timestamp of y that nothing captured of y carries? Then x has received what nobody has captured, of y or
 * of somebody else: a FIN, perhaps. */
static bool echoes_none_captured(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_path *y = j->y_path;
    bool has_older = false;

    if (j->rst || j->syn || s->tsecr == 0 || !j->y->captured || !capture_timestamps_agreed(j))
        return false;
    for (unsigned i = 0; i < y->tick_count; i++) {
        if (y->ticks[i].tsval == s->tsecr)
            return false;
        has_older = has_older || seq_before(y->ticks[i].tsval, s->tsecr);
    }
    return has_older;
}

/* Does it echo a tick of y's clock in which y had sent something else before its last octet? */
static bool echoes_before_octet(const struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_path *path = j->y_path;

    for (unsigned i = 0; i < path->tick_count; i++)
        if (path->ticks[i].tsval == j->segment->tsecr)
            return y->has_smax && y->smax == j->x->acked && y->text_end == y->smax &&
                   path->ticks[i].time_ns < y->text_ns;
    return false;
}

/* x has acknowledged one number of which nobody knows that it was all of a segment: y's octet, or a FIN in its name that was
 * not captured. Timestamps tell which it was, if they differ. */
static bool counts_what_a_fin_would(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    if (x->acks_one_of_more)
        return true;
    return x->acked == x->acked_before + 1 && seq_after(x->acked_before, j->y->iss) &&
           (!capture_timestamps_agreed(j) || echoes_before_octet(j));
}

/* Where both have opened it: is it no answer, in SYN-RECEIVED, to another copy of y's SYN (RFC 9293 3.10.7.4)? It echoes
 * what y sent later. */
static bool echoes_synack(const struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;

    return j->x->sent_syn && y->sent_synack && capture_timestamps_agreed(j) && y->first_syn_tsval != y->synack_tsval &&
           seq_at_least(j->segment->tsecr, y->synack_tsval);
}

/* The capture has a SYN,ACK of x, but no SYN that it answers. It may be somebody else's, with a number just taken for x's FIN:
 * only text that follows it shows that x has not closed. */
static bool may_follow_a_fin(const struct tcpstate_endpoint *x, const struct tcpstate_endpoint *y) {
    return x->sent_synack && !y->sent_syn && !(x->has_smax && seq_after(x->smax, x->iss + 1));
}

/* May `state`, shown by a transmission of its owner, be called proved? Some states look alike from outside. */
static bool transmission_proves(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (j->copy || j->stale || j->bad_checksum || j->alien)
        return false;
    if (x->maybe_fin || y->maybe_fin || (y->has_fin && y->fin_acked_before))
        return false;
    if (j->syn) {
        enum tcpstate_state shown = (enum tcpstate_state)(j->has_shown ? j->shown : x->state);
        if ((j->conversation->has_previous || x->heard || y->heard) && !(j->segment->options & TCPSTATE_OPT_MSS))
            return false; /* the stacks send it always; who forges often does not */
        if (!j->ack)
            return shown == TCPSTATE_SYN_SENT;
        if (x->has_seen_fin)
            return false; /* with Fast Open a FIN may come before the first SYN,ACK that was captured */
        return shown == TCPSTATE_SYN_RECEIVED || (j->fin && shown == TCPSTATE_FIN_WAIT_1);
    }
    if (j->rst)
        return !j->rst_reply && x->state == TCPSTATE_CLOSED && x->undo.cause == TCPSTATE_UNDO_RST_SENT &&
               x->undo.frame == j->segment->frame && x->spoke && j->ack && !j->connection->disputed &&
               ((j->segment->options & TCPSTATE_OPT_TIMESTAMPS) || !capture_timestamps_agreed(j));
    if (!j->ack || j->ack_unsent || has_octet_twice(j) || x->took_unseen)
        return false;
    if (!y->captured || (y->has_smax && seq_after(j->segment->ack, y->smax)))
        return false; /* nobody knows what y has sent */
    if (j->pure_ack && x->has_smax && seq_after(j->segment->seq, x->smax))
        return false; /* nor x: its FIN, perhaps, for nothing follows that */
    switch ((enum tcpstate_state)(j->has_shown ? j->shown : x->state)) {
    case TCPSTATE_ESTABLISHED:
        return !j->has_shown && x->spoke && !x->has_fin && !j->connection->end_seen && !j->connection->disputed &&
               x->has_iss && !x->fast_open && y->captured && !counts_what_a_fin_would(j) && !may_follow_a_fin(x, y) &&
               !may_follow_a_fin(y, x) &&
               (j->segment->length > 0 || !x->sent_synack || echoes_synack(j) ||
                (y->has_iss && seq_after(x->acked, y->iss + 1))); /* data is taken in ESTABLISHED only */
    case TCPSTATE_FIN_WAIT_1:
        return !j->connection->disputed && j->fin && !x->fin_acked && x->has_iss && !x->fin_leaves_hole &&
               !(y->has_fin && seq_after(j->segment->ack, y->fin));
    case TCPSTATE_CLOSE_WAIT:
        return !j->connection->disputed && !j->has_shown && x->has_iss && !x->has_fin && j->fin_ack_first &&
               y->fin_frame != 0;
    case TCPSTATE_LAST_ACK:
        /* An earlier copy of this FIN may have been lost before the capture point, and have crossed y's: only an own
         * ACK of y's FIN without a FIN shows that it had not closed before. */
        return !j->connection->disputed && !j->has_shown && j->first_fin && x->has_iss && y->has_fin &&
               seq_after(j->segment->ack, y->fin) && x->has_pure && seq_after(x->pure_ack, y->fin) &&
               x->pure_seq == x->fin;
    case TCPSTATE_TIME_WAIT:
        return !j->connection->disputed && !j->has_shown && j->fin_ack_first && x->has_fin && x->has_iss &&
               y->fin_frame != 0 && seq_after(y->fin_ack, x->fin) && x->fin_frame != 0;
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_CLOSED:
    case TCPSTATE_LISTEN:
    case TCPSTATE_SYN_SENT:
    case TCPSTATE_SYN_RECEIVED:
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_CLOSING:
    case TCPSTATE_STATES: return false;
    }
    return false;
}

/* What makes transmissions less of a proof from now on: the end of the connection was spoken of, or somebody else has
 * perhaps spoken in an endpoint's name. */
static void note_doubts(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    bool no_end_sends_it = j->alien || (!j->ack && !j->syn && !j->rst);

    for (unsigned i = 0; i < j->segment->sack_count && j->y->captured && j->y->has_iss; i++)
        if (seq_after(j->segment->sack[i].right, j->y->smax))
            c->disputed = true; /* x has received what y was not seen to send */

    c->end_seen = c->end_seen || j->fin || j->rst;
    c->disputed = c->disputed || no_end_sends_it || j->numberless || j->ack_unsent || j->revived || j->candidate ||
                  has_octet_twice(j) || (j->fin && !j->x->has_fin) || (j->rst && !j->rst_accepted);
    j->conversation->has_intruder = j->conversation->has_intruder || no_end_sends_it;
}

/* What x has perhaps taken and nobody captured. */
static void note_taken_unseen(struct judgement *j) {
    bool echoes = echoes_none_captured(j) ||
                  (j->x->acked_index == j->index && knowledge_takes_octet_of_other(j, j->x->acked_before));

    j->report->tells_of_unseen = echoes || has_octet_twice(j);
    j->x->took_unseen = j->x->took_unseen || echoes;
}

static void grade(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct tcpstate_end_report *sender = &j->report->end[j->sender], *receiver = &j->report->end[j->receiver];
    bool fin_is_unseen = j->bridged && y->has_fin && y->fin_inferred;

    if (sender->state != TCPSTATE_UNKNOWN) {
        if (transmission_proves(j))
            sender->certainty = TCPSTATE_PROVED;
        else if (sender->certainty == TCPSTATE_PROVED)
            sender->certainty = TCPSTATE_ASSUMED;
        /* how far a close has got rests on what y has sent */
        bool rests_on_unseen =
            (!x->has_iss && !j->refuses_syn) || (!y->captured && sender->state >= TCPSTATE_FIN_WAIT_1) || fin_is_unseen;
        if (rests_on_unseen && sender->certainty > TCPSTATE_INFERRED)
            sender->certainty = TCPSTATE_INFERRED;
        if (!j->has_shown)
            x->certainty = sender->certainty;
    }
    if (receiver->state != TCPSTATE_UNKNOWN) {
        bool untouched = receiver->before == receiver->state && j->report->end[j->receiver].event_count == 0;
        if (receiver->certainty == TCPSTATE_PROVED &&
            !(untouched && receiver->state == TCPSTATE_ESTABLISHED && !j->connection->disputed &&
              !j->conversation->has_intruder && !j->rst && !j->syn && !j->fin && !x->has_fin && !x->has_wire_fin &&
              !x->maybe_fin && (!y->maybe_fin || y->maybe_own)))
            receiver->certainty = TCPSTATE_ASSUMED;
        bool rests_on_unseen = (y->iss_inferred ? !y->captured : !y->has_iss && !j->syn) || fin_is_unseen;
        if (rests_on_unseen && receiver->certainty > TCPSTATE_INFERRED)
            receiver->certainty = TCPSTATE_INFERRED;
        y->certainty = receiver->certainty;
    }
}

static void note_place(struct tcpstate_conversation *conversation, const struct tcpstate_segment *segment) {
    struct tcpstate_path *path = &conversation->path[segment->direction];

    if (path->has_place && path->place != segment->place)
        conversation->has_places = true;
    path->has_place = true;
    path->place = segment->place;
}

void tcpstate_segment(struct tcpstate_conversation *conversation, const struct tcpstate_settings *settings,
                      const struct tcpstate_segment *segment, struct tcpstate_report *report) {
    struct judgement j = {.conversation = conversation,
                          .settings = settings,
                          .segment = segment,
                          .report = report,
                          .index = conversation->index};
    enum incarnation incarnation;
    uint8_t copy_state = TCPSTATE_UNKNOWN, copy_certainty = TCPSTATE_NOTHING_TELLS;

    assert(segment->direction <= 1 && segment->sack_count <= 4);
    memset(report, 0, sizeof *report);
    read_header(&j);
    note_place(conversation, segment);
    if (segment->time_ns < conversation->last_ns - (int64_t)CLOCK_JUMP_MS * MS)
        conversation->clock_jumped = true;
    incarnation_bind(&j);
    note_before(&j);
    if (conversation->current.exists && !conversation->current.self) {
        j.copy = capture_is_copy(&j, &copy_state, &copy_certainty);
        if (!j.copy)
            let_time_pass(&j);
    }
    j.bad_checksum = capture_checksum_is_bad(&j);
    sender_choose_synack(&j);
    incarnation = j.copy || j.bad_checksum ? (conversation->current.exists ? INCARNATION_CURRENT : INCARNATION_NEW)
                                           : incarnation_of(&j);
    j.candidate = incarnation == INCARNATION_CANDIDATE;
    if (incarnation == INCARNATION_NEW || incarnation == INCARNATION_NEW_OF_CANDIDATE) {
        uint8_t kept[2] = {report->end[0].before, report->end[1].before};
        uint8_t client = conversation->current.summary.client_direction;
        bool had_old = conversation->current.exists;
        incarnation_open(&j, incarnation);
        report->started_connection = true;
        note_before(&j);
        if (had_old && conversation->current.summary.roles != TCPSTATE_ROLES_GUESS)
            for (unsigned role = 0; role < 2; role++) /* TIME-WAIT that has just expired: net change */
                if (kept[client == conversation->current.summary.client_direction ? role : 1 - role] ==
                    TCPSTATE_TIME_WAIT)
                    report->end[role].before = TCPSTATE_TIME_WAIT;
    }
    report->connection = conversation->connections - 1;
    report->sender = (uint8_t)j.sender;
    j.receiver_had = j.y->state;
    if (j.connection->self) {
        report->sender = TCPSTATE_NO_ROLE;
        summary_note(&j);
        findings_judge(&j);
        conversation->index++;
        return;
    }
    j.alien =
        !j.copy && !j.candidate && (hindsight_says(&j, j.index, TCPSTATE_VERDICT_NOT_SENT) || capture_is_alien(&j));
    capture_read_clocks(&j);
    j.connection->empty = j.bad_checksum && (report->started_connection || j.connection->empty);
    if (report->started_connection && hindsight_says(&j, j.index, TCPSTATE_VERDICT_MIDSTREAM))
        establish_both(&j);
    if (j.bad_checksum) {
        settle_report(&j);
    } else {
        if (!j.connection->picked_up && j.connection->summary.roles == TCPSTATE_ROLES_GUESS && !j.alien && !j.copy)
            pick_up(&j);
        if (!j.copy && !j.candidate && !hindsight_says(&j, j.index, TCPSTATE_VERDICT_NOT_SENT))
            midstream_note(&j);
        deny_lone_end(&j);
        judge_unsent_ack(&j);
        resolve_unknown(&j);
        if (j.candidate) {
            incarnation_note_candidate(&j);
            if (conversation->candidate.genuine) /* figure 9 line 3 */
                engine_show(&j, TCPSTATE_SYN_SENT);
        } else if (!j.copy) {
            sender_judge(&j);
        }
        capture_note_ip_id(&j);
        receiver_judge(&j);
        settle_report(&j);
        if (j.copy) {
            report->end[j.sender].state = report->end[j.sender].before = copy_state;
            report->end[j.sender].certainty = copy_certainty;
        }
        note_taken_unseen(&j);
        grade(&j);
        note_doubts(&j);
        show_genuine_opener(&j);
        if (j.rst_accepted && !j.rst_reply && !j.connection->closed) {
            j.connection->phase_reset = true;
            j.connection->rst_ns = segment->time_ns;
        }
        if (!j.copy && j.connection->end[j.sender].state == TCPSTATE_TIME_WAIT)
            j.connection->time_wait_ns = segment->time_ns;
        if (j.connection->end[j.receiver].state == TCPSTATE_TIME_WAIT && j.receiver_had != TCPSTATE_TIME_WAIT)
            j.connection->time_wait_ns = segment->time_ns;
        if (conversation->candidate.pending && !j.candidate && j.ordinary && j.ack &&
            segment->direction != conversation->candidate.direction && !conversation->candidate.challenged) {
            conversation->candidate.challenged = true;
            conversation->candidate.challenge_ack = segment->ack;
            conversation->candidate.challenged_purely = j.pure_ack;
        } else if (conversation->candidate.pending && !j.candidate && j.ordinary &&
                   segment->direction == conversation->candidate.direction && !j.stale) {
            conversation->candidate.pending = false; /* the old connection goes on, */
            conversation->candidate.may_be_refused = !j.connection->end[j.receiver].captured; /* at this end */
        }
    }
    for (unsigned role = 0; role < 2; role++) /* ... or somebody else's segment has moved it */
        report->uncertain = report->uncertain || report->end[role].certainty == TCPSTATE_NOTHING_TELLS ||
                            (j.alien && report->end[role].before != report->end[role].state);
    report->acceptable = (uint8_t)j.acceptable;
    report->phase = (uint8_t)phase_of(&j);
    summary_note(&j);
    findings_judge(&j);
    if (!j.copy)
        capture_remember(&j, report->end[j.sender].state, report->end[j.sender].certainty);
    conversation->last_ns = segment->time_ns;
    conversation->index++;
}
