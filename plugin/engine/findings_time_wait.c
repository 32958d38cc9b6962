/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about TIME-WAIT and the reuse of a tuple (group T of finding.def). That 2MSL have passed is told in
 * connection.c.
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "findings_end.h"

enum { MS = 1000000 };

static uint32_t ms_since_close(const struct judgement *j) {
    const struct tcpstate_summary *old = &j->conversation->previous;
    int64_t elapsed = j->segment->time_ns - old->closed_ns;

    return old->closed_ns >= 0 && elapsed > 0 ? (uint32_t)(elapsed / MS) : 0;
}

/* Role of the sender in the connection before. */
static unsigned old_role(const struct judgement *j) {
    return j->segment->direction == j->conversation->previous.client_direction ? TCPSTATE_CLIENT : TCPSTATE_SERVER;
}

static bool before_2msl(const struct judgement *j) {
    int64_t since_ns = j->conversation->previous.end_facts.time_wait_ns;

    return since_ns != 0 && j->segment->time_ns - since_ns <= 2 * j->settings->msl_ns;
}

/* ---- a SYN within 2MSL ------------------------------------------------------------------------------------------ */

/* RFC 6191 2: is the SYN newer than all of the old connection? */
static bool is_newer_than_old_connection(const struct judgement *j) {
    const struct tcpstate_end_facts *old = &j->conversation->previous.end_facts;
    const struct tcpstate_segment *s = j->segment;
    bool by_number = seq_after(s->seq, j->conversation->previous_smax[s->direction]);
    bool has_ts = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0, had_ts = old->sent_ts[old_role(j)];

    if (has_ts && !had_ts)
        return true;
    if (has_ts && s->tsval != old->tsval[old_role(j)])
        return seq_after(s->tsval, old->tsval[old_role(j)]);
    return by_number;
}

/* Timestamps in only one of the two connections, or a late copy of a SYN of two connections ago: no reason to warn. */
static bool reuse_is_doubtful(const struct judgement *j) {
    const struct tcpstate_end_facts *old = &j->conversation->previous.end_facts;
    bool has_ts = (j->segment->options & TCPSTATE_OPT_TIMESTAMPS) != 0;

    return has_ts != old->sent_ts[old_role(j)] || old->older_iss[old_role(j)] == j->segment->seq;
}

static void judge_reuse(struct judgement *j) {
    struct tcpstate_endpoint *y = j->y;
    bool newer = is_newer_than_old_connection(j);

    if (j->receiver_had == TCPSTATE_TIME_WAIT && before_2msl(j)) {
        y->evidence_end.reopened_from_time_wait = true;
        y->evidence_end.old_smax = j->conversation->previous_smax[1 - j->segment->direction];
        if (newer)
            findings_tell(j, TCPSTATE_FINDING_time_wait_reuse, 0, ms_since_close(j), 0);
        else
            (reuse_is_doubtful(j) ? findings_tell_weakly : findings_tell)(j, TCPSTATE_FINDING_time_wait_reuse_suspect,
                                                                          0, ms_since_close(j), 0);
    } else if (j->report->end[j->sender].before == TCPSTATE_TIME_WAIT && before_2msl(j)) {
        /* With newer numbers nothing can be mistaken: systems that allow early reuse rely on that. */
        (newer ? findings_tell_weakly : findings_tell)(j, TCPSTATE_FINDING_reuse_by_time_wait_holder, 0,
                                                       ms_since_close(j), 0);
    } else if (j->conversation->previous.outcome == TCPSTATE_OUTCOME_RESET &&
               j->segment->time_ns - j->conversation->previous.end_facts.rst_ns < 2 * j->settings->msl_ns) {
        findings_tell(j, TCPSTATE_FINDING_reuse_after_reset, j->conversation->previous.rst_frame, 0, 0);
    }
}

/* The SYN,ACK that accepts a SYN. */
static void judge_acceptance(struct judgement *j) {
    const struct tcpstate_summary *old = &j->conversation->previous;
    const struct tcpstate_summary *now = &j->connection->summary;
    const struct tcpstate_evidence_end *e = &j->x->evidence_end;
    int64_t patience_ns = findings_patience_ns(j);

    if (e->reopened_from_time_wait && before_2msl(j) && seq_before(j->segment->seq, e->old_smax) && !j->synack_again &&
        !j->alien)
        findings_tell(j, TCPSTATE_FINDING_time_wait_reopened_low_isn, now->syn_frame, e->old_smax, 0);
    if (!j->report->started_connection || j->conversation->connections < 2 || now->roles != TCPSTATE_ROLES_SYN ||
        old->outcome == TCPSTATE_OUTCOME_CLOSED || old->outcome == TCPSTATE_OUTCOME_RESET ||
        old->outcome == TCPSTATE_OUTCOME_REFUSED || old->outcome == TCPSTATE_OUTCOME_UNANSWERED)
        return;
    if (old->end_facts.ignored_reset.frame != 0)
        return; /* a RST was captured that seemed to be ignored: it was not */
    /* One unseen RST explains it, unless both ends were busy with the old connection a moment before. */
    (old->roles == TCPSTATE_ROLES_GUESS || now->syn_ns - old->last_sent_ns[0] > patience_ns ||
             now->syn_ns - old->last_sent_ns[1] > patience_ns
         ? findings_tell_weakly
         : findings_tell)(j, TCPSTATE_FINDING_reuse_of_open_connection, now->syn_frame, 0, 0);
}

/* ---- RST and TIME-WAIT ------------------------------------------------------------------------------------------ */

static void judge_rst_to_time_wait(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    uint32_t seq = j->segment->seq;

    if (j->ack || j->receiver_had != TCPSTATE_TIME_WAIT)
        return;
    if (x->sent_syn && !x->spoke && x->has_bad_ack && seq == x->bad_ack && y->evidence_end.reopened_from_time_wait)
        findings_tell(j, TCPSTATE_FINDING_time_wait_rejects_syn, x->bad_ack_frame, 0, 0);
    else if (y->evidence_end.time_wait_ack_frame != 0 && seq == y->evidence_end.time_wait_ack)
        findings_tell(j, TCPSTATE_FINDING_time_wait_assassinated, y->evidence_end.time_wait_ack_frame, 0, 0);
}

/* x repeats its last ACK from TIME-WAIT. */
static void note_time_wait_ack(struct judgement *j) {
    struct tcpstate_evidence_end *e = &j->x->evidence_end;

    if (!j->pure_ack || j->x->state != TCPSTATE_TIME_WAIT || j->fin_ack_first || j->stale)
        return;
    e->time_wait_ack = j->segment->ack;
    e->time_wait_ack_frame = j->segment->frame;
}

/* ---- an old segment --------------------------------------------------------------------------------------------- */

static bool is_of_old_connection(const struct judgement *j) {
    const struct tcpstate_conversation *c = j->conversation;
    const struct tcpstate_summary *old = &c->previous;
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;
    unsigned mine = old_role(j), other = 1 - mine;
    uint32_t isn, other_isn;

    return c->has_previous && !j->syn && (!j->rst || x->spoke) && j->ack && !j->report->started_connection &&
           tcpstate_isn(old, (enum tcpstate_role)mine, UINT32_MAX, &isn) &&
           tcpstate_isn(old, (enum tcpstate_role)other, UINT32_MAX, &other_isn) && x->has_iss &&
           seq_within(s->seq, isn, c->previous_smax[s->direction]) &&
           seq_within(s->ack, other_isn, c->previous_smax[1 - s->direction]) &&
           !(x->has_smax && seq_within(s->seq, x->iss, x->smax));
}

void findings_time_wait(struct judgement *j) {
    if (j->x->state == TCPSTATE_TIME_WAIT && incarnation_is_still_waiting(j)) /* it is not late */
        note_time_wait_ack(j);
    else if (is_of_old_connection(j))
        findings_tell(j, TCPSTATE_FINDING_segment_of_old_connection, 0, 0, 0);
    else if (j->rst)
        judge_rst_to_time_wait(j);
    else if (j->syn && !j->ack && j->report->started_connection && j->conversation->has_previous)
        judge_reuse(j);
    else if (j->syn && j->ack && j->conversation->has_previous)
        judge_acceptance(j);
    else
        note_time_wait_ack(j);
}
