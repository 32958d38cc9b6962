/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The SYN of an end that was not captured, ended by what was: a RST that answers it, or an ICMP error that quotes it (which
 * icmp.c notes). A SYN,ACK that acknowledges just its number then finds nobody, unless that end goes on.
 */
#include "judgement.h"

void unseen_note_refusal(struct judgement *j) {
    struct tcpstate_conversation *c = j->conversation;

    if (j->y->captured)
        return;
    c->ended_syn.is = c->ended_syn.by_reset = true;
    c->ended_syn.direction = !j->segment->direction;
    c->ended_syn.seq = j->segment->ack - 1;
    c->ended_syn.frame = j->segment->frame;
    c->ended_syn.index = j->index;
    c->ended_syn.time_ns = j->segment->time_ns;
}

void unseen_end_opening(struct judgement *j, struct tcpstate_endpoint *client) {
    struct tcpstate_conversation *c = j->conversation;

    if (!c->ended_syn.is || c->ended_syn.direction == j->segment->direction ||
        c->ended_syn.seq != j->segment->ack - 1 || hindsight_says(j, c->ended_syn.index, TCPSTATE_VERDICT_NOT_TAKEN))
        return;
    c->ended_syn.ended = true;
    client->state = TCPSTATE_CLOSED;
    client->certainty = TCPSTATE_ASSUMED;
    client->undo = (struct tcpstate_undo){.cause = TCPSTATE_UNDO_RST_TAKEN,
                                          .state = TCPSTATE_ESTABLISHED,
                                          .certainty = TCPSTATE_INFERRED,
                                          .frame = c->ended_syn.frame,
                                          .index = c->ended_syn.index,
                                          .time_ns = c->ended_syn.time_ns};
}

void unseen_take_back(struct judgement *j) {
    const struct tcpstate_conversation *c = j->conversation;
    struct tcpstate_endpoint *y = j->y;

    if (!c->ended_syn.is || y->captured || y->state != TCPSTATE_CLOSED || y->undo.cause != TCPSTATE_UNDO_RST_TAKEN ||
        y->undo.index != c->ended_syn.index)
        return;
    hindsight_note(j, y->undo.index, y->undo.frame, TCPSTATE_VERDICT_NOT_TAKEN);
    engine_restore(j, j->receiver, TCPSTATE_ESTABLISHED, TCPSTATE_INFERRED);
    y->undo.cause = TCPSTATE_UNDO_NONE;
}

void unseen_note_lone_rst(struct judgement *j) {
    struct tcpstate_conversation *conversation = j->conversation;
    const struct tcpstate_connection *c = &conversation->current;
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    conversation->lone_rst.is = j->syn && !j->ack && x->captured && !x->heard && !y->heard && !y->captured &&
                                c->summary.roles == TCPSTATE_ROLES_GUESS && !x->sent_syn && !x->sent_synack;
    conversation->lone_rst.direction = j->segment->direction;
    conversation->lone_rst.seq = x->evidence_end.rst_seq;
    conversation->lone_rst.frame = c->first_frame;
    conversation->lone_rst.index = c->first_index;
}

/* RFC 9293 3.10.7: only where there is no connection a SYN is answered by a SYN,ACK. */
void unseen_syn_was_answered(struct judgement *j) {
    const struct tcpstate_conversation *c = j->conversation;

    if (c->lone_rst.is && c->lone_rst.direction == j->segment->direction)
        hindsight_note(j, c->lone_rst.index, c->lone_rst.frame, TCPSTATE_VERDICT_REFUSED);
}
