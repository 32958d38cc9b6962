/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One transmission held against the endpoint that is said to have made it: what the files of course_send() share.
 * course_send.c judges what is sent within a connection, course_send_acks.c what it acknowledges against what is thought to
 * have arrived, course_send_open.c what opens a connection, course_send_rst.c what ends it, course_send_options.c what the
 * options tell.
 */
#ifndef TCPSTATE_COURSE_SENDING_H
#define TCPSTATE_COURSE_SENDING_H

#include "course.h"

struct sending {
    const struct course_facts *facts;
    const struct tcpstate_segment *s;
    uint32_t index;
    struct course_sent *variants;
    unsigned count;
    bool syn, ack, fin, rst;
    bool forged; /* of what is presumed now */
};

/* Another way in which both ends may have come out of it, at a price; NULL if there is no more room. */
struct course_sent *sending_add(struct sending *t, const struct course_end *sender, const struct course_end *receiver,
                                int cost);
/* x has sent it: its clock and what it last acknowledged. */
void sending_note(struct course_end *x, const struct tcpstate_segment *s);

/* What does not fit: the clock of x, what it echoes, answers that it owed before, and a question nobody captured. */
int sending_cost_of_clock(const struct sending *t, const struct course_end *x);
int sending_cost_of_echo(const struct sending *t, const struct course_end *x);
/* Does its echo show that a segment of somebody else has reached x in the name of the peer? sending_cost_of_echo() has
 * counted that forgery. */
bool sending_echoes_other(const struct sending *t, const struct course_end *x);
/* Of what it tells to have received; x believes it. */
int sending_cost_of_sack(const struct sending *t, struct course_end *x, const struct course_end *y);
int sending_cost_of_replies(unsigned count);
int sending_cost_of_question(const struct sending *t, int otherwise);
/* ... that y, of which nothing is captured, has opened another connection with this number. */
int sending_cost_of_unseen_iss(const struct sending *t, const struct course_end *y, uint32_t iss);

/* What lies between SND.NXT and `upto` was not captured, at `cost`, unless it is captured late. */
void sending_note_hole(const struct sending *t, struct course_end *x, uint32_t upto, int cost);

/* ... what that costs, of x in `direction`. */
int sending_cost_of_unseen(const struct sending *t, const struct course_end *x, uint32_t upto, unsigned direction);

/* An ordinary segment of x in a synchronized state, with x->rcv_nxt what it acknowledges. */
void sending_in_connection(struct sending *t, const struct course_end *x, const struct course_end *y, int cost);
/* It acknowledges more than x->rcv_nxt, or less. */
void sending_knowing_unseen(struct sending *t, const struct course_end *x, const struct course_end *y, int cost);
void sending_lacking_text(struct sending *t, const struct course_end *x, const struct course_end *y, int cost);

/* RFC 9293 3.10.1, 3.10.7.2 */
void sending_syn(struct sending *t, const struct course_end *x, const struct course_end *y);
void sending_synack(struct sending *t, const struct course_end *x, const struct course_end *y);
/* RFC 9293 3.5.2, 3.10.5 */
void sending_rst(struct sending *t, const struct course_end *x, const struct course_end *y);

#endif
