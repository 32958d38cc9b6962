/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How a story ends that several segments tell. Two begin with a segment that its receiver does not obey:
 *
 *   SYN in a connection --> challenge ACK --> RST --> SYN again --> SYN,ACK        half_open_recovered
 *            |                    |
 *            +--------------------+--> both ends go on                             syn_survived
 *
 *   RST not at RCV.NXT ---> challenge ACK --> RST at RCV.NXT                       reset_confirmed
 *            |                    |
 *            +--------------------+--> both ends go on                             reset_survived
 *
 * RFC 9293 3.5.1 figure 9; RFC 5961 3.2, 4.2. Each is told once, by the segment that ends it; a story that the capture
 * leaves open is told by findings_final.c. The parts have findings of their own, told before.
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "findings_end.h"

enum { MS = 1000000 };
static const int64_t SYN_AGAIN_NS = 180 * 1000000000LL; /* RFC 9293 3.8.3 MUST-23: an opener tries no shorter */

static uint32_t ms_since_first(const struct judgement *j, const struct tcpstate_story *story) {
    int64_t elapsed = j->segment->time_ns - story->first_ns;

    return elapsed > 0 ? (uint32_t)(elapsed / MS) : 0;
}

static bool is_about_this(const struct judgement *j, const struct tcpstate_story *story) {
    return story->frame != 0 && story->connection == j->report->connection;
}

static void forget(struct tcpstate_story *story) { *story = (struct tcpstate_story){0}; }

static void note_smax(struct tcpstate_story *story, unsigned direction, const struct tcpstate_endpoint *end) {
    story->has_smax[direction] = end->has_smax;
    story->smax[direction] = end->smax;
}

/* Another SYN or reset of the same nominal sender belongs to the story that has begun. Nobody's life is proved by what
 * it said before it. */
static void begin(struct judgement *j, struct tcpstate_story *story, uint8_t direction, uint32_t frame) {
    bool goes_on = is_about_this(j, story) && story->direction == direction && story->rst_frame == 0;

    if (!goes_on)
        *story = (struct tcpstate_story){.frame = frame,
                                         .connection = j->report->connection,
                                         .direction = direction,
                                         .first_ns = j->segment->time_ns};
    if (story->count < 255)
        story->count++;
    story->last_ns = j->segment->time_ns;
    story->lives[0] = story->lives[1] = false;
    note_smax(story, j->segment->direction, j->x);
    note_smax(story, !j->segment->direction, j->y);
}

/* ---- both ends go on ------------------------------------------------------------------------------------------- */

/* x still has this connection. What it sent before may be captured a round trip later; earlier only an acknowledgment of
 * what y sent since tells. A challenge ACK says so itself, if the SYN or reset seemed to be y's. */
static bool shows_life(const struct judgement *j, const struct tcpstate_story *story) {
    const struct tcpstate_segment *s = j->segment;
    unsigned other = !s->direction;

    if (!j->ordinary || !j->ack || j->alien || j->stale || j->ack_refused || j->acceptable == TCPSTATE_SURELY_NOT)
        return false;
    if (findings_told(j, TCPSTATE_FINDING_challenge_ack))
        return s->direction != story->direction;
    return s->time_ns - story->last_ns > findings_patience_ns(j) ||
           (j->y->has_smax && seq_at_most(s->ack, j->y->smax) &&
            (!story->has_smax[other] || seq_after(s->ack, story->smax[other])));
}

static void judge_survival(struct judgement *j, struct tcpstate_story *story, enum tcpstate_finding_id id) {
    if (!is_about_this(j, story) || story->rst_frame != 0 || !shows_life(j, story))
        return;
    story->lives[j->segment->direction] = true;
    if (!story->lives[0] || !story->lives[1])
        return;
    findings_tell_story(j, id, story->frame, (const uint32_t[TCPSTATE_VIA]){story->challenge_frame},
                        story->count > 1 ? story->count : 0, ms_since_first(j, story));
    forget(story);
}

/* The other end's answer: RFC 5961 3.2, 4.2. */
static void note_challenge(struct judgement *j, struct tcpstate_story *story) {
    if (!is_about_this(j, story) || story->challenge_frame != 0 || story->direction == j->segment->direction ||
        !(findings_told(j, TCPSTATE_FINDING_challenge_ack) ||
          findings_told(j, TCPSTATE_FINDING_syn_answered_by_challenge_ack)))
        return;
    story->challenge_frame = j->segment->frame;
    story->challenge_ack = j->segment->ack;
}

/* ---- SYN ------------------------------------------------------------------------------------------------------- */

static void judge_syn(struct judgement *j) {
    struct tcpstate_story *story = &j->conversation->half_open;
    bool again = story->rst_frame != 0 && story->direction == j->segment->direction &&
                 j->segment->time_ns - story->last_ns <= SYN_AGAIN_NS;

    if (again) { /* it may open a connection of its own, which then goes on with the story */
        j->conversation->previous.end_facts.half_open.frame = 0;
        story->connection = j->report->connection;
        story->again_frame = j->segment->frame;
        if (story->count < 255)
            story->count++;
        story->last_ns = j->segment->time_ns;
    } else if (j->candidate) {
        begin(j, story, j->segment->direction, j->segment->frame);
    }
}

/* The older connection was not captured, or waits in TIME-WAIT: the SYN has a connection of its own already. */
static void begin_with_answer(struct judgement *j) {
    struct tcpstate_story *story = &j->conversation->half_open;
    const struct tcpstate_summary *summary = &j->connection->summary;

    if (is_about_this(j, story))
        return;
    begin(j, story, j->segment->direction == 0, summary->syn_frame);
    story->count = (uint8_t)(j->y->evidence_open.syn_count < 255 ? j->y->evidence_open.syn_count + 1 : 255);
    story->first_ns = summary->syn_ns;
}

static void judge_synack(struct judgement *j) {
    struct tcpstate_story *story = &j->conversation->half_open;
    const uint32_t via[TCPSTATE_VIA] = {story->challenge_frame, story->rst_frame, story->again_frame};
    bool accepts = j->report->step == TCPSTATE_STEP_HANDSHAKE_2 && !j->report->step_again;

    if (accepts && is_about_this(j, &j->conversation->ignored_reset))
        j->conversation->ignored_reset.lives[j->segment->direction] = true;
    if (story->frame == 0 || story->direction == j->segment->direction || !accepts)
        return;
    if (is_about_this(j, story) && story->again_frame != 0)
        findings_tell_story(j, TCPSTATE_FINDING_half_open_recovered, story->frame, via, story->count,
                            ms_since_first(j, story));
    forget(story);
}

/* ---- RST ------------------------------------------------------------------------------------------------------- */

static bool is_ignored_reset(const struct judgement *j) {
    return findings_told(j, TCPSTATE_FINDING_rst_behind_window) ||
           findings_told(j, TCPSTATE_FINDING_rst_beyond_window) || findings_told(j, TCPSTATE_FINDING_rst_inexact) ||
           findings_told(j, TCPSTATE_FINDING_rst_to_syn_unacceptable);
}

/* A reset that is obeyed ends the stories of its connection, but that of a SYN goes on with the RST that belongs to it. */
static void judge_accepted_rst(struct judgement *j) {
    struct tcpstate_story *reset = &j->conversation->ignored_reset, *half_open = &j->conversation->half_open;
    const uint32_t via[TCPSTATE_VIA] = {reset->challenge_frame};
    bool is_answer = findings_told(j, TCPSTATE_FINDING_half_open_discovered) ||
                     findings_told(j, TCPSTATE_FINDING_time_wait_rejects_syn);

    if (is_about_this(j, reset) && reset->challenge_frame != 0 && reset->direction == j->segment->direction &&
        reset->challenge_ack == j->segment->seq && !is_answer)
        findings_tell_story(j, TCPSTATE_FINDING_reset_confirmed, reset->frame, via, reset->count > 1 ? reset->count : 0,
                            ms_since_first(j, reset));
    forget(reset);
    if (is_answer && is_about_this(j, half_open) && half_open->direction == j->segment->direction &&
        half_open->challenge_frame != 0)
        half_open->rst_frame = j->segment->frame;
    else if (j->rst_accepted)
        forget(half_open);
}

static void judge_rst(struct judgement *j) {
    bool is_answer = findings_told(j, TCPSTATE_FINDING_half_open_discovered) ||
                     findings_told(j, TCPSTATE_FINDING_time_wait_rejects_syn);

    if (j->rst_accepted || is_answer)
        judge_accepted_rst(j);
    else if (is_ignored_reset(j) && !j->connection->closed && !j->connection->reset)
        begin(j, &j->conversation->ignored_reset, j->segment->direction, j->segment->frame);
}

static void for_the_end(const struct judgement *j, const struct tcpstate_story *story, struct tcpstate_story *fact) {
    if (story->frame != 0 || fact->frame != 0) /* most connections have none */
        *fact = is_about_this(j, story) ? *story : (struct tcpstate_story){0};
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

void findings_story(struct judgement *j) {
    struct tcpstate_conversation *c = j->conversation;

    if (j->syn && !j->ack && !j->rst) {
        judge_syn(j);
    } else if (j->syn && !j->rst) {
        judge_synack(j);
    } else if (j->rst) {
        judge_rst(j);
    } else {
        if (findings_told(j, TCPSTATE_FINDING_syn_answered_by_challenge_ack))
            begin_with_answer(j);
        note_challenge(j, &c->half_open);
        note_challenge(j, &c->ignored_reset);
        judge_survival(j, &c->half_open, TCPSTATE_FINDING_syn_survived);
        judge_survival(j, &c->ignored_reset, TCPSTATE_FINDING_reset_survived);
    }
    if (c->ignored_reset.connection != j->report->connection)
        forget(&c->ignored_reset);
    for_the_end(j, &c->half_open, &j->connection->summary.end_facts.half_open);
    for_the_end(j, &c->ignored_reset, &j->connection->summary.end_facts.ignored_reset);
}
