/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What x has received, by its own word: every segment of x carries its RCV.NXT, and SACK what lies beyond. What was
 * captured for x and is in neither is lost, if x sent this late enough. The peer's FIN is known by the same numbers; where
 * nothing of the peer is captured, they are the only witness of it.
 */
#include "judgement.h"

/* ---- acknowledgements: what x must have and what it lacks ------------------------------------------------------ */

static bool is_duplicate_sack(const struct tcpstate_segment *s) {
    return s->sack_count > 0 && (seq_at_most(s->sack[0].right, s->ack) ||
                                 (s->sack_count > 1 && seq_at_least(s->sack[0].left, s->sack[1].left) &&
                                  seq_at_most(s->sack[0].right, s->sack[1].right))); /* RFC 2883 */
}

static void note_sacked(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *y = j->y;

    for (unsigned b = is_duplicate_sack(s) ? 1 : 0; b < s->sack_count; b++)
        for (unsigned i = 0; i < y->range_count; i++) {
            struct tcpstate_range *range = &y->ranges[i];
            if (!seq_at_least(range->left, s->sack[b].left) || !seq_at_most(range->right, s->sack[b].right))
                continue;
            if (range->lost && range->copies < 2)
                hindsight_note(j, range->index, range->frame, TCPSTATE_VERDICT_NOT_LOST);
            if (b == 0 && !range->sacked && range->time_ns > j->newest_sacked_ns)
                j->newest_sacked_ns = range->time_ns;
            range->sacked = true;
            range->lost = false;
        }
}

/* What x reports in one block with what was captured of y has arrived too, though it was not captured. */
static void note_sacked_unseen(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *y = j->y;

    for (unsigned b = is_duplicate_sack(s) ? 1 : 0; b < s->sack_count; b++) {
        uint32_t reach = s->sack[b].left;
        for (unsigned i = 0; i < y->range_count; i++) { /* sorted by left */
            struct tcpstate_range range = y->ranges[i];
            if (range.lost || !seq_after(range.right, reach) || seq_after(range.right, s->sack[b].right))
                continue;
            if (seq_after(range.left, reach)) {
                ranges_add_unseen(y, reach, range.left, j->segment->time_ns);
                break;
            }
            reach = range.right;
        }
    }
}

/* Every segment of x carries its RCV.NXT. What was captured for x above it, is in no SACK block and should have arrived
 * by now, is lost. The first SACK block holds the newest arrival (RFC 2018 4): what was captured before that is lost. So
 * is what was captured before the RST that a challenge ACK (RFC 5961 3.2) answers. */
static void note_lost(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    int64_t reference_ns = j->emitted_ns - j->tolerance_ns;
    bool sacks = s->sack_count > 0 && !is_duplicate_sack(s);
    bool may_sack = x->sacks || (x->syn_options & y->syn_options & TCPSTATE_OPT_SACK_PERMITTED);
    uint32_t reach = s->ack;

    if (j->challenged_ns > reference_ns)
        reference_ns = j->challenged_ns;
    if (!seq_before(s->ack, x->rnxt) && !sacks)
        reference_ns = INT64_MIN;
    if (j->newest_acked_ns - REORDERED_NS > reference_ns) /* x has what was captured then, and not what was before */
        reference_ns = j->newest_acked_ns - REORDERED_NS;
    for (unsigned i = 0; i < y->range_count && !x->heard; i++) /* it took the SYN, and not what came with it */
        if (y->sent_synack && y->ranges[i].index == y->first_synack_index && y->ranges[i].left == s->ack &&
            !y->ranges[i].lost) {
            y->ranges[i].lost = true;
            hindsight_note(j, y->ranges[i].index, y->ranges[i].frame, TCPSTATE_VERDICT_NOT_TAKEN);
        }
    if (j->newest_sacked_ns > reference_ns)
        reference_ns = j->newest_sacked_ns;
    for (unsigned i = 0; i < y->range_count; i++) {
        struct tcpstate_range *range = &y->ranges[i];
        bool behind_hole = seq_after(range->left, reach); /* of that no ACK can tell without SACK */
        if (!behind_hole)
            reach = seq_max(reach, range->right);
        if (range->lost || range->sacked || !seq_after(range->right, s->ack) || range->time_ns >= reference_ns)
            continue;
        if (hindsight_says(j, range->index, TCPSTATE_VERDICT_NOT_LOST) || (behind_hole && !may_sack))
            continue;
        range->lost = true;
        if (x->has_ts_recent && range->index == x->ts_recent_index && range->tsval == x->ts_recent)
            x->ts_recent = x->ts_recent_before; /* nor did x take its timestamp, RFC 7323 4.3 */
        hindsight_note(j, range->index, range->frame, TCPSTATE_VERDICT_NOT_TAKEN);
    }
}

/* Without SACK: an ACK that only repeats the one before answers a segment that came out of order, so what was captured at
 * that number before the first of them has not arrived (RFC 5681 3.2, 4.2). Two of them, as one may cross. */
static void note_lost_by_duplicates(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool repeats = x->has_repeated_ack && j->pure_ack && s->ack == x->repeated_ack && s->window == x->repeated_window;

    if (!repeats) {
        x->has_repeated_ack = j->pure_ack && s->sack_count == 0;
        x->repeated_ack = s->ack;
        x->repeated_window = s->window;
        x->repeated_acks = 0;
        x->repeated_ns = s->time_ns;
        return;
    }
    if (x->repeated_acks < 2)
        x->repeated_acks++;
    if (x->repeated_acks < 2 || (x->syn_options & y->syn_options & TCPSTATE_OPT_SACK_PERMITTED))
        return;
    for (unsigned i = 0; i < y->range_count; i++) {
        struct tcpstate_range *range = &y->ranges[i];
        if (range->left != s->ack || range->lost || range->time_ns >= x->repeated_ns ||
            hindsight_says(j, range->index, TCPSTATE_VERDICT_NOT_LOST))
            continue;
        range->lost = true;
        hindsight_note(j, range->index, range->frame, TCPSTATE_VERDICT_NOT_TAKEN);
    }
}

/* The first words of a server acknowledge data that the client had to send again, and echo the repetition: everything
 * before it was ignored, or the data would have been acknowledged within half a second (RFC 9293 3.8.6.3). */
static void judge_what_established(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    for (unsigned i = 0; i < y->range_count; i++) {
        const struct tcpstate_range *range = &y->ranges[i];
        if (range->copies >= 2 && seq_at_most(range->right, s->ack) && range->tsval == s->tsecr)
            hindsight_note_established(j, x->first_synack_index, range->index, range->frame);
    }
}

/* The echo tells TS.Recent of x (RFC 7323 4.3). It has gone past the segment whose timestamp it is thought to echo, and
 * echoes an older one: something else had filled its place, and when it arrives it is an old copy. Or it echoes, twice, a
 * newer one than was captured: whoever sent that, x has taken it. */
static void rebase_echo(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x;

    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || s->tsecr == 0 || !x->has_ts_recent || j->stale)
        return;
    if (seq_after(s->ack, x->ts_recent_seq) && seq_before(s->tsecr, x->ts_recent))
        x->ts_recent = s->tsecr;
    if (x->newest_tsecr == s->tsecr && seq_after(s->tsecr, x->ts_recent))
        x->ts_recent = s->tsecr;
    x->newest_tsecr = s->tsecr;
}

/* Takes the ACK and SACK of x for what they say about what x has received. */
/* Text of y, captured after the FIN, ends with the FIN's number: the run before the FIN is filled by more than it waits for,
 * and what lies behind is nothing new any more (RFC 9293 3.10.7.4, eighth: segments are processed in order). */
static bool has_text_instead(const struct tcpstate_endpoint *y) {
    return y->has_seen_text && y->has_seen_fin && y->seen_text == y->seen_fin + 1 &&
           y->seen_text_index > y->seen_fin_index;
}

static bool is_one_into_a_run(const struct tcpstate_endpoint *y, uint32_t number) {
    for (unsigned i = 0; i < y->range_count; i++)
        if (y->ranges[i].left == number - 1 && seq_after(y->ranges[i].right, number))
            return true;
    return false;
}

void knowledge_rebase(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (!y->captured && y->state == TCPSTATE_CLOSED && y->undo.cause == TCPSTATE_UNDO_RST_TAKEN && x->has_acked &&
        seq_after(s->ack, x->acked) &&
        j->emitted_ns > y->undo.time_ns + j->tolerance_ns) { /* y is not seen, but it has gone on sending */
        hindsight_note(j, y->undo.index, y->undo.frame, TCPSTATE_VERDICT_NOT_TAKEN);
        engine_restore(j, j->receiver, (enum tcpstate_state)y->undo.state, TCPSTATE_INFERRED);
        y->undo.cause = TCPSTATE_UNDO_NONE;
    }
    if (!x->heard && !x->has_iss && x->has_acked && seq_before(s->ack, x->acked)) {
        /* mid-stream: its first own word outweighs the guess */
        bool is_refused = (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr != 0 && !y->sent_ts; /* RFC 7323 3.2 */
        if (!is_refused)
            ranges_add_unseen(y, s->ack, x->acked, j->connection->summary.first_ns - 1);
        x->acked = s->ack;
    } else if (!x->has_acked || seq_after(s->ack, x->acked)) {
        if (x->has_acked) {
            x->acked_frame = s->frame;
            x->acked_index = j->index;
            x->acked_ns = s->time_ns;
            x->acked_before = x->acked;
            x->acks_one_of_more = is_one_into_a_run(y, s->ack);
            x->acks_alike = 0;
        }
        x->acked = s->ack;
        x->has_acked = true;
    }
    for (unsigned i = 0; i < y->range_count; i++)
        if (y->ranges[i].lost && y->ranges[i].copies < 2 && seq_at_most(y->ranges[i].right, s->ack))
            hindsight_note(j, y->ranges[i].index, y->ranges[i].frame, TCPSTATE_VERDICT_NOT_LOST);
    for (unsigned i = 0; i < y->range_count; i++)
        if (y->ranges[i].copies == 1 && seq_at_most(y->ranges[i].right, s->ack) &&
            y->ranges[i].time_ns > j->newest_acked_ns)
            j->newest_acked_ns = y->ranges[i].time_ns;
    rebase_echo(j);
    if (x->sent_synack && !x->heard && (s->options & TCPSTATE_OPT_TIMESTAMPS))
        judge_what_established(j);
    for (unsigned i = 0; i < y->range_count; i++)
        if (y->ranges[i].fin && y->ranges[i].right == s->ack && !y->has_wire_fin &&
            !has_text_instead(y)) { /* it has taken this FIN */
            y->has_wire_fin = true;
            y->wire_fin = s->ack - 1;
            y->wire_fin_frame = y->ranges[i].frame;
            y->wire_fin_index = y->ranges[i].index;
        }
    note_sacked(j);
    if (y->has_fin && !y->fin_inferred)
        note_sacked_unseen(j);
    if (x->has_rnxt) {
        note_lost(j);
        note_lost_by_duplicates(j);
    }
    ranges_drop_acknowledged(y, x->acked);
    x->rnxt = ranges_reach(y, x, NULL);
    x->has_rnxt = true;
    if (!y->captured) { /* the ACK is the only witness of what y sent */
        y->smax = y->has_smax ? seq_max(y->smax, s->ack) : s->ack;
        y->has_smax = true;
    }
}

/* ---- the peer's FIN ------------------------------------------------------------------------------------------- */

/* The FIN of `end` was never sent by it: back to where it was. */
void knowledge_forget_fin(struct judgement *j, struct tcpstate_endpoint *end, enum tcpstate_role role,
                          enum tcpstate_certainty certainty) {
    hindsight_note(j, end->fin_index, end->fin_frame, TCPSTATE_VERDICT_NOT_SENT);
    j->conversation->standing.kind = 0;
    end->has_fin = end->fin_inferred = end->fin_acked = end->told_step_close_ack = false;
    engine_restore(j, role, end->peer_fin_taken ? TCPSTATE_CLOSE_WAIT : TCPSTATE_ESTABLISHED, certainty);
}

/* Text in y's name was captured before its FIN, with the same number, and what x acknowledges first there echoes what is
 * older than the FIN: it has taken that octet, though it was not y's (RFC 7323 4.3). The FIN is an old number for it. */
static bool took_octet_for_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    return y->has_fin && !y->fin_inferred && !y->fin_acked && !y->fin_shadowed && y->has_seen_text &&
           y->seen_text == y->fin + 1 && y->seen_text_index < y->fin_index && s->ack == y->fin + 1 &&
           x->acked_index == j->index && x->acked_before == y->fin && (s->options & TCPSTATE_OPT_TIMESTAMPS) &&
           capture_timestamps_agreed(j) && seq_before(s->tsecr, y->fin_tsval);
}

/* x acknowledges the number of y's FIN, and keeps what lies farther on. After a FIN there is nothing: it has taken text
 * there, though none of y was captured. (Only the ACK of a FIN that comes after its own may still tell of it: Linux.) */
static bool keeps_text_beyond_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (!y->has_fin || y->fin_inferred || s->ack != y->fin + 1 || j->stale ||
        (x->has_fin && x->state != TCPSTATE_LAST_ACK))
        return false;
    for (unsigned b = is_duplicate_sack(s) ? 1 : 0; b < s->sack_count; b++)
        if (seq_after(s->sack[b].left, s->ack))
            return true;
    return false;
}

/* x is the first to acknowledge the FIN of y, with this segment. */
void knowledge_note_fin_ack(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x;
    struct tcpstate_endpoint *y = j->y;

    y->fin_ack_frame = s->frame;
    y->fin_ack_index = j->index;
    y->fin_ack_ns = s->time_ns;
    y->fin_ack_tsval = s->tsval;
    y->fin_ack_tells = (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsval != 0 &&
                       (!x->sent_ts || x->ts_newest != s->tsval || x->ts_newest_ns == s->time_ns) &&
                       (!x->sent_ts || seq_at_least(s->tsval, x->ts_newest));
}

/* x echoes the timestamp of the segment that acknowledged its FIN, the first of y with that: it has it (RFC 7323 4.3). */
bool knowledge_echoes_fin_ack(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x;

    return x->fin_acked && x->fin_ack_tells && (s->options & TCPSTATE_OPT_TIMESTAMPS) && capture_timestamps_agreed(j) &&
           seq_at_least(s->tsecr, x->fin_ack_tsval);
}

void knowledge_of_peer_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (!y->has_wire_fin && y->has_seen_fin && j->segment->ack == y->seen_fin + 1 &&
        (j->echoes_seen_fin || (seq_after(j->segment->ack, y->smax) && !has_text_instead(y))) &&
        !(y->has_fin && y->fin == y->seen_fin)) { /* whoever sent it, x has taken it */
        y->has_wire_fin = true;
        y->wire_fin = y->seen_fin;
        y->wire_fin_frame = y->seen_fin_frame;
        y->wire_fin_index = y->seen_fin_index;
    }
    if (!y->has_fin && !y->has_wire_fin)
        return;
    if (y->has_wire_fin && seq_after(j->segment->ack, y->wire_fin + 1)) { /* text went past it: x took no FIN there */
        hindsight_note(j, y->wire_fin_index, y->wire_fin_frame, TCPSTATE_VERDICT_NOT_TAKEN);
        if (y->wire_fin_frame == 0) {
            hindsight_withdraw(j, y->maybe_index, TCPSTATE_VERDICT_TOOK_FIN);
            hindsight_note(j, y->maybe_index, y->maybe_frame, TCPSTATE_VERDICT_NO_FIN);
        }
        y->has_wire_fin = false;
        if (x->peer_fin_taken) {
            x->peer_fin_taken = false;
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_nack_fin, TCPSTATE_PROVED);
        }
    }
    if (y->has_fin && !y->fin_inferred && !y->fin_shadowed && !midstream_numbers_known(j, y) &&
        seq_after(j->segment->ack, y->fin + 1)) { /* nor did y send one */
        knowledge_forget_fin(j, y, j->receiver, TCPSTATE_INFERRED);
        if (x->state == TCPSTATE_UNKNOWN)
            engine_move(j, j->sender, TCPSTATE_EVENT_pickup, TCPSTATE_INFERRED);
    }
    if (!y->has_fin && !y->has_wire_fin)
        return;
    if (took_octet_for_fin(j) || keeps_text_beyond_fin(j)) {
        y->fin_shadowed = true;
        y->has_wire_fin = false;
        if (x->peer_fin_taken) {
            x->peer_fin_taken = false;
            hindsight_note(j, y->fin_index, y->fin_frame, TCPSTATE_VERDICT_NOT_TAKEN);
            engine_move(j, j->sender, TCPSTATE_EVENT_snd_nack_fin, TCPSTATE_ASSUMED);
        }
    }
    /* exactly: an ACK beyond a FIN covers other text in its place, x took no FIN there; nor where it took an octet */
    if (y->has_fin && y->fin_shadowed && !y->has_wire_fin)
        return;
    if (j->segment->ack == (y->has_wire_fin ? y->wire_fin : y->fin) + 1) {
        if (y->has_fin && !y->fin_acked && j->segment->ack == y->fin + 1) {
            y->fin_acked = true; /* by its peer's word; taken back if y repeats it */
            knowledge_note_fin_ack(j);
            j->fin_ack_first = true;
        }
        if (!x->peer_fin_taken) {
            x->peer_fin_taken = true;
        }
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_ack_fin,
                    y->has_wire_fin && y->wire_fin_frame == 0 ? TCPSTATE_INFERRED : TCPSTATE_PROVED);
        return;
    }
    if (!x->peer_fin_taken)
        return;
    if (!j->stale && seq_at_most(x->rnxt, y->has_wire_fin ? y->wire_fin : y->fin)) {
        x->peer_fin_taken = false; /* knowledge_rebase() has found it lost */
        y->has_wire_fin = false;
        j->fin_not_received = true;
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_nack_fin, TCPSTATE_PROVED);
        return;
    }
    engine_show(j, engine_peek(TCPSTATE_EVENT_snd_nack_fin, (enum tcpstate_state)x->state));
}

/* ---- a FIN of y that was not captured --------------------------------------------------------------------------- */

/* x acknowledges one number that y was not captured to send, or only within a longer run. If y denies it, by a SND.NXT
 * that stops short of it or by that run, and x says it again, x has taken somebody else's octet or FIN there: a FIN, if
 * no text was captured that ends so. */
static void note_maybe_fin(struct judgement *j, uint32_t number, bool denied) {
    struct tcpstate_endpoint *y = j->y;
    bool again = y->maybe_fin && y->maybe == number;

    if (hindsight_says(j, j->index, TCPSTATE_VERDICT_NO_FIN)) {
        y->has_octet = true;
        y->octet = number + 1;
    }
    if (y->has_octet && y->octet == number + 1)
        return;
    bool sacks = j->segment->sack_count > 0 && !is_duplicate_sack(j->segment);
    if (again && y->maybe_own && !sacks && !j->stale && y->maybe_beyond_ns != 0 && y->maybe_stuck < 255 &&
        j->emitted_ns - j->tolerance_ns > y->maybe_beyond_ns)
        y->maybe_stuck++;
    /* by what x echoes it has not had y's own octet either */
    bool lacks_own = y->maybe_own && (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) && y->maybe_own_tsval != 0 &&
                     seq_before(j->segment->tsecr, y->maybe_own_tsval);
    bool taken = again && !sacks && !j->stale && !y->maybe_text &&
                 ((y->maybe_denied && j->emitted_ns - j->tolerance_ns > y->maybe_denied_ns) ||
                  y->maybe_stuck >= (lacks_own ? 1 : 2));

    if (!again) {
        y->maybe_fin = true;
        y->maybe_denied = denied;
        y->maybe_denied_ns = y->maybe_beyond_ns = 0;
        y->maybe_own = false;
        y->maybe_stuck = 0;
        y->maybe_text = (y->has_seen_text && y->seen_text == number + 1) ||
                        (y->has_refused_text && y->refused_text == number + 1); /* y may have sent more just then */
        y->maybe = number;
        y->maybe_frame = j->segment->frame;
        y->maybe_index = j->index;
    }
    if (taken)
        hindsight_note(j, y->maybe_index, y->maybe_frame, TCPSTATE_VERDICT_TOOK_FIN);
    if (!taken && !hindsight_says(j, j->index, TCPSTATE_VERDICT_TOOK_FIN))
        return;
    y->has_wire_fin = true;
    y->wire_fin = number;
    y->wire_fin_frame = 0;
    y->maybe_denied = true;
    j->ack_refused |= seq_after(j->segment->ack, y->smax);
    j->bridged = true;
}

/* The FIN of x that y's ACK seemed to cover: x itself has not counted it. Whoever sent it, y has taken it. */
void knowledge_deny_inferred_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;

    hindsight_note(j, x->fin_inferred_index, x->fin_inferred_frame, TCPSTATE_VERDICT_TOOK_FIN);
    x->has_fin = x->fin_inferred = x->fin_acked = false;
    x->smax = x->fin;
    x->maybe_fin = x->maybe_denied = x->has_wire_fin = true;
    x->maybe_denied_ns = 0;
    x->maybe = x->wire_fin = x->fin;
    x->maybe_frame = x->fin_inferred_frame;
    x->maybe_index = x->fin_inferred_index;
    x->wire_fin_frame = 0;
    engine_restore(j, j->sender, x->peer_fin_taken ? TCPSTATE_CLOSE_WAIT : TCPSTATE_ESTABLISHED, TCPSTATE_ASSUMED);
}

/* Does this ACK number cut a captured run of y, where no segment is known to have ended? */
static bool cuts_a_run(const struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    bool inside = false;

    for (unsigned i = 0; i < y->range_count; i++) {
        const struct tcpstate_range *range = &y->ranges[i];
        if (range->left == j->segment->ack || range->right == j->segment->ack)
            return false;
        inside |= seq_before(range->left, j->segment->ack) && seq_after(range->right, j->segment->ack) &&
                  range->copies == 1 && !range->joined; /* a repetition may join what was sent in parts */
    }
    return inside;
}

/* Does x echo a timestamp that y has sent after all that was captured of it, RFC 7323 4.3, nor that of text which it did not
 * seem to take? Then something is missing. */
static bool echoes_uncaptured(const struct judgement *j) {
    const struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    return j->pure_ack && !j->alien && y->sent_ts && (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->sack_count == 0 &&
           seq_after(s->tsecr, y->ts_newest) && !y->sends_octets &&
           !(y->has_seen_text && s->ack == y->seen_text && s->tsecr == y->seen_text_tsval);
}

/* Does x now count a FIN that nobody thought taken, and echo its timestamp? Nothing else bears that timestamp. */
static bool echoes_seen_fin(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    return y->has_seen_fin && s->ack == y->seen_fin + 1 && x->has_acked && seq_after(s->ack, x->acked) &&
           (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr != 0 && s->tsecr == y->seen_fin_tsval &&
           !(y->has_seen_text && y->seen_text_tsval == y->seen_fin_tsval);
}

bool knowledge_takes_octet_of_other(const struct judgement *j, uint32_t acked) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *y = j->y;

    if (!j->ordinary || s->ack != acked + 1 || !y->captured || !y->has_smax || y->smax != s->ack ||
        y->text_end != s->ack)
        return false;
    if ((s->options & TCPSTATE_OPT_TIMESTAMPS) && capture_timestamps_agreed(j))
        return seq_before(s->tsecr, y->smax_tsval);
    return (s->time_ns - y->text_ns) * 5 < capture_leg_ns(j->x_path);
}

bool knowledge_took_doubted_text(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t ack = j->segment->ack;

    return y->has_seen_text && y->seen_text == ack && seq_after(ack, x->acked) &&
           !(y->has_seen_fin && y->seen_fin + 1 == ack) && !echoes_uncaptured(j);
}

/* y was captured, but not what x's ACK may count. Nothing but the SYN of y captured: unseen.c. */
void knowledge_of_unseen_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t ack = j->segment->ack;

    if (j->stale)
        return;
    j->echoes_seen_fin = echoes_seen_fin(j);
    if (hindsight_says(j, j->index, TCPSTATE_VERDICT_TOOK_FIN)) {
        note_maybe_fin(j, ack - 1, true);
        return;
    }
    if (unseen_fin_was_octet(j))
        return;
    bool is_taken = y->has_wire_fin && y->wire_fin == y->maybe;
    if (y->maybe_fin && (y->maybe_denied || y->maybe_own) && !is_taken && ack == y->maybe + 1) {
        note_maybe_fin(j, y->maybe, y->maybe_denied);
        return;
    }
    if (y->has_fin || y->has_wire_fin || !x->has_acked || !state_is_synchronized((enum tcpstate_state)x->state) ||
        !(y->has_iss || j->connection->numbers_agreed))
        return;
    if (y->maybe_fin && seq_after(ack, y->maybe + 1))
        y->maybe_fin = y->maybe_denied = false; /* octets, then */
    if (y->maybe_fin && ack == y->maybe + 1)
        note_maybe_fin(j, y->maybe, y->maybe_denied);
    else if (ack == y->smax + 1 && knowledge_took_doubted_text(j)) {
        y->has_octet = true;
        y->octet = ack;
    } else if (ack == y->smax + 1) {
        note_maybe_fin(j, y->smax, false);
        if (echoes_uncaptured(j))
            knowledge_of_maybe_fin(j, y, j->receiver); /* else not yet: y itself will tell */
    } else if (ack == x->acked + 1 && cuts_a_run(j)) {
        note_maybe_fin(j, x->acked, true);
    } else if (knowledge_takes_octet_of_other(j, x->acked)) {
        note_maybe_fin(j, x->acked, false);
        y->maybe_own = y->maybe_fin;
        y->maybe_own_tsval = y->smax_tsval;
        y->maybe_text = false;
    } else if (hindsight_says(j, j->index, TCPSTATE_VERDICT_NO_FIN)) {
        y->has_octet = true;
        y->octet = ack;
    }
}

/* y acknowledged one number beyond all that was captured of x. It was x's FIN if x now counts it and has nothing more to
 * say, or if y goes on to close. */
void knowledge_of_maybe_fin(struct judgement *j, struct tcpstate_endpoint *end, enum tcpstate_role role) {
    struct tcpstate_endpoint *other = &j->connection->end[1 - role];

    if (end->maybe_denied || end->maybe_own)
        return;
    end->maybe_fin = false;
    if (end->has_fin || (end->captured ? end->maybe != end->smax : end->maybe + 1 != end->smax))
        return;
    end->has_fin = end->fin_inferred = end->fin_acked = true;
    end->fin = end->maybe;
    end->smax = end->maybe + 1;
    end->fin_inferred_index = j->index;
    end->fin_inferred_frame = j->segment->frame;
    end->state_before_fin = end->state;
    engine_move(j, role, TCPSTATE_EVENT_snd_fin, TCPSTATE_INFERRED);
    engine_move(j, role, TCPSTATE_EVENT_rcv_ack_f, TCPSTATE_INFERRED);
    other->peer_fin_taken = true;
    engine_move(j, (enum tcpstate_role)(1 - role), TCPSTATE_EVENT_snd_ack_fin, TCPSTATE_INFERRED);
    j->bridged = true;
    findings_tell(j, TCPSTATE_FINDING_fin_inferred, 0, end->fin, 0);
}
