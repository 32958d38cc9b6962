/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What became of the connection so far: the textbook's step that a segment is, links, times, how it was opened and
 * closed, and the outcome. Reads what the other modules have decided; moves no state.
 */
#include "judgement.h"

#include <string.h>

void summary_open(struct judgement *j) {
    struct tcpstate_summary *s = &j->connection->summary;

    s->first_frame = j->segment->frame;
    s->first_ns = j->segment->time_ns;
    s->syn_ns = s->last_syn_ns = s->synack_ns = s->handshake_ns = s->first_fin_ns = s->closed_ns = -1;
    s->last_sent_ns[0] = s->last_sent_ns[1] = -1;
    s->handshake_time_ns = s->handshake_server_ns = s->handshake_client_ns = s->close_time_ns = -1;
}

/* ---- numbers that were believed ------------------------------------------------------------------------------- */

/* Since which frame the number is believed that was the newest at `frame`; 0: none. */
static uint32_t believed_at(const struct tcpstate_numbers *numbers, uint32_t frame, uint32_t *number) {
    unsigned known = numbers->count;

    while (known > 0 && numbers->at[known - 1].frame > frame)
        known--;
    if (known == 0)
        return 0;
    *number = numbers->at[known - 1].number;
    return numbers->at[known - 1].frame;
}

static void believe(struct tcpstate_numbers *numbers, uint32_t frame, uint32_t number) {
    if (numbers->count < TCPSTATE_NUMBERS)
        numbers->count++;
    numbers->at[numbers->count - 1].frame = frame;
    numbers->at[numbers->count - 1].number = number;
}

bool tcpstate_isn(const struct tcpstate_summary *summary, enum tcpstate_role role, uint32_t frame, uint32_t *isn) {
    return believed_at(&summary->isns[role], frame, isn) != 0;
}

uint32_t tcpstate_fin(const struct tcpstate_summary *summary, enum tcpstate_role role, uint32_t frame, uint32_t *fin) {
    return believed_at(&summary->fins[role], frame, fin);
}

/* Another SYN,ACK than the one that was believed may be the true one: what was said before stays as it was said. */
static void note_isn(struct judgement *j, enum tcpstate_role role) {
    struct tcpstate_summary *s = &j->connection->summary;
    const struct tcpstate_endpoint *end = &j->connection->end[role];
    uint32_t known;
    bool is_known = tcpstate_isn(s, role, UINT32_MAX, &known);

    if (!end->has_iss || (is_known && !s->iss_inferred[role] && end->sent_syn))
        return; /* an opener keeps it, whatever a later SYN,ACK claims */
    s->iss_inferred[role] = end->iss_inferred;
    if (!is_known || known != end->iss)
        believe(&s->isns[role], j->segment->frame, end->iss);
}

static void step(struct judgement *j, enum tcpstate_step which, bool again) {
    j->report->step = (uint8_t)which;
    j->report->step_again = again;
}

/* ---- handshake ------------------------------------------------------------------------------------------------ */

/* The two parts of the handshake tell on which side the capture was taken. */
static enum tcpstate_vantage vantage_of(int64_t server_ns, int64_t client_ns) {
    if (server_ns < 0 || client_ns < 0 || server_ns + client_ns == 0)
        return TCPSTATE_VANTAGE_UNKNOWN;
    if (server_ns >= 10 * client_ns)
        return TCPSTATE_VANTAGE_CLIENT_SIDE;
    if (client_ns >= 10 * server_ns)
        return TCPSTATE_VANTAGE_SERVER_SIDE;
    return TCPSTATE_VANTAGE_MIDDLE;
}

static void complete_handshake(struct judgement *j) {
    struct tcpstate_summary *s = &j->connection->summary;
    int64_t now = j->segment->time_ns;

    if (s->handshake_ns >= 0)
        return;
    s->handshake_ns = now;
    s->handshake_ack_frame = j->segment->frame;
    if (s->syn_ns >= 0 && !j->conversation->clock_jumped)
        s->handshake_time_ns = now - s->syn_ns;
    if (s->synack_ns >= 0 && !j->conversation->clock_jumped) {
        s->handshake_client_ns = now - s->synack_ns;
        if (s->handshake_server_ns >= 0)
            s->vantage = (uint8_t)vantage_of(s->handshake_server_ns, s->handshake_client_ns);
        if (!(j->segment->options & TCPSTATE_OPT_TIMESTAMPS))
            capture_add_leg(j->sender == TCPSTATE_CLIENT ? j->x_path : j->y_path, s->handshake_client_ns);
    }
    j->report->completes_handshake = true;
    j->report->shows_server_time = s->handshake_server_ns >= 0;
    findings_tell(j, TCPSTATE_FINDING_handshake_completed, s->synack_frame, 0, 0);
    if (!j->pure_ack && !j->syn)
        findings_tell(j, TCPSTATE_FINDING_handshake_completed_by_data, s->synack_frame, j->segment->length, 0);
}

static void note_syn(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;
    bool second = j->sender == TCPSTATE_SERVER && c->end[TCPSTATE_CLIENT].sent_syn;

    if (j->candidate)
        return;
    if (j->x->sent_synack && !j->x->synack_acked && !j->x->spoke && j->x->iss == j->segment->seq)
        c->simultaneous_open = true; /* overtaken by its answer to a SYN in SYN-SENT: no listener sends both */
    step(j, second ? TCPSTATE_STEP_SIM_OPEN_2 : TCPSTATE_STEP_HANDSHAKE_1, j->syn_again);
    if (s->syn_frame == 0) {
        s->syn_frame = j->segment->frame;
        s->syn_ns = j->segment->time_ns;
    }
    if (!second)
        s->last_syn_ns = j->segment->time_ns;
    if (j->syn_again)
        return;
    bool is_split = second && j->x->evidence_open.acked_syn; /* it knew the other SYN: split_handshake */

    if ((!j->has_shown || second) && !is_split)
        findings_tell(j, TCPSTATE_FINDING_syn_sent, 0, 0, 0);
    if (second) {
        c->simultaneous_open = true;
        if (!is_split)
            findings_tell(j, TCPSTATE_FINDING_simultaneous_open, s->syn_frame, 0, 0);
    }
}

static void note_synack(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool taken = y->has_iss && seq_within(j->segment->ack, y->iss + 1, y->smax);
    bool simultaneous = c->simultaneous_open && x->sent_syn && x->iss == j->segment->seq;

    if (j->stale || j->alien || !taken)
        return;
    if (simultaneous) {
        bool second = y->sent_synack;
        step(j, second ? TCPSTATE_STEP_SIM_OPEN_4 : TCPSTATE_STEP_SIM_OPEN_3, j->synack_again);
        if (second && !j->synack_again)
            complete_handshake(j);
    } else {
        step(j, TCPSTATE_STEP_HANDSHAKE_2, j->synack_again);
    }
    if (s->synack_frame == 0) {
        s->synack_frame = j->segment->frame;
        s->synack_ns = j->segment->time_ns;
        j->report->shows_server_time = true;
        if (s->last_syn_ns >= 0 && !j->conversation->clock_jumped) {
            s->handshake_server_ns = j->segment->time_ns - s->last_syn_ns;
            if (!(j->segment->options & TCPSTATE_OPT_TIMESTAMPS))
                capture_add_leg(j->x_path, s->handshake_server_ns);
        }
    }
    x->synack_repeated = j->synack_again;
}

static void note_handshake(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (j->syn && !j->ack) {
        note_syn(j);
    } else if (j->syn) {
        note_synack(j);
    } else if (j->handshake_done && !j->connection->simultaneous_open) {
        step(j, TCPSTATE_STEP_HANDSHAKE_3, j->connection->summary.handshake_ns >= 0);
        complete_handshake(j);
        y->synack_repeated = false;
    } else if (j->handshake_done && y->sent_synack && !x->sent_synack) {
        step(j, TCPSTATE_STEP_SIM_OPEN_4,
             j->connection->summary.handshake_ns >= 0); /* y's SYN came only with its SYN,ACK */
        complete_handshake(j);
    } else if (y->synack_repeated && j->pure_ack && !x->has_dmax && y->has_iss && j->segment->ack == y->iss + 1) {
        step(j, TCPSTATE_STEP_HANDSHAKE_3, true);
        y->synack_repeated = false;
    }
}

/* ---- close ---------------------------------------------------------------------------------------------------- */

static void link_fin(struct judgement *j) {
    struct tcpstate_summary *s = &j->connection->summary;

    s->fin_frame[j->sender] = j->segment->frame;
    believe(&s->fins[j->sender], j->segment->frame, j->x->fin);
    s->fin_inferred[j->sender] = false;
}

static uint8_t kind_of_close(const struct tcpstate_connection *c) {
    return c->simultaneous_close ? TCPSTATE_CLOSE_SIMULTANEOUS
           : c->three_segment    ? TCPSTATE_CLOSE_THREE_SEGMENT
                                 : TCPSTATE_CLOSE_FOUR_WAY;
}

/* Had y closed before the capture began? Not if it has sent text since. */
static bool may_be_half_closed(const struct judgement *j) {
    const struct tcpstate_summary *s = &j->connection->summary;

    return s->syn_frame == 0 && s->synack_frame == 0 && !j->y->has_dmax;
}

static void note_own_fin(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool second = c->any_fin && c->first_fin_role != j->sender;
    bool covers = y->has_fin && j->ack && j->segment->ack == y->fin + 1;

    if (j->fin_again) {
        x->fin_repeated = true;
        if (!second)
            step(j, TCPSTATE_STEP_CLOSE_1, true);
        else if (c->simultaneous_close)
            step(j, TCPSTATE_STEP_SIM_CLOSE_2, true);
        else
            step(j, c->three_segment ? TCPSTATE_STEP_CLOSE_2_3 : TCPSTATE_STEP_CLOSE_3, true);
        return;
    }
    link_fin(j);
    if (!second) {
        c->any_fin = true;
        c->first_fin_role = (uint8_t)j->sender;
        s->first_fin_ns = j->segment->time_ns;
        step(j, TCPSTATE_STEP_CLOSE_1, false);
        if (covers)
            findings_tell(j, TCPSTATE_FINDING_passive_close, 0, 0, 0);
        else if (!may_be_half_closed(j))
            findings_tell(j, TCPSTATE_FINDING_active_close, 0, 0, 0);
        return;
    }
    if (!covers || c->simultaneous_close) { /* sent, if not captured, before x could have acknowledged y's */
        c->simultaneous_close = true;
        step(j, TCPSTATE_STEP_SIM_CLOSE_2, false);
        if (!j->fin_not_received)
            findings_tell(j, TCPSTATE_FINDING_simultaneous_close, s->fin_frame[j->receiver], 0, 0);
        return;
    }
    if (x->state != TCPSTATE_FIN_WAIT_1) /* as where somebody else's octet stands in the place of the FIN */
        findings_tell(j, TCPSTATE_FINDING_passive_close, s->fin_frame[j->receiver], 0, 0);
    if (j->fin_ack_first) {
        c->three_segment = true;
        step(j, TCPSTATE_STEP_CLOSE_2_3, false);
        findings_tell(j, TCPSTATE_FINDING_three_segment_close, s->fin_frame[j->receiver], 0, 0);
    } else {
        step(j, TCPSTATE_STEP_CLOSE_3, false);
    }
}

static void note_fin_acknowledged(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    bool first_of_two = c->any_fin && c->first_fin_role == j->receiver;

    if (!j->fin_ack_first) {
        if (y->fin_repeated && j->pure_ack && !j->ack_refused && y->has_fin && seq_after(j->segment->ack, y->fin)) {
            y->fin_repeated = false;
            if (c->simultaneous_close)
                step(j, x->fin_acked ? TCPSTATE_STEP_SIM_CLOSE_4 : TCPSTATE_STEP_SIM_CLOSE_3, true);
            else
                step(j, first_of_two ? TCPSTATE_STEP_CLOSE_2 : TCPSTATE_STEP_CLOSE_4, true);
        }
        return;
    }
    if (y->fin_frame == 0 && y->fin_inferred)
        return; /* the FIN was not captured */
    bool again = y->told_step_close_ack;
    y->told_step_close_ack = true;
    y->fin_repeated = false;
    if (!again)
        findings_tell(j, TCPSTATE_FINDING_fin_acknowledged, y->fin_frame, y->fin, 0);
    if (!j->first_fin) {
        if (c->simultaneous_close)
            step(j, x->fin_acked ? TCPSTATE_STEP_SIM_CLOSE_4 : TCPSTATE_STEP_SIM_CLOSE_3, again);
        else
            step(j, first_of_two ? TCPSTATE_STEP_CLOSE_2 : TCPSTATE_STEP_CLOSE_4, again);
    }
    if (x->has_fin && x->fin_acked && !x->fin_shadowed && y->has_fin) {
        if (s->closed_ns < 0) {
            s->closed_ns = j->segment->time_ns;
            if (!c->reset && s->first_fin_ns >= 0 && !j->conversation->clock_jumped) {
                s->close_time_ns = s->closed_ns - s->first_fin_ns;
                j->report->completes_close = true;
            }
            findings_tell(j, TCPSTATE_FINDING_close_completed, 0, 0, 0);
        }
        if (!c->reset && !c->closed) {
            c->closed = true;
            c->closed_ns = j->segment->time_ns;
            s->close_kind = kind_of_close(c);
        }
    }
}

static void note_close(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;

    for (unsigned role = 0; role < 2; role++) {
        const struct tcpstate_endpoint *end = &c->end[role];
        if (end->has_fin && end->fin_inferred && !c->summary.fin_inferred[role]) {
            c->summary.fin_inferred[role] = true;
            if (!c->any_fin) {
                c->any_fin = true;
                c->first_fin_role = (uint8_t)role;
            } else if (c->first_fin_role != role && engine_has_event(&j->report->end[role], TCPSTATE_EVENT_snd_fin_x)) {
                c->simultaneous_close = true;
            }
        }
    }
    if (j->fin_believed) {
        c->simultaneous_close |=
            c->any_fin && c->first_fin_role != j->sender && j->y->has_fin && seq_at_most(j->segment->ack, j->y->fin);
        if (!c->any_fin)
            c->first_fin_role = (uint8_t)j->sender;
        c->any_fin = true;
    }
    if (j->copy)
        return;
    if (j->fin && !j->first_fin && j->x->has_fin && j->x->fin_frame == j->segment->frame) { /* it crossed a reset */
        link_fin(j);
        c->simultaneous_close |= c->any_fin && c->first_fin_role != j->sender && j->segment->ack != j->y->fin + 1;
        if (!c->any_fin)
            c->first_fin_role = (uint8_t)j->sender;
        c->any_fin = true;
        if (c->reset)
            c->summary.close_kind = TCPSTATE_CLOSE_FIN_RESET;
    }
    if (j->overtaken_by_fin && j->y->has_fin && j->segment->ack == j->y->fin + 1 && c->three_segment) {
        c->three_segment = false; /* the first ACK of the first FIN is this */
        if (c->closed && !c->reset)
            c->summary.close_kind = kind_of_close(c);
    }
    if (j->first_fin || j->fin_again)
        note_own_fin(j);
    note_fin_acknowledged(j);
}

/* ---- outcome -------------------------------------------------------------------------------------------------- */

static enum tcpstate_outcome outcome_of(const struct tcpstate_connection *c) {
    const struct tcpstate_endpoint *client = &c->end[TCPSTATE_CLIENT], *server = &c->end[TCPSTATE_SERVER];
    bool one_side = !client->captured || !server->captured;

    if (c->refused)
        return TCPSTATE_OUTCOME_REFUSED;
    if (one_side && !client->spoke && !server->spoke && !c->reset && (client->sent_syn || server->sent_synack) &&
        !server->captured)
        return TCPSTATE_OUTCOME_UNANSWERED;
    if (c->reset)
        return TCPSTATE_OUTCOME_RESET;
    if (c->closed)
        return TCPSTATE_OUTCOME_CLOSED;
    if (client->has_fin && server->has_fin)
        return TCPSTATE_OUTCOME_CLOSING;
    if (client->has_fin || server->has_fin)
        return TCPSTATE_OUTCOME_HALF_CLOSED;
    if (client->was_established && server->was_established)
        return TCPSTATE_OUTCOME_ESTABLISHED;
    if (server->sent_synack || client->sent_synack)
        return TCPSTATE_OUTCOME_INCOMPLETE;
    return TCPSTATE_OUTCOME_UNKNOWN;
}

/* The first accepted RST; if it turned out not to have been taken, the next one. */
static void note_rst_frame(struct judgement *j) {
    struct tcpstate_summary *s = &j->connection->summary;

    if (!j->connection->reset)
        j->connection->rst_index = j->index;
    if (s->rst_frame == 0)
        s->rst_frame = j->segment->frame;
    else if (s->rst_void_frame != 0 && s->rst_next_frame == 0)
        s->rst_next_frame = j->segment->frame;
}

uint32_t tcpstate_rst_frame(const struct tcpstate_summary *summary, uint32_t frame) {
    uint32_t linked = summary->rst_frame;

    if (summary->rst_void_frame != 0 && frame >= summary->rst_void_frame)
        linked = summary->rst_next_frame;
    return linked <= frame ? linked : 0;
}

/* The opener answers something of an older connection and still waits: figure 8 line 5, figure 9 line 5. Or it is taken
 * not to have opened any. */
static bool spares_the_opener(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    return (x->syn_doubted && !y->sent_synack) ||
           (j->rst_reply && x->state == TCPSTATE_SYN_SENT && (y->state == TCPSTATE_LISTEN || !y->sent_synack));
}

static void reset_by(struct judgement *j, enum tcpstate_role role) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;

    s->close_kind = c->any_fin ? TCPSTATE_CLOSE_FIN_RESET : TCPSTATE_CLOSE_RESET;
    if (s->closed_by == TCPSTATE_NOBODY)
        s->closed_by = role == TCPSTATE_CLIENT ? TCPSTATE_BY_CLIENT : TCPSTATE_BY_SERVER;
}

/* y is taken not to have sent the SYN that opened this connection, but whoever did is refused: RFC 9293 3.10.7.1. */
static bool refuses_doubted_syn(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    return y->syn_doubted && j->rst && j->ack && !j->alien && !x->sent_syn && !x->sent_synack &&
           j->segment->ack == y->iss + 1 + y->syn_length;
}

static void note_accepted_rst(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;

    if ((j->y->syn_doubted && !refuses_doubted_syn(j)) || incarnation_reset_before(j))
        return; /* it ends an older connection */
    note_rst_frame(j);
    if (c->closed || spares_the_opener(j))
        return;
    if ((j->receiver_had == TCPSTATE_SYN_SENT || j->y->syn_doubted) && !j->x->sent_syn && !j->x->sent_synack)
        c->refused = true;
    else
        c->reset = true;
    reset_by(j, j->sender);
}

/* A RST of y that x seemed to ignore has closed it after all. */
static void note_rst_that_was_taken(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;

    if (c->reset || c->closed || c->refused)
        return;
    c->reset = true;
    c->rst_index = j->x->ignored_rst_index;
    if (s->rst_frame == 0 && s->rst_void_frame == 0) { /* linked from here on */
        s->rst_void_frame = j->segment->frame;
        s->rst_next_frame = j->x->ignored_rst_frame;
    }
    reset_by(j, j->receiver);
}

/* x resets, y has reset, and neither was in a state to take the other's RST: each was gone by then. */
static bool both_are_gone(const struct judgement *j) {
    const struct tcpstate_connection *c = j->connection;

    return j->rst && !j->copy && !j->alien && !c->reset && !c->closed && !c->refused &&
           j->x->state == TCPSTATE_CLOSED && j->y->state == TCPSTATE_CLOSED &&
           j->x->undo.cause == TCPSTATE_UNDO_RST_SENT && j->y->undo.cause == TCPSTATE_UNDO_RST_SENT;
}

/* x aborts too, before the reset reaches it: a RST that answers something has an ACK only if that had none (RFC 9293
 * 3.10.7.1). Then neither was accepted, and at the other end they come in the other order. So it is if x, as it says itself,
 * waits for another number than that of the reset, which it had to ignore (RFC 5961 3.2). */
static bool resets_cross(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    if (!j->connection->reset || j->connection->any_fin || !j->rst || !j->ack || j->copy || j->alien || j->ack_unsent)
        return false;
    /* from SND.NXT, be it that its last text was not captured */
    bool is_next = x->has_smax &&
                   (j->y->has_redge ? seq_within(j->segment->seq, x->smax, j->y->redge) : j->segment->seq == x->smax);
    bool had_to_ignore = j->segment->ack != x->undo.rst_seq;
    return x->undo.cause == TCPSTATE_UNDO_RST_TAKEN && x->undo.index == j->connection->rst_index &&
           (j->emitted_ns <= x->undo.time_ns + j->tolerance_ns || had_to_ignore) && is_next;
}

/* A RST that seemed to lie too high to be x's was: the text before it comes later. It crossed that of y. */
static bool abort_is_borne_out(const struct judgement *j) {
    const struct tcpstate_undo *taken = &j->x->undo;

    return j->bears_out_abort && j->connection->reset && !j->connection->any_fin &&
           taken->cause == TCPSTATE_UNDO_RST_TAKEN && taken->index == j->connection->rst_index;
}

/* Two resets of which neither was taken: who has aborted has ended the connection, not who had no connection any more and
 * answered (RFC 9293 3.10.7.1). Of two that are alike, each is first at its own end. */
static void note_crossing(struct judgement *j) {
    struct tcpstate_summary *s = &j->connection->summary;
    bool has_aborted = j->ack || /* x, by its RST or by text that bears one out; or before */
                       (j->x->undo.cause == TCPSTATE_UNDO_RST_SENT && j->x->undo.is_abort);
    const struct tcpstate_undo *rst =
        j->x->undo.cause == TCPSTATE_UNDO_RST_TAKEN ? &j->x->undo : &j->y->undo; /* of y */

    if (j->connection->any_fin)
        return;
    if (has_aborted == rst->is_abort)
        s->closed_by = TCPSTATE_BY_BOTH;
    else
        s->closed_by = (j->sender == TCPSTATE_CLIENT) == has_aborted ? TCPSTATE_BY_CLIENT : TCPSTATE_BY_SERVER;
}

/* A RST that turned out not to have been taken. */
static void take_back_reset(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;

    if (!c->reset || !(j->revived || hindsight_says(j, c->rst_index, TCPSTATE_VERDICT_NOT_TAKEN) ||
                       hindsight_says(j, c->rst_index, TCPSTATE_VERDICT_NOT_SENT)))
        return;
    c->reset = c->phase_reset = false;
    if (s->rst_void_frame == 0)
        s->rst_void_frame = j->segment->frame;
    s->close_kind = TCPSTATE_CLOSE_UNDECIDED;
    s->closed_by = TCPSTATE_NOBODY;
}

/* x was in TIME-WAIT when it sent this, and had not taken the RST of y, whose FIN it acknowledges: the close was complete,
 * and a RST after that changes nothing. */
static void complete_close_before_reset(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;

    if (!c->reset || c->closed || !j->ordinary || !j->ack || j->alien || j->copy || !j->x->has_fin || !j->y->has_fin ||
        j->report->end[j->sender].state != TCPSTATE_TIME_WAIT || j->segment->ack != j->y->fin + 1)
        return;
    c->reset = false;
    c->closed = true;
    c->closed_ns = j->segment->time_ns;
    if (s->rst_void_frame == 0)
        s->rst_void_frame = j->segment->frame;
    s->close_kind = kind_of_close(c);
}

/* A FIN that was not sent after all was not the first, nor does it close anything. */
static void take_back_fins(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;
    bool first_is_true = c->end[c->first_fin_role].has_fin, second_is_true = c->end[!c->first_fin_role].has_fin;

    if (!c->any_fin || (first_is_true && second_is_true))
        return;
    c->simultaneous_close = c->three_segment = false;
    if (!first_is_true) {
        c->any_fin = second_is_true;
        c->first_fin_role = !c->first_fin_role;
        s->closed_by = TCPSTATE_NOBODY;
    }
    if (c->closed)
        s->close_kind = TCPSTATE_CLOSE_UNDECIDED;
    c->closed = false;
}

static void note_outcome(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;
    bool both_established =
        j->report->end[0].state == TCPSTATE_ESTABLISHED && j->report->end[1].state == TCPSTATE_ESTABLISHED;
    bool data_acked = j->ack && !j->ack_unsent && j->y->has_dmax && seq_at_least(j->segment->ack, j->y->dmax) &&
                      j->ordinary && j->y->spoke;

    if (both_established || data_acked)
        c->end[0].was_established = c->end[1].was_established = true;
    take_back_fins(j);
    if (j->rst_was_taken && j->rst_accepted) /* before that of x, which answers */
        note_rst_that_was_taken(j);
    if (j->rst_accepted || refuses_doubted_syn(j))
        note_accepted_rst(j);
    take_back_reset(j);
    complete_close_before_reset(j);
    if (both_are_gone(j)) {
        note_rst_frame(j);
        c->reset = true;
        reset_by(j, j->receiver);
        note_crossing(j);
    }
    if (j->rst_was_taken)
        note_rst_that_was_taken(j);
    if (c->any_fin)
        s->closed_by = c->simultaneous_close                  ? TCPSTATE_BY_BOTH
                       : c->first_fin_role == TCPSTATE_CLIENT ? TCPSTATE_BY_CLIENT
                                                              : TCPSTATE_BY_SERVER;
    else if (resets_cross(j) || abort_is_borne_out(j))
        note_crossing(j);
    if (c->simultaneous_open)
        s->opened_by = TCPSTATE_BY_BOTH;
    else if (s->roles != TCPSTATE_ROLES_GUESS)
        s->opened_by = TCPSTATE_BY_CLIENT;
    s->outcome = (uint8_t)outcome_of(c);
}

void summary_note(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    struct tcpstate_summary *s = &c->summary;
    struct tcpstate_report *report = j->report;

    s->last_frame = j->segment->frame;
    s->last_ns = j->segment->time_ns;
    if (!c->self) {
        s->last_sent_ns[j->sender] = j->segment->time_ns;
        s->segments[j->sender]++;
        if (!j->bad_checksum) {
            if (!j->copy)
                note_handshake(j);
            note_close(j);
            note_outcome(j);
        }
        for (unsigned role = 0; role < 2; role++)
            note_isn(j, (enum tcpstate_role)role);
        zeek_note(j);
    }
    report->outcome = s->outcome;
    report->closed_by = s->closed_by;
    report->opened_by = s->opened_by;
    report->close_kind = s->close_kind;
    report->vantage = s->vantage;
    report->conn_state = s->conn_state;
    report->history_length = s->history_length;
}
