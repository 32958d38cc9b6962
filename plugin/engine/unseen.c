/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The end that was not captured, y: what x sends is the only witness of it. x's acknowledgements count y's FIN like an
 * octet, and what x repeats was not acknowledged. Where text and FIN are acknowledged together, only the rest of the
 * capture tells: x closes and never has anything to acknowledge again.
 */
#include "judgement.h"
#include "segment.h"

enum {
    MS = 1000000,
    DELAYED_ACK_NS = 40 * MS,
    SYNACK_AGAIN_NS = 900 * MS,
    SOONEST_REPETITION_NS = 190 * MS,
    SLACK_NS = 20 * MS,
    ONE_FLIGHT_NS = 5 * MS,
    MANY_ANSWERS = 4
};

/* ---- y's clock -------------------------------------------------------------------------------------------------- */

/* RFC 9293 figure 7: x has sent a SYN, a SYN,ACK to y's SYN, and then the ACK of y's SYN,ACK, which answers its SYN. */
static void time_simultaneous_open(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x;

    if (x->sent_syn && x->sent_synack && j->y->opening_ns == 0 && j->pure_ack && s->ack == x->synack_ack &&
        s->seq == x->iss + 1 && x->smax == s->seq)
        j->y->opening_ns = s->time_ns - x->last_syn_ns;
}

/* x, a server, has heard of y's SYN and, before it sent anything else, of what answered its SYN,ACK: by y's clock one
 * round trip lies between the two. */
static void read_opening(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x;
    int64_t opening_ns = ((int64_t)seq_distance(s->tsecr, x->synack_echo) + 1) * MS;

    if (!x->sent_syn && x->sent_synack && x->synack_echo != 0 && s->ack == x->synack_ack && s->seq == x->iss + 1 &&
        opening_ns > 0 && opening_ns <= s->time_ns - x->synack_ns + SLACK_NS)
        j->y->opening_ns = opening_ns;
}

/* How far x's clock is ahead of the timestamps that it echoes: least where it has answered at once. */
void unseen_read_lag(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *y = j->y;
    uint32_t lag = s->tsval - s->tsecr;

    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || s->tsecr == 0)
        return;
    if (!y->has_lag) {
        y->has_lag = true;
        y->lag_tsval = s->tsval;
        y->lag_tsecr = s->tsecr;
        y->lag_ns = s->time_ns;
        y->least_lag = lag;
    }
    y->least_lag = seq_before(lag, y->least_lag) ? lag : y->least_lag;
}

/* The timestamp that x echoes tells when y's newest segment arrived, also if x took its time to acknowledge it: y's clock
 * ticks every millisecond, if the capture so far bears it out, and its quickest segment is the measure. */
static void read_echo(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *y = j->y;
    bool is_new = !y->has_echo || seq_after(s->tsecr, y->newest_echo);

    y->arrived_ns = s->time_ns;
    time_simultaneous_open(j);
    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || s->tsecr == 0 || j->stale)
        return;
    unseen_read_lag(j);
    if (!y->has_echo) {
        read_opening(j);
        y->has_echo = true;
        y->first_echo = s->tsecr;
        y->first_echo_ns = y->echo_base_ns = s->time_ns;
    }
    int64_t ticks_ns = (int64_t)seq_distance(s->tsecr, y->first_echo) * MS;
    int64_t elapsed_ns = s->time_ns - y->first_echo_ns;
    if (s->time_ns - ticks_ns < y->echo_base_ns)
        y->echo_base_ns = s->time_ns - ticks_ns;
    int64_t arrived_ns = y->echo_base_ns + ticks_ns + MS;
    if (elapsed_ns >= 50 * (int64_t)MS && ticks_ns * 4 >= elapsed_ns * 3)
        y->echo_in_ms = true;
    if (y->echo_in_ms && arrived_ns < s->time_ns)
        y->arrived_ns = arrived_ns;
    if (is_new) {
        y->newest_echo = s->tsecr;
        int64_t sample_ns = arrived_ns - y->asked_ns;
        if (y->asked_ns != 0 && sample_ns > 0 && sample_ns < DELAYED_ACK_NS &&
            (y->rtt_ns == 0 || sample_ns < y->rtt_ns))
            y->rtt_ns = sample_ns;
        y->asked_ns = 0;
    }
}

/* Nothing that answers x can be here sooner. x's handshake is a measure, exact for a client, too long for a server that
 * waited for a request; the quickest answer to its text is another. */
static int64_t least_rtt_ns(const struct judgement *j) {
    const struct tcpstate_summary *s = &j->connection->summary;

    if (j->y->captured)
        return 0;
    int64_t rtt_ns = j->y->rtt_ns, opening_ns = 0;
    if (j->sender == TCPSTATE_CLIENT && s->last_syn_ns >= 0 && s->handshake_ns >= 0)
        opening_ns = s->handshake_ns - s->last_syn_ns;
    else if (j->x->sent_syn ? j->x->sent_synack : j->sender == TCPSTATE_SERVER && j->y->echo_in_ms)
        opening_ns = j->y->opening_ns;
    bool was_late = opening_ns >= SYNACK_AGAIN_NS; /* RFC 6298 2.1: a SYN or SYN,ACK came again */
    if (opening_ns != 0 && (rtt_ns == 0 || opening_ns < rtt_ns || (2 * rtt_ns < opening_ns && !was_late)))
        rtt_ns = opening_ns; /* so much quicker was no answer, but text that y had to send anyway */
    if (rtt_ns != 0)
        return rtt_ns * 3 / 4;
    return s->synack_ns >= 0 && s->handshake_ns >= 0 ? (s->handshake_ns - s->synack_ns) / 4 : 0;
}

/* ---- the SYN,ACK of y ------------------------------------------------------------------------------------------- */

/* x offered timestamps and acknowledges a SYN,ACK that was not captured. If it echoes none, y has none, or x did not send
 * this: a second segment that says the same is believed, and then the first was x's too; so it is if nothing follows. */
bool unseen_synack_is_sure(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x;

    if (s->options & TCPSTATE_OPT_TIMESTAMPS)
        return s->tsecr != 0;
    if (hindsight_says(j, j->index, TCPSTATE_VERDICT_SENT))
        return true;
    if (x->has_plain_ack && seq_at_least(s->ack, x->plain_ack) && seq_distance(s->ack, x->plain_ack) < NUMBERS_FAR) {
        hindsight_note(j, x->plain_ack_index, x->plain_ack_frame, TCPSTATE_VERDICT_SENT);
        return true;
    }
    x->has_plain_ack = true;
    x->plain_ack = s->ack;
    x->plain_ack_index = j->index;
    x->plain_ack_frame = s->frame;
    j->conversation->standing = (struct tcpstate_verdict){
        .index = j->index, .frame = s->frame, .by_frame = s->frame, .kind = TCPSTATE_VERDICT_SENT};
    return false;
}

/* y repeats its SYN,ACK, or x would have nothing to say: y has sent nothing else yet, and x repeats its text. So y ignored
 * the ACKs that it got: its accept queue is full. */
static bool answers_synack(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool known;

    if (y->captured || !y->iss_inferred || !x->sent_syn || x->sent_synack || !j->pure_ack || j->stale ||
        s->sack_count != 0 || s->ack != y->iss + 1 || s->seq != x->smax ||
        s->ack + unscaled_window(j, &known) != x->redge)
        return false;
    for (unsigned i = 0; i < x->range_count; i++)
        if (x->ranges[i].copies >= 3)
            return true;
    return false;
}

/* x repeats its ACK of the SYN,ACK, and neither end has sent anything else: the SYN,ACK came again, after a second at
 * least (RFC 6298 2.1), so the ACK that was captured before was not taken. */
static void judge_repeated_handshake_ack(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x;
    struct tcpstate_endpoint *y = j->y;

    if (y->captured || !y->iss_inferred || !x->sent_syn || x->sent_synack || !j->pure_ack || j->stale ||
        s->sack_count != 0 || s->ack != y->iss + 1 || s->seq != x->iss + 1 || x->smax != s->seq ||
        y->state != TCPSTATE_ESTABLISHED || s->time_ns - y->handshake_ack_ns < SYNACK_AGAIN_NS)
        return;
    hindsight_note(j, y->handshake_ack_index, y->handshake_ack_frame, TCPSTATE_VERDICT_NOT_TAKEN);
    if (y->ignored_acks++ > 0)
        y->ignores_acks = true;
    engine_move(j, j->receiver, TCPSTATE_EVENT_snd_synack_again, TCPSTATE_INFERRED);
}

/* Called for a segment of x after its handshake: was that the handshake of y, too? */
void unseen_handshake(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    struct tcpstate_endpoint *y = j->y;

    judge_repeated_handshake_ack(j);
    if (answers_synack(j) && !hindsight_too_early(j, y->first_synack_index)) {
        y->ignores_acks = true;
        y->peer_fin_taken = false;
        engine_move(j, j->receiver, TCPSTATE_EVENT_snd_synack_again, TCPSTATE_INFERRED);
    } else if (!y->captured && y->ignores_acks && seq_after(j->segment->ack, y->iss + 1)) {
        y->ignores_acks = false; /* y speaks: the last copy of the text that it took first has established it */
        engine_move(j, j->receiver, TCPSTATE_EVENT_rcv_ack_s, TCPSTATE_INFERRED);
        for (unsigned i = 0; i < x->range_count; i++)
            if (x->ranges[i].copies >= 2) {
                hindsight_note_established(j, y->first_synack_index, x->ranges[i].index, x->ranges[i].frame);
                return;
            }
    }
}

/* ---- acknowledgements ------------------------------------------------------------------------------------------- */

/* It acknowledges more than x ever had room for since it last spoke. */
bool unseen_ack_is_impossible(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return x->spoke && x->has_acked && x->max_window != 0 &&
           seq_after(j->segment->ack, x->acked + 2 * x->max_window + 1);
}

static void take_fin_back(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    y->has_fin = y->fin_inferred = false;
    x->peer_fin_taken = false;
    engine_move(j, j->sender, TCPSTATE_EVENT_snd_nack_fin, TCPSTATE_ASSUMED);
    if (y->state == TCPSTATE_FIN_WAIT_1 || y->state == TCPSTATE_FIN_WAIT_2)
        engine_restore(j, j->receiver, TCPSTATE_ESTABLISHED, TCPSTATE_INFERRED);
    else if (y->state == TCPSTATE_CLOSING || y->state == TCPSTATE_TIME_WAIT || y->state == TCPSTATE_LAST_ACK ||
             y->state == TCPSTATE_CLOSED)
        engine_restore(j, j->receiver, TCPSTATE_CLOSE_WAIT, TCPSTATE_INFERRED);
}

/* The FIN of x was nobody's, and y dropped it, because it acknowledged what y had never sent: RFC 9293 3.10.7.4. */
static void deny_own_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    knowledge_forget_fin(j, x, j->sender, TCPSTATE_ASSUMED);
    x->smax = x->before_fin;
    if (!y->peer_fin_taken)
        return;
    y->peer_fin_taken = false;
    y->rnxt = x->fin;
    engine_move(j, j->receiver, TCPSTATE_EVENT_snd_nack_fin, TCPSTATE_INFERRED);
}

static void lose_fins(struct tcpstate_endpoint *x) {
    for (unsigned i = 0; i < x->range_count; i++)
        if (x->ranges[i].fin)
            x->ranges[i].lost = true;
}

/* The FIN that is denied was the first to acknowledge the SYN,ACK of y, which was not captured; x's own first ACK names
 * another number. So y has refused the FIN: RFC 9293 3.10.7.4 fifth. */
void unseen_refused_fin(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (y->captured || !y->iss_inferred || !y->peer_fin_taken || !x->sent_syn || x->fin_ack != y->iss + 1 ||
        s->ack == x->fin_ack || s->seq != x->iss + 1)
        return;
    y->iss = s->ack - 1;
    y->peer_fin_taken = false;
    y->rnxt = x->fin;
    x->has_wire_fin = false;
    engine_move(j, j->receiver, TCPSTATE_EVENT_snd_nack_fin, TCPSTATE_INFERRED);
    lose_fins(x);
}

/* The first word of x after its SYN was a FIN, which told the number of y's SYN. Then x speaks from before that FIN, twice
 * at least, and of numbers that are nowhere near: it has sent no FIN, and those are y's numbers. */
static void deny_first_fin(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (y->captured || !y->iss_inferred || !x->sent_syn || !x->has_fin || x->fin_inferred || x->fin != x->iss + 1 ||
        x->fin_ack != y->iss + 1 || !j->pure_ack || s->seq != x->fin || numbers_near(s->ack, x->fin_ack))
        return;
    if (s->time_ns - x->fin_ns > j->tolerance_ns && x->lower_acks < 255)
        x->lower_acks++;
    if (x->lower_acks < 2)
        return;
    x->lower_acks = 0;
    y->iss = s->ack - 1;
    y->smax = y->una = x->acked = x->rnxt = s->ack;
    lose_fins(x);
    deny_own_fin(j);
}

/* An ACK field never goes back: if x acknowledges less in what it sent later, it had not sent what acknowledged more. Nor
 * does text follow a FIN in its place. Where y was captured, only a FIN is denied so, or an ACK of what y has not sent. */
void unseen_ack_was_false(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool by_fin = x->has_fin && !x->fin_inferred && x->fin_index == x->acked_index;
    bool later;

    deny_first_fin(j);
    bool beyond_own = y->has_own_end && seq_after(x->acked, y->own_end); /* more than y, captured since, has sent */
    if ((y->heard && !by_fin && !beyond_own) || !j->ordinary || !j->ack || !x->spoke || x->acked_frame == 0)
        return;
    if (!seq_before(s->ack, x->acked)) {
        x->lower_acks = 0;
        if (s->ack == x->acked && x->acks_alike < 255)
            x->acks_alike++;
        return;
    }
    if (x->acks_alike != 0 || !x->has_smax || seq_after(s->seq, x->smax) || seq_distance(x->smax, s->seq) > NUMBERS_FAR)
        return; /* it has said so twice, or x did not send this */
    if (s->options & TCPSTATE_OPT_TIMESTAMPS) {
        later = x->sent_ts && seq_after(s->tsval, x->ts_newest);
    } else if (by_fin && s->length > 1 && seq_at_most(s->seq, x->fin) && seq_after(s->seq + s->length, x->fin)) {
        later = true;
    } else {
        if (s->time_ns - x->acked_ns > j->tolerance_ns && x->lower_acks < 255)
            x->lower_acks++;
        later = x->lower_acks >= 2;
    }
    if (!later)
        return;
    hindsight_note(j, x->acked_index, x->acked_frame, TCPSTATE_VERDICT_NOT_SENT);
    x->acked = x->rnxt = y->una = s->ack;
    if (!y->heard)
        y->smax = s->ack;
    else if (beyond_own)
        y->smax = seq_max(y->own_end, s->ack);
    x->acked_frame = 0;
    x->lower_acks = 0;
    x->has_pure = false;
    if (by_fin)
        deny_own_fin(j);
    if (y->fin_inferred && seq_at_most(s->ack, y->fin))
        take_fin_back(j);
}

/* ---- the FIN of y ----------------------------------------------------------------------------------------------- */

/* A block that grows by one number, or holds one only: a FIN, or an octet, that has overtaken others (RFC 2018 4). */
static void note_lone_sack(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *y = j->y;

    for (unsigned b = 0; b < s->sack_count; b++) {
        uint32_t left = s->sack[b].left, right = s->sack[b].right;
        if (!seq_after(right, s->ack) || (y->has_sacked && !seq_after(right, y->sacked)))
            continue;
        y->has_lone = right == left + 1 || (y->has_sacked && right == y->sacked + 1);
        y->lone = right - 1;
        y->has_sacked = true;
        y->sacked = right;
    }
}

static bool sacks_beyond(const struct tcpstate_segment *s, uint32_t edge) {
    for (unsigned b = 0; b < s->sack_count; b++)
        if (seq_after(s->sack[b].right, edge))
            return true;
    return false;
}

/* An ICMP error quotes text of y that ends just before this number: no FIN is counted in it. */
static bool ends_quoted_text(const struct tcpstate_endpoint *y, uint32_t ack) {
    return y->has_quoted && (ack == y->quoted_end || ack == y->quoted_end - y->quoted_options);
}

/* Linux leaves a FIN that comes in ESTABLISHED to its timer for delayed ACKs, tcp_fin(): that runs for 40 ms, or until the
 * next tick where no text has come before. Text it acknowledges at once while a connection is young. So what x has
 * acknowledged at once, by both clocks, was text. A D-SACK tells of a repetition, which is acknowledged at once as well. */
static bool acks_too_soon_for_fin(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (!x->opens_like_linux || x->has_fin || s->seq != x->smax || !j->pure_ack ||
        !(s->options & TCPSTATE_OPT_TIMESTAMPS) || s->tsecr == 0 || !y->has_lag || s->tsval == y->lag_tsval ||
        (s->sack_count > 0 && seq_at_most(s->sack[0].right, s->ack)) ||
        !segment_clocks_count_ms(s->time_ns - y->lag_ns, seq_distance(s->tsval, y->lag_tsval),
                                 seq_distance(s->tsecr, y->lag_tsecr)))
        return false;
    int32_t waited_ms = seq_distance(s->tsval - s->tsecr, y->least_lag);
    return waited_ms <= (x->acked == y->iss + 1 ? 0 : DELAYED_ACK_NS / MS / 4);
}

static void infer_fin(struct judgement *j, bool crossed) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t ack = j->segment->ack, known = x->acked;
    bool says_so = hindsight_says(j, j->index, TCPSTATE_VERDICT_COUNTS_FIN) && seq_after(ack, known);
    bool one_more = ack == known + 1 && !(y->has_iss && known == y->iss);
    bool lone = y->has_lone && ack == y->lone + 1 && seq_after(ack, known);
    bool again = j->segment->sack_count > 0 && ack == known && j->segment->sack[0].left == ack - 1 &&
                 j->segment->sack[0].right == ack && x->acked_frame != 0; /* D-SACK, RFC 2883: y has repeated it */

    if (again && !hindsight_says(j, x->acked_index, TCPSTATE_VERDICT_NO_FIN))
        hindsight_note(j, x->acked_index, x->acked_frame, TCPSTATE_VERDICT_COUNTS_FIN);
    if (hindsight_says(j, j->index, TCPSTATE_VERDICT_NO_FIN) || ends_quoted_text(y, ack) ||
        (!says_so && one_more && acks_too_soon_for_fin(j))) {
        y->has_octet = true;
        y->octet = ack;
        return;
    }
    if (!says_so && !one_more && !lone && !again)
        return;
    if (!says_so && !x->has_fin && !j->fin && (y->sends_octets || !y->has_iss)) { /* x's own close will tell */
        y->maybe_fin = true;
        y->maybe_denied = y->maybe_own = false;
        y->maybe = ack - 1;
        y->maybe_index = j->index;
        y->maybe_frame = j->segment->frame;
        return;
    }
    y->fin_inferred_index = j->index;
    y->fin_inferred_frame = j->segment->frame;
    y->has_fin = y->fin_inferred = true;
    y->fin = ack - 1;
    y->fin_frame = 0;
    if (y->has_smax && seq_after(ack, y->smax))
        y->smax = ack;
    y->state_before_fin = y->state;
    bool counted_by_own_fin = x->state == TCPSTATE_FIN_WAIT_1 && x->has_fin && !x->fin_inferred && x->fin_ack == ack;
    if (counted_by_own_fin) { /* x took it before it closed, and y has had the ACK of it since */
        y->fin_acked = true;
        engine_restore(j, j->sender, TCPSTATE_LAST_ACK, TCPSTATE_INFERRED);
        engine_restore(j, j->receiver, y->state == TCPSTATE_CLOSE_WAIT ? TCPSTATE_TIME_WAIT : TCPSTATE_FIN_WAIT_2,
                       TCPSTATE_INFERRED);
    } else {
        engine_move(j, j->receiver, crossed ? TCPSTATE_EVENT_snd_fin_x : TCPSTATE_EVENT_snd_fin, TCPSTATE_INFERRED);
    }
    j->bridged = true;
    findings_tell(j, TCPSTATE_FINDING_fin_inferred, 0, y->fin, 0);
}

/* ---- the ACK of x's FIN ----------------------------------------------------------------------------------------- */

/* x repeats its FIN, or what came before it: when it sent this, the FIN was not acknowledged (RFC 9293 3.8.1). */
static void judge_repetition(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (!x->has_fin || x->fin_inferred || j->stale || (!j->fin && s->length == 0) || seq_after(j->end, x->fin + 1))
        return;
    if ((s->options & TCPSTATE_OPT_TIMESTAMPS) ? !seq_after(s->tsval, x->fin_tsval)
                                               : s->time_ns - x->fin_ns <= j->tolerance_ns)
        return;
    x->fin_sent_ns = s->time_ns;
    hindsight_note_unacked(j);
    if (x->fin_acked)
        return;
    if (x->state == TCPSTATE_TIME_WAIT && y->fin_inferred)
        engine_restore(j, j->receiver, y->fin_acked ? TCPSTATE_TIME_WAIT : TCPSTATE_CLOSING, TCPSTATE_INFERRED);
    if (x->state == TCPSTATE_FIN_WAIT_2 || x->state == TCPSTATE_TIME_WAIT)
        engine_move(j, j->sender, TCPSTATE_EVENT_snd_fin_again, TCPSTATE_PROVED);
}

/* x acknowledges more than what was taken for a FIN: it was an octet of text. */
bool unseen_fin_was_octet(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;

    if (!y->fin_inferred || (!seq_after(j->segment->ack, y->fin + 1) && !sacks_beyond(j->segment, y->fin + 1)))
        return false;
    hindsight_note(j, y->fin_inferred_index, y->fin_inferred_frame, TCPSTATE_VERDICT_NO_FIN);
    y->sends_octets = true;
    take_fin_back(j);
    return true;
}

/* The first that x sends after its FIN is text below it, again, sooner than a timer would (RFC 6298 2.4) and after it has
 * heard of y: y asks for it. The FIN has overtaken it, or it was lost. */
static void judge_early_repetition(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x;

    if (j->y->captured || !x->has_fin || x->fin_inferred || x->fin_acked || x->fin_sent_ns != x->fin_ns || j->fin ||
        s->length == 0 || seq_after(j->end, x->fin) || s->time_ns - x->fin_ns >= SOONEST_REPETITION_NS ||
        !(s->options & TCPSTATE_OPT_TIMESTAMPS) || !seq_after(s->tsval, x->fin_tsval) ||
        !seq_after(s->tsecr, x->fin_tsecr))
        return;
    for (unsigned i = 0; i < x->range_count; i++)
        if (seq_at_most(x->ranges[i].left, s->seq) && seq_at_least(x->ranges[i].right, j->end) &&
            x->ranges[i].copies == 1 && x->ranges[i].time_ns <= x->fin_ns)
            hindsight_note(j, x->ranges[i].index, x->ranges[i].frame, TCPSTATE_VERDICT_NOT_TAKEN);
}

/* x closed after the FIN of y, as it seemed, and has reset segments since, one right after the other, that do not
 * acknowledge its FIN: it was gone before y had heard of that. Text had come for which nobody was there any more (RFC 9293
 * 3.6.1), so y had sent no FIN. One alone may have come late. */
static bool was_gone_at_text(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return x->state == TCPSTATE_CLOSED && x->undo.cause == TCPSTATE_UNDO_RST_SENT &&
           x->undo.state == TCPSTATE_LAST_ACK && x->undo.rst_seq == j->segment->seq && x->has_fin && !x->fin_inferred &&
           !x->fin_acked && seq_at_most(j->segment->seq, x->fin) &&
           j->segment->time_ns - x->undo.time_ns < ONE_FLIGHT_NS;
}

/* A RST without ACK has the number that what it answers acknowledges (RFC 9293 3.5.2, 3.10.7.1): so much y had taken.
 * That is less than the FIN of x, or than what x had sent long before it aborted. After a close that was complete it would
 * answer a copy of something old. A RST with ACK tells what x had taken itself. */
void unseen_rst(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x;

    if (j->ack && !j->y->heard && x->has_smax && s->seq == x->smax && x->has_acked && seq_after(s->ack, x->acked) &&
        numbers_near(s->ack, x->acked))
        unseen_fin_was_octet(j);
    if (j->y->captured || !segment_is_refusal(s) || !x->has_smax || !seq_before(s->seq, x->smax) ||
        !numbers_near(s->seq, x->smax))
        return;
    if (j->y->fin_inferred && was_gone_at_text(j))
        hindsight_note(j, j->y->fin_inferred_index, j->y->fin_inferred_frame, TCPSTATE_VERDICT_NO_FIN);
    if ((x->state == TCPSTATE_FIN_WAIT_1 || x->state == TCPSTATE_FIN_WAIT_2) && !x->fin_inferred &&
        seq_at_most(s->seq, x->fin))
        hindsight_note_unacked(j);
    if (x->state != TCPSTATE_CLOSED || x->undo.cause != TCPSTATE_UNDO_RST_SENT || !x->undo.bears_next)
        return;
    for (unsigned i = 0; i < x->range_count; i++) {
        const struct tcpstate_range *range = &x->ranges[i];
        if (range->left == s->seq && range->copies == 1 && range->time_ns < x->undo.time_ns - 2 * j->tolerance_ns)
            hindsight_note(j, range->index, range->frame, TCPSTATE_VERDICT_NOT_TAKEN);
    }
}

/* x, in TIME-WAIT, answers more often than y would repeat a FIN (RFC 6298 2.4): y has more to say, and the FIN that x has
 * taken was not its own. */
static void judge_answers_in_time_wait(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x;
    struct tcpstate_endpoint *y = j->y;

    if (x->state != TCPSTATE_TIME_WAIT || !j->pure_ack || !y->has_fin || !y->fin_inferred || s->ack != y->fin + 1 ||
        s->seq != x->smax || (y->state != TCPSTATE_CLOSED && y->state != TCPSTATE_LAST_ACK))
        return;
    if (y->answer_count == 0 || s->time_ns - y->answers_ns >= SOONEST_REPETITION_NS) {
        y->answer_count = 0;
        y->answers_ns = s->time_ns;
    }
    if (++y->answer_count < MANY_ANSWERS)
        return;
    hindsight_note(j, y->fin_inferred_index, y->fin_inferred_frame, TCPSTATE_VERDICT_TOOK_FIN);
    y->has_fin = y->fin_inferred = y->fin_acked = false;
    y->has_wire_fin = true;
    y->wire_fin = y->fin;
    y->wire_fin_frame = 0;
    y->undo.cause = TCPSTATE_UNDO_NONE;
    engine_restore(j, j->receiver, TCPSTATE_CLOSE_WAIT, TCPSTATE_INFERRED);
}

void unseen_fin(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    read_echo(j);
    if (j->stale)
        return; /* older than what x has said since: it cannot know more */
    judge_early_repetition(j);
    judge_repetition(j);
    judge_answers_in_time_wait(j);
    note_lone_sack(j);
    if (unseen_fin_was_octet(j))
        return;
    if (y->has_fin || y->has_wire_fin || !x->has_acked || !state_is_synchronized((enum tcpstate_state)x->state) ||
        (!y->has_iss && y->captured) || knowledge_took_doubted_text(j))
        return;
    bool waits = x->has_fin && x->state == TCPSTATE_FIN_WAIT_1;
    bool crossed = waits && (y->arrived_ns - x->fin_sent_ns < least_rtt_ns(j) || hindsight_unacked(j));
    if (waits && !crossed && j->pure_ack && seq_after(j->segment->ack, x->acked))
        engine_move(j, j->sender, TCPSTATE_EVENT_rcv_ack_f, TCPSTATE_INFERRED);
    infer_fin(j, crossed);
}

/* ---- the end of the capture ------------------------------------------------------------------------------------- */

/* x closes when it has acknowledged what y sent, and never acknowledges more: y's FIN was in that already, or y would
 * have sent it since. Not so if x had more to say in between, or must repeat its FIN, or resets: y may be gone. */
void unseen_last_words(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    struct tcpstate_verdict *standing = &j->conversation->standing;
    bool more = x->acked_frame == j->segment->frame;

    if (standing->kind == TCPSTATE_VERDICT_SENT && standing->index != j->index)
        standing->kind = 0;
    if (y->heard || j->stale)
        return;
    if (j->segment->length > 0 && y->asked_ns == 0)
        y->asked_ns = j->segment->time_ns;
    if (more || (j->segment->length > 0 && !j->fin))
        x->answers = j->segment->length > 0;
    if (more || j->rst || (x->has_fin && !j->first_fin && !j->pure_ack))
        standing->kind = 0;
    if (j->rst || !x->has_fin || x->fin_inferred || x->acked_frame == 0 || x->answers ||
        ends_quoted_text(y, x->acked) || (y->has_fin && y->fin_inferred_index != j->index))
        return;
    if (j->first_fin || (more && j->pure_ack && (x->state == TCPSTATE_FIN_WAIT_1 || x->state == TCPSTATE_FIN_WAIT_2)))
        *standing = (struct tcpstate_verdict){.index = x->acked_index,
                                              .frame = x->acked_frame,
                                              .by_frame = j->segment->frame,
                                              .kind = TCPSTATE_VERDICT_COUNTS_FIN};
}
