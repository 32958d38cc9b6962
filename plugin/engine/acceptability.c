/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Would the receiver accept this segment (RFC 9293 3.10.7.4 first, second; RFC 5961 3; RFC 7323 5.3), and what must it
 * have received?
 *
 * RCV.NXT of a receiver is known to lie between what it has acknowledged and the end of all that was captured for it
 * without a hole. Of each sender the runs of octets that were captured and not yet acknowledged are kept; a run that the
 * receiver is shown to lack is marked lost, and RCV.NXT is what the rest reaches.
 */
#include "judgement.h"
#include "segment.h"

#include <string.h>

enum {
    SCALE_UNKNOWN = 14,       /* RFC 7323 2.3: the largest shift: nothing is surely outside */
    LONG_DELAY_NS = 100000000 /* what is longer under way was lost */
};

/* The window of this segment in octets. `*known`: its scale is known. A SYN is never scaled. */
uint32_t unscaled_window(const struct judgement *j, bool *known) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    *known = true;
    if (j->syn)
        return j->segment->window;
    if (x->has_iss && !x->iss_inferred && y->has_iss && !y->iss_inferred && !x->scale_is_cut && !y->scale_is_cut)
        return (uint32_t)j->segment->window << (x->has_shift && y->has_shift ? x->shift : 0);
    *known = false;
    if ((x->sent_syn || x->sent_synack) && !x->scale_is_cut) /* ... or less, if y announced none */
        return (uint32_t)j->segment->window << (x->has_shift ? x->shift : 0);
    return (uint32_t)j->segment->window << SCALE_UNKNOWN;
}

/* Sequence number and window, by table 6 of the RFC and by Linux's looser test; only what fails both is surely not. */
enum tcpstate_answer acceptable_segment(const struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    uint32_t low;

    if (!y->has_rnxt)
        return TCPSTATE_CANNOT_TELL;
    low = y->has_acked && seq_before(y->acked, y->rnxt) ? y->acked : y->rnxt;
    if (seq_before(j->end, low))
        return TCPSTATE_SURELY_NOT;
    if (y->has_redge && seq_after(j->segment->seq, y->redge) && seq_after(j->segment->seq, y->rnxt))
        return TCPSTATE_SURELY_NOT;
    return TCPSTATE_YES;
}

/* PAWS. Linux lets a timestamp pass that is one tick too old, and an older one on a pure ACK that repeats what is known. */
bool acceptable_by_timestamp(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;

    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || !j->y->has_ts_recent || j->rst)
        return true;
    if (!seq_before(s->tsval + 1, j->y->ts_recent))
        return true;
    return j->pure_ack && j->y->has_rnxt && s->seq == j->y->rnxt && j->y->has_una && s->ack == j->y->una;
}

/* A RST counts only at exactly RCV.NXT (RFC 9293 3.10.7.4 second). Linux also takes the right edge of the last run
 * behind a hole, and RCV.NXT-1 after a FIN was received (macOS sends that). */
bool acceptable_rst(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t seq = j->segment->seq;
    uint32_t highest = 0;
    bool hole = false;

    if (!y->has_rnxt)
        return true;
    if (y->state == TCPSTATE_TIME_WAIT && y->spares_time_wait)
        return false; /* RFC 1337 fix F1, as it has shown */
    /* Linux checks the timestamp of every segment to an embryonic connection, resets too; RFC 7323 5.2 spares them. */
    if (y->state == TCPSTATE_SYN_RECEIVED && !y->active_open && y->has_ts_recent &&
        (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && seq_before(j->segment->tsval, y->ts_recent))
        return false;
    if (seq == y->rnxt || hindsight_says(j, j->index, TCPSTATE_VERDICT_TAKEN))
        return true;
    bool awaits_fin =
        x->has_fin && !y->peer_fin_taken && y->rnxt == x->fin + 1; /* ... where that is RCV.NXT until it comes */
    if ((y->state == TCPSTATE_CLOSE_WAIT || y->state == TCPSTATE_LAST_ACK || y->state == TCPSTATE_CLOSING ||
         awaits_fin) &&
        seq + 1 == y->rnxt)
        return true;
    if (!(x->syn_options & y->syn_options & TCPSTATE_OPT_SACK_PERMITTED) && !y->sacks)
        return false;
    for (unsigned i = 0; i < x->range_count; i++) {
        const struct tcpstate_range *range = &x->ranges[i];
        if (range->lost || !seq_after(range->left, y->rnxt))
            continue;
        if (!hole || seq_after(range->right, highest))
            highest = range->right;
        hole = true;
    }
    return hole && seq == highest;
}

/* ---- runs of octets ------------------------------------------------------------------------------------------- */

static void ranges_remove(struct tcpstate_endpoint *x, unsigned i) {
    x->range_count--;
    memmove(&x->ranges[i], &x->ranges[i + 1], (x->range_count - i) * sizeof x->ranges[0]);
}

/* Full: join the first two neighbours that are alike, else forget the first. Joining loses only how early the first of
 * them was sent, and where it ended. */
static void ranges_make_room(struct tcpstate_endpoint *x) {
    for (unsigned i = 0; i + 1 < x->range_count; i++) {
        struct tcpstate_range *a = &x->ranges[i], *b = &x->ranges[i + 1];
        if (a->right == b->left && a->lost == b->lost && a->sacked == b->sacked && !a->fin) {
            b->left = a->left;
            b->joined = true;
            if (a->time_ns > b->time_ns)
                b->time_ns = a->time_ns;
            ranges_remove(x, i);
            return;
        }
    }
    ranges_remove(x, 0);
}

static void ranges_insert(struct tcpstate_endpoint *x, const struct tcpstate_range *fresh) {
    unsigned at;

    if (x->range_count == TCPSTATE_RANGES)
        ranges_make_room(x);
    for (at = 0; at < x->range_count && seq_at_most(x->ranges[at].left, fresh->left); at++)
        ;
    memmove(&x->ranges[at + 1], &x->ranges[at], (x->range_count - at) * sizeof x->ranges[0]);
    x->ranges[at] = *fresh;
    x->range_count++;
}

void ranges_add(struct tcpstate_endpoint *x, uint32_t left, uint32_t right, const struct judgement *j) {
    struct tcpstate_range fresh = {.left = left,
                                   .right = right,
                                   .frame = j->segment->frame,
                                   .index = j->index,
                                   .tsval = j->segment->tsval,
                                   .time_ns = j->segment->time_ns,
                                   .copies = 1,
                                   .fin = j->fin};

    for (unsigned i = 0; i < x->range_count;) { /* an older copy gives way */
        struct tcpstate_range *old = &x->ranges[i];
        if (seq_at_least(old->left, left) && seq_at_most(old->right, right)) {
            fresh.sacked |= old->sacked;
            fresh.copies = (uint8_t)(old->copies + (j->copy || old->copies == 255 ? 0 : 1));
            ranges_remove(x, i);
        } else {
            fresh.sacked |= old->sacked && seq_at_most(old->left, left) && seq_at_least(old->right, right);
            i++;
        }
    }
    ranges_insert(x, &fresh);
}

/* What x had sent before the capture began, and y did not have yet: no frame can be blamed for it. */
void ranges_add_unseen(struct tcpstate_endpoint *x, uint32_t left, uint32_t right, int64_t time_ns) {
    struct tcpstate_range fresh = {.left = left, .right = right, .time_ns = time_ns, .copies = 1};

    ranges_insert(x, &fresh);
}

void ranges_drop_acknowledged(struct tcpstate_endpoint *x, uint32_t acked) {
    for (unsigned i = 0; i < x->range_count;)
        if (seq_at_most(x->ranges[i].right, acked))
            ranges_remove(x, i);
        else
            i++;
}

/* A FIN counts only when its own run is the next one: a run that reaches past it has taken its place in the queue. */
uint32_t ranges_reach(const struct tcpstate_endpoint *sender, const struct tcpstate_endpoint *receiver, bool *fin) {
    uint32_t reach = receiver->acked;

    if (fin != NULL)
        *fin = false;

    for (unsigned i = 0; i < sender->range_count; i++) { /* sorted by left */
        const struct tcpstate_range *range = &sender->ranges[i];
        if (range->lost || seq_after(range->left, reach) || !seq_after(range->right, reach))
            continue;
        reach = range->right;
        if (range->fin) {
            if (fin != NULL)
                *fin = true;
            break;
        }
    }
    if (receiver->peer_fin_taken && sender->has_wire_fin && seq_after(reach, sender->wire_fin + 1))
        reach = seq_max(receiver->acked, sender->wire_fin + 1); /* nothing is taken after a FIN */
    return reach;
}

/* RFC 5961 5.2, with Linux's lower bound: nothing was ever sent before the SYN. */
bool acceptable_old_ack(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t behind, sent;

    if (!j->ack || !y->has_una || !seq_before(j->segment->ack, y->una))
        return true;
    behind = y->una - j->segment->ack;
    sent = y->has_iss ? y->una - (y->iss + 1) : behind;
    return behind <= (x->has_redge && x->max_window < sent ? x->max_window : sent);
}

/* RFC 9293 3.10.7.1: where there is no connection, a segment without ACK is answered by
 * <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. */
bool answers_without_connection(const struct judgement *j) {
    return j->rst && j->ack && j->segment->seq == 0 && j->x_path->bare.is && j->segment->ack == j->x_path->bare.end;
}

/* What was captured then has reached x, even if it was long under way, and x has said something else since: it was not
 * gone. */
static bool has_spoken_since(const struct judgement *j, int64_t time_ns) {
    return capture_leg_ns(j->x_path) >= 0 && j->x->last_sent_ns > time_ns + j->tolerance_ns + LONG_DELAY_NS;
}

bool rst_is_elsewhere(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return x->has_smax && !numbers_near(j->segment->seq, x->smax) && !segment_is_refusal(j->segment);
}

/* A RST that x may have sent: SEG.SEQ is SND.NXT, or something in flight, or the ACK number of a segment that it
 * answers, or the edge of the window. Anything else came from somebody who guessed. */
bool plausible_rst(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t seq = j->segment->seq;

    if (answers_without_connection(j))
        return true;
    if (x->state == TCPSTATE_SYN_RECEIVED && !x->sent_synack && !x->sent_syn && y->has_iss) { /* it answers the SYN */
        if (j->ack)
            return seq_within(j->segment->ack, y->iss + 1, y->smax);
        for (unsigned i = 0; i < j->x_path->ack_count; i++)
            if (j->x_path->acks[i].ack == seq)
                return true;
        return false;
    }
    if (x->state == TCPSTATE_SYN_SENT && x->has_iss && x->has_smax && j->ack && seq != 0 &&
        !seq_within(seq, x->iss, x->smax))
        return false; /* it has no other number yet, RFC 9293 3.10.5 */
    bool is_elsewhere = (x->state == TCPSTATE_UNKNOWN || (!x->captured && y->spoke)) && rst_is_elsewhere(j);
    if ((!x->captured && !is_elsewhere) || !x->has_smax ||
        (!state_is_synchronized((enum tcpstate_state)x->state) && x->state != TCPSTATE_SYN_RECEIVED && !is_elsewhere))
        return true;
    if (!y->captured && !x->has_iss && !j->ack && seq_within(seq, x->smax - (1u << 20), x->smax))
        return true; /* mid-stream: it may answer what y had sent before the capture began */
    if (seq_within(seq,
                   x->has_una && x->spoke ? x->una - 1
                   : x->has_iss           ? x->iss + 1
                                          : x->smax,
                   x->smax) ||
        (y->has_edge && seq == y->redge))
        return true;
    if (j->ack && (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && x->has_acked &&
        j->segment->ack == x->acked && seq_after(j->segment->tsval, x->ts_newest) && seq_after(seq, x->smax))
        return true; /* a fresh timestamp: what x sent before it was not captured */
    if (j->ack && x->has_pure && seq == x->pure_seq && x->has_acked && seq_within(j->segment->ack, x->acked, y->smax) &&
        !(x->sent_ts && (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && seq_before(j->segment->tsval, x->ts_newest)))
        return true; /* SND.NXT, as x has said it itself */
    if (!y->captured && j->segment->window == 0 && (!j->ack || seq == 0))
        return true; /* it answers what was not captured, as a stack does: 3.10.7.1, without a window */
    if (!j->ack)
        for (unsigned i = 0; i < j->x_path->ack_count; i++)
            if (j->x_path->acks[i].ack == seq && !has_spoken_since(j, j->x_path->acks[i].time_ns))
                return true;
    return false;
}
