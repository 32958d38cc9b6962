/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chooses the row of explain.def that fits a segment: by its flags, then its step in the handshake or the close, then
 * events and states, then what is left. Nothing is concluded here: whatever a row says, the report has shown.
 *
 * To choose anew: a row in explain.def, a condition here, a sample in tests/engine/test_explain.c.
 */
#include "explain.h"

#include "seq.h"

struct view {
    const struct tcpstate_report *report;
    const struct tcpstate_end_report *sender, *receiver;
    bool syn, ack, fin, rst, data, length_unknown;
    bool first_ack_of_syn_only; /* the ACK fits the peer's SYN, or this cannot be checked */
    bool ack_beyond_syn;        /* acknowledges the peer's SYN and more */
    bool lacks_synack;          /* none has been captured so far */
};

#define SENT(view, event)     explain_has_event((view)->sender, TCPSTATE_EVENT_##event)
#define RECEIVED(view, event) explain_has_event((view)->receiver, TCPSTATE_EVENT_##event)
#define FOUND(view, id)       explain_has_finding((view)->report, TCPSTATE_FINDING_##id)

static bool stays_closed(const struct tcpstate_end_report *end) {
    return end->before == TCPSTATE_CLOSED && end->state == TCPSTATE_CLOSED;
}

static bool is_open(enum tcpstate_state state) { return state >= TCPSTATE_ESTABLISHED && state < TCPSTATE_TIME_WAIT; }

static void read_flags(struct view *v, const struct tcpstate_segment *segment, const struct tcpstate_summary *summary) {
    struct explain_facts facts = {.segment = segment, .report = v->report, .summary = summary};
    uint32_t peer_isn = 0;

    v->syn = segment->flags & TCPSTATE_SYN;
    v->ack = segment->flags & TCPSTATE_ACK;
    v->fin = segment->flags & TCPSTATE_FIN;
    v->rst = segment->flags & TCPSTATE_RST;
    v->data = segment->length > 0;
    v->length_unknown = (segment->traits & TCPSTATE_LENGTH_UNKNOWN) != 0;
    v->lacks_synack = summary->synack_frame == 0 || summary->synack_frame > segment->frame;
    v->first_ack_of_syn_only = true;
    if (v->ack && explain_isn(&facts, false, &peer_isn)) {
        v->first_ack_of_syn_only = segment->ack == peer_isn + 1;
        v->ack_beyond_syn = seq_after(segment->ack, peer_isn + 1);
    }
}

/* What the events and the step tell of the flags. */
static void derive_flags(struct view *v) {
    unsigned step = v->report->step;

    v->rst = SENT(v, snd_rst) || SENT(v, snd_rst_reply) || RECEIVED(v, rcv_rst);
    v->syn =
        SENT(v, snd_syn) || SENT(v, snd_syn_again) || SENT(v, snd_synack) || SENT(v, snd_synack_again) ||
        FOUND(v, syn_in_connection) || FOUND(v, syn_in_window) || FOUND(v, time_wait_reuse_suspect) ||
        (step >= TCPSTATE_STEP_HANDSHAKE_1 && step <= TCPSTATE_STEP_SIM_OPEN_4 && step != TCPSTATE_STEP_HANDSHAKE_3);
    v->fin = SENT(v, snd_fin) || SENT(v, snd_fin_x) || SENT(v, snd_fin_again) || step == TCPSTATE_STEP_CLOSE_1 ||
             step == TCPSTATE_STEP_CLOSE_2_3 || step == TCPSTATE_STEP_CLOSE_3 || step == TCPSTATE_STEP_SIM_CLOSE_2;
    v->ack = !(v->syn || v->rst) || SENT(v, snd_synack) || SENT(v, snd_synack_again) ||
             step == TCPSTATE_STEP_HANDSHAKE_2 || step == TCPSTATE_STEP_SIM_OPEN_3 || step == TCPSTATE_STEP_SIM_OPEN_4;
    v->first_ack_of_syn_only = true;
}

/* The RST closes its receiver, but its nominal sender goes on, or is gone: then it has nothing to acknowledge. */
static enum explain_situation choose_accepted_rst(const struct view *v) {
    if (SENT(v, snd_rst) || SENT(v, snd_rst_reply) || v->receiver->state != TCPSTATE_CLOSED ||
        v->sender->before != v->sender->state)
        return EXPLAIN_RST_ACCEPTED;
    if (v->sender->state == TCPSTATE_CLOSED)
        return v->ack ? EXPLAIN_RST_AGAIN_OF_CLOSED : EXPLAIN_RST_OF_CLOSED;
    return v->sender->state >= TCPSTATE_ESTABLISHED ? EXPLAIN_RST_BY_ANOTHER : EXPLAIN_RST_ACCEPTED;
}

static enum explain_situation choose_rst(const struct view *v) {
    enum tcpstate_state before = (enum tcpstate_state)v->receiver->before;
    bool accepted = RECEIVED(v, rcv_rst);

    if (FOUND(v, rst_orphan))
        return EXPLAIN_RST_ORPHAN;
    if (FOUND(v, rst_answers_unknown_synack))
        return EXPLAIN_RST_UNKNOWN_SYNACK;
    if (FOUND(v, rst_answers_bad_synack))
        return EXPLAIN_RST_TO_OLD_SYN;
    if (FOUND(v, half_open_discovered))
        return EXPLAIN_RST_HALF_OPEN;
    if (SENT(v, snd_rst_reply) && v->sender->state == TCPSTATE_SYN_SENT) {
        if (before == TCPSTATE_SYN_RECEIVED)
            return v->lacks_synack ? EXPLAIN_RST_TO_WHAT_IS_OLDER : EXPLAIN_RST_TO_OLD_SYN;
        if (is_open(before))
            return EXPLAIN_RST_HALF_OPEN;
    }
    if (RECEIVED(v, time_2msl))
        return EXPLAIN_RST_TO_CLOSED;
    switch (before) {
    case TCPSTATE_CLOSED: return EXPLAIN_RST_TO_CLOSED;
    case TCPSTATE_LISTEN: return EXPLAIN_RST_TO_LISTEN;
    case TCPSTATE_SYN_SENT: return accepted ? EXPLAIN_RST_REFUSES : EXPLAIN_RST_IN_SYN_SENT_IGNORED;
    case TCPSTATE_SYN_RECEIVED:
        if (!accepted)
            return EXPLAIN_RST_IGNORED;
        return v->receiver->state == TCPSTATE_LISTEN ? EXPLAIN_RST_BACK_TO_LISTEN : EXPLAIN_RST_SYN_RECEIVED;
    case TCPSTATE_TIME_WAIT:
        return v->receiver->state == TCPSTATE_CLOSED ? EXPLAIN_RST_ENDS_TIME_WAIT : EXPLAIN_RST_SPARES_TIME_WAIT;
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_FIN_WAIT_1:
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_CLOSE_WAIT:
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK:
        if (!accepted)
            return v->receiver->state == TCPSTATE_CLOSED ? EXPLAIN_RST_TO_CLOSED : EXPLAIN_RST_IGNORED;
        return choose_accepted_rst(v);
    case TCPSTATE_STATES: break;
    }
    return EXPLAIN_RST_IGNORED;
}

static enum explain_situation choose_syn(const struct view *v) {
    bool again = v->report->step_again;
    bool to_time_wait = v->receiver->before == TCPSTATE_TIME_WAIT;

    if (v->report->step == TCPSTATE_STEP_SIM_OPEN_2 && !again)
        return FOUND(v, split_handshake) ? EXPLAIN_SYN_SPLIT : EXPLAIN_SYN_CROSSED;
    if (v->report->step == TCPSTATE_STEP_HANDSHAKE_1 && !again && v->sender->state == v->sender->before &&
        !SENT(v, snd_syn) && v->sender->state == TCPSTATE_CLOSED)
        return EXPLAIN_SYN_BY_ANOTHER;
    if (FOUND(v, time_wait_reuse) || (to_time_wait && RECEIVED(v, rcv_syn) && explain_is_moved(v->receiver)))
        return EXPLAIN_SYN_REOPENS;
    if (FOUND(v, time_wait_reuse_suspect) || (to_time_wait && !explain_is_moved(v->receiver)))
        return EXPLAIN_SYN_IN_TIME_WAIT;
    if (v->report->step == TCPSTATE_STEP_HANDSHAKE_1 && !again)
        return v->data ? EXPLAIN_SYN_DATA : EXPLAIN_SYN;
    if (v->sender->state == TCPSTATE_SYN_SENT && (again || SENT(v, snd_syn_again) || FOUND(v, syn_retransmitted)))
        return EXPLAIN_SYN_AGAIN;
    if (again)
        return EXPLAIN_SYN_LATE_COPY;
    if (FOUND(v, syn_in_connection) || FOUND(v, syn_in_window) || is_open((enum tcpstate_state)v->receiver->before))
        return EXPLAIN_SYN_IN_CONNECTION;
    if (SENT(v, snd_syn) && explain_is_moved(v->sender))
        return v->data ? EXPLAIN_SYN_DATA : EXPLAIN_SYN;
    return EXPLAIN_SYN_IGNORED;
}

static enum explain_situation choose_synack(const struct view *v) {
    unsigned step = v->report->step;
    bool taken = RECEIVED(v, rcv_syn) || RECEIVED(v, rcv_ack_s);

    if (FOUND(v, synack_ack_unacceptable) ||
        (!v->first_ack_of_syn_only && !v->ack_beyond_syn && !taken && v->receiver->before == TCPSTATE_SYN_SENT &&
         v->receiver->state == TCPSTATE_SYN_SENT))
        return EXPLAIN_SYNACK_UNACCEPTABLE;
    if ((step == TCPSTATE_STEP_HANDSHAKE_2 || step == TCPSTATE_STEP_SIM_OPEN_3 || step == TCPSTATE_STEP_SIM_OPEN_4) &&
        v->report->step_again)
        return is_open((enum tcpstate_state)v->sender->state) && !explain_is_moved(v->sender) &&
                       v->receiver->before != TCPSTATE_SYN_SENT
                   ? EXPLAIN_SYNACK_LATE_COPY
                   : EXPLAIN_SYNACK_AGAIN;
    if (step == TCPSTATE_STEP_SIM_OPEN_3)
        return EXPLAIN_SYNACK_CROSSED_FIRST;
    if (step == TCPSTATE_STEP_SIM_OPEN_4)
        return EXPLAIN_SYNACK_CROSSED_SECOND;
    if (v->fin && !v->report->step_again && (step == TCPSTATE_STEP_HANDSHAKE_2 || step == TCPSTATE_STEP_CLOSE_1))
        return EXPLAIN_SYNACK_FIN;
    if (step == TCPSTATE_STEP_HANDSHAKE_2)
        return v->ack_beyond_syn ? EXPLAIN_SYNACK_OF_DATA : EXPLAIN_SYNACK;
    return SENT(v, snd_synack_again) ? EXPLAIN_SYNACK_AGAIN : EXPLAIN_SYNACK_IGNORED;
}

static enum explain_situation choose_fin_again(const struct view *v) {
    return v->receiver->before == TCPSTATE_TIME_WAIT && v->receiver->state == TCPSTATE_TIME_WAIT
               ? EXPLAIN_FIN_AGAIN_TO_TIME_WAIT
               : EXPLAIN_FIN_AGAIN;
}

/* A repeated step of the handshake or the close. */
static enum explain_situation choose_again(const struct view *v) {
    if (v->fin)
        return choose_fin_again(v);
    if (v->report->step == TCPSTATE_STEP_HANDSHAKE_3)
        return v->data ? EXPLAIN_DATA : EXPLAIN_THIRD_AGAIN;
    if (v->report->step == TCPSTATE_STEP_CLOSE_4 && v->sender->state == TCPSTATE_TIME_WAIT)
        return EXPLAIN_LAST_ACK_AGAIN;
    return EXPLAIN_ACK_AGAIN;
}

static enum explain_situation choose_last_ack(const struct view *v) {
    return v->sender->state == TCPSTATE_TIME_WAIT ? EXPLAIN_LAST_ACK : EXPLAIN_LAST_ACK_OTHER;
}

/* A step without SYN. EXPLAIN_SITUATIONS if there is none. */
static enum explain_situation choose_step(const struct view *v) {
    if (v->report->step_again && v->report->step >= TCPSTATE_STEP_HANDSHAKE_3)
        return choose_again(v);
    switch ((enum tcpstate_step)v->report->step) {
    case TCPSTATE_STEP_HANDSHAKE_3:
        return v->fin ? EXPLAIN_THIRD_FIN : v->data ? EXPLAIN_THIRD_DATA : EXPLAIN_THIRD_ACK;
    case TCPSTATE_STEP_CLOSE_1: /* the first that was captured */
        if (FOUND(v, handshake_completed))
            return EXPLAIN_THIRD_FIN;
        if (v->sender->state == TCPSTATE_LAST_ACK)
            return EXPLAIN_SECOND_FIN;
        if (v->sender->before == TCPSTATE_SYN_RECEIVED && v->sender->state == TCPSTATE_FIN_WAIT_1)
            return FOUND(v, handshake_ack_missing) ? EXPLAIN_FIN_BEFORE_ACK_OF_SYN : EXPLAIN_FIN_FROM_SYN_RECEIVED;
        if (!FOUND(v, active_close) && explain_is_moved(v->sender) && v->sender->state == TCPSTATE_FIN_WAIT_1)
            return EXPLAIN_FIN_OF_EITHER;
        return v->data ? EXPLAIN_FIN_DATA : EXPLAIN_FIN;
    case TCPSTATE_STEP_CLOSE_2:
        if (v->receiver->before == TCPSTATE_LAST_ACK)
            return choose_last_ack(v);
        return v->data ? EXPLAIN_ACK_OF_FIN_DATA : EXPLAIN_ACK_OF_FIN;
    case TCPSTATE_STEP_CLOSE_2_3: return EXPLAIN_FIN_WITH_ACK;
    case TCPSTATE_STEP_CLOSE_3: return EXPLAIN_SECOND_FIN;
    case TCPSTATE_STEP_CLOSE_4: /* in FIN-WAIT-1 it had not taken the first FIN */
        return v->receiver->before == TCPSTATE_FIN_WAIT_1 ? EXPLAIN_ACK_OF_SECOND_FIN : choose_last_ack(v);
    case TCPSTATE_STEP_SIM_CLOSE_2: return EXPLAIN_FIN_CROSSED;
    case TCPSTATE_STEP_SIM_CLOSE_3: return EXPLAIN_FIN_CROSSED_ACK_FIRST;
    case TCPSTATE_STEP_SIM_CLOSE_4:
        return v->receiver->before == TCPSTATE_LAST_ACK ? choose_last_ack(v) : EXPLAIN_FIN_CROSSED_ACK_SECOND;
    case TCPSTATE_STEP_NONE:
    case TCPSTATE_STEP_HANDSHAKE_1:
    case TCPSTATE_STEP_HANDSHAKE_2:
    case TCPSTATE_STEP_SIM_OPEN_2:
    case TCPSTATE_STEP_SIM_OPEN_3:
    case TCPSTATE_STEP_SIM_OPEN_4:
    case TCPSTATE_STEPS: break;
    }
    return EXPLAIN_SITUATIONS;
}

/* Neither SYN nor RST nor a step. */
static enum explain_situation choose_ordinary(const struct view *v) {
    enum tcpstate_state state = (enum tcpstate_state)v->sender->state;

    if (FOUND(v, syn_answered_by_challenge_ack))
        return EXPLAIN_CHALLENGE_TO_SYN;
    if ((SENT(v, pickup) || RECEIVED(v, pickup)) && state <= TCPSTATE_ESTABLISHED)
        return EXPLAIN_MIDSTREAM;
    if (FOUND(v, frames_reordered) && !explain_is_moved(v->sender) && !explain_is_moved(v->receiver))
        return EXPLAIN_LATE;
    if (FOUND(v, md5_signature_unexpected) && !explain_is_moved(v->receiver))
        return EXPLAIN_BAD_SIGNATURE;
    if (FOUND(v, handshake_ack_number_wrong) || FOUND(v, handshake_seq_number_wrong))
        return EXPLAIN_THIRD_WRONG;
    if (FOUND(v, challenge_ack))
        return EXPLAIN_CHALLENGE_ACK;
    if (FOUND(v, ack_before_synack) ||
        (v->receiver->before == TCPSTATE_SYN_SENT && v->receiver->state == TCPSTATE_SYN_SENT))
        return EXPLAIN_ACK_IN_SYN_SENT;
    if (v->fin && v->report->was_in_flight && v->receiver->state == TCPSTATE_CLOSED &&
        (state == TCPSTATE_FIN_WAIT_1 || state == TCPSTATE_LAST_ACK) && v->report->phase == TCPSTATE_PHASE_RESET)
        return EXPLAIN_FIN_CROSSED_RESET;
    if (v->fin && v->report->was_counted && v->report->was_in_flight && state == TCPSTATE_FIN_WAIT_1 &&
        (v->receiver->state == TCPSTATE_CLOSING || v->receiver->state == TCPSTATE_TIME_WAIT))
        return EXPLAIN_FIN_CROSSED; /* captured only after it had been inferred */
    if (v->fin && RECEIVED(v, rcv_fin) && explain_is_moved(v->receiver) && !explain_is_moved(v->sender) &&
        state >= TCPSTATE_ESTABLISHED && !SENT(v, snd_fin_again) && !FOUND(v, fin_retransmitted))
        return EXPLAIN_FIN_BY_ANOTHER;
    if (v->fin)
        return SENT(v, snd_fin_again) || FOUND(v, fin_retransmitted) ? choose_fin_again(v) : EXPLAIN_FIN_IGNORED;
    if (FOUND(v, keepalive_after_fin) || FOUND(v, keepalive_unanswered))
        return EXPLAIN_KEEP_ALIVE;
    if (stays_closed(v->sender) || stays_closed(v->receiver))
        return EXPLAIN_AFTER_CLOSE;
    if (v->report->acceptable == TCPSTATE_SURELY_NOT)
        return EXPLAIN_UNACCEPTABLE;
    if (v->length_unknown)
        return EXPLAIN_LENGTH_UNKNOWN;
    if (!v->data)
        return v->report->acceptable == TCPSTATE_YES && (state == TCPSTATE_ESTABLISHED || state == TCPSTATE_CLOSE_WAIT)
                   ? EXPLAIN_PURE_ACK_BEFORE_DATA
                   : EXPLAIN_PURE_ACK;
    if (state == TCPSTATE_CLOSE_WAIT)
        return EXPLAIN_HALF_CLOSE_DATA;
    return state > TCPSTATE_ESTABLISHED ? EXPLAIN_DATA_AFTER_OWN_FIN : EXPLAIN_DATA;
}

enum explain_situation explain_situation(const struct tcpstate_segment *segment, const struct tcpstate_report *report,
                                         const struct tcpstate_summary *summary) {
    struct view v = {.report = report, .sender = explain_end(report, true), .receiver = explain_end(report, false)};
    enum explain_situation situation;

    if (segment)
        read_flags(&v, segment, summary);
    else
        derive_flags(&v);
    if (report->sender == TCPSTATE_NO_ROLE)
        return EXPLAIN_SELF;
    if (FOUND(&v, duplicate_frame))
        return EXPLAIN_COPY;
    if (FOUND(&v, checksum_bad) && !explain_is_moved(v.sender) && !explain_is_moved(v.receiver))
        return EXPLAIN_BAD_CHECKSUM;
    if (FOUND(&v, segment_of_old_connection))
        return EXPLAIN_OLD_CONNECTION;
    if (v.rst)
        return choose_rst(&v);
    if (v.syn)
        return v.ack ? choose_synack(&v) : choose_syn(&v);
    if (!v.ack)
        return EXPLAIN_NO_ACK_FLAG;
    situation = choose_step(&v);
    return situation == EXPLAIN_SITUATIONS ? choose_ordinary(&v) : situation;
}
