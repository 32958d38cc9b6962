/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is worth telling about a segment beyond the states: one function per group of finding.def. Steps of the handshake
 * and the close are told where they are recognised (summary.c), inferred segments where they are inferred (sender.c).
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "judgement.h"

/* Told at most once per connection and sender, unless finding.def says each. The evidence is weak where the capture has
 * not shown the handshake, or only one direction. */
void findings_tell(struct judgement *j, enum tcpstate_finding_id id, uint32_t cause_frame, uint32_t value1,
                   uint32_t value2)
{
    const struct tcpstate_finding_info *info = tcpstate_finding_info(id);
    struct tcpstate_report *report = j->report;
    struct tcpstate_endpoint *x = j->x;
    bool weak;

    if (info->frequency == TCPSTATE_FINAL || report->finding_count == TCPSTATE_REPORT_FINDINGS)
        return;
    if (info->frequency == TCPSTATE_ONCE) {
        if (x->once[id / 32] & (1u << (id % 32)))
            return;
        x->once[id / 32] |= 1u << (id % 32);
    }
    weak = info->severity >= TCPSTATE_WARNING &&
           (j->connection->summary.roles != TCPSTATE_ROLES_SYN || !j->y->captured);
    report->findings[report->finding_count++] = (struct tcpstate_finding){
        .id = (uint8_t)id, .weak = weak, .cause_frame = cause_frame, .value = {value1, value2}};
    if (weak)
        report->uncertain = true;
    if (info->kind == TCPSTATE_VIOLATION)
        j->connection->summary.violations++;
}

static void handshake(struct judgement *j)
{
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;

    if (j->syn_again && !x->spoke && !x->sent_synack)
        findings_tell(j, TCPSTATE_FINDING_syn_retransmitted, j->connection->summary.syn_frame, 0, 0);
    if (j->synack_again && !j->copy) {
        if (x->synack_acked || x->ignored_acks > 0)
            findings_tell(j, x->state == TCPSTATE_SYN_RECEIVED && !j->has_shown
                                 ? TCPSTATE_FINDING_synack_retransmitted_after_ack
                                 : TCPSTATE_FINDING_synack_retransmitted,
                          j->connection->summary.synack_frame, 0, 0);
        else
            findings_tell(j, TCPSTATE_FINDING_synack_retransmitted, j->connection->summary.synack_frame, 0, 0);
    }
    if (y->state == TCPSTATE_SYN_SENT && j->receiver_had == TCPSTATE_SYN_SENT && y->has_bad_ack &&
        y->bad_ack_frame == s->frame) {
        if (j->syn)
            findings_tell(j, TCPSTATE_FINDING_synack_ack_unacceptable, j->connection->summary.syn_frame, y->iss, 0);
        else if (j->pure_ack)
            findings_tell(j, TCPSTATE_FINDING_syn_answered_by_challenge_ack, j->connection->summary.syn_frame, y->iss, 0);
    }
    if (j->rst_reply && x->state == TCPSTATE_SYN_SENT && x->has_bad_ack && s->seq == x->bad_ack)
        findings_tell(j, TCPSTATE_FINDING_rst_answers_bad_synack, x->bad_ack_frame, 0, 0);
    if (j->rst_accepted && j->connection->refused && y->state == TCPSTATE_CLOSED)
        findings_tell(j, TCPSTATE_FINDING_connection_refused, j->connection->summary.syn_frame, 0, 0);
}

static void closing(struct judgement *j)
{
    struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (j->fin_again && !j->copy) {
        findings_tell(j, TCPSTATE_FINDING_fin_retransmitted, x->fin_frame, x->fin, 0);
        if (j->last_ack_lost)
            findings_tell(j, TCPSTATE_FINDING_last_ack_not_received, x->fin_ack_frame, 0, 0);
    }
    if (j->fin_not_received)
        findings_tell(j, TCPSTATE_FINDING_fin_not_received, y->fin_frame, y->fin, 0);
    if (j->ordinary && j->segment->length > 0 && y->has_fin && !y->fin_inferred && !x->has_fin &&
        seq_after(x->acked, y->fin) && !j->stale && !j->copy)
        findings_tell(j, TCPSTATE_FINDING_half_close_data, y->fin_frame, j->segment->length, 0);
}

static void reset(struct judgement *j)
{
    struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_segment *s = j->segment;
    bool answers = false;

    if (!j->rst || j->rst_reply || j->half_open_reset || j->connection->refused)
        return;
    for (unsigned i = 0; i < j->x_path->ack_count && !j->ack; i++)
        if (j->x_path->acks[i].ack == s->seq && (j->x_path->acks[i].traits & 1) &&
            s->time_ns - j->x_path->acks[i].time_ns <= 100000000 + j->tolerance_ns)
            answers = true;
    if (j->connection->closed) {
        findings_tell(j, TCPSTATE_FINDING_rst_after_close, 0, 0, 0);
    } else if (j->rst_too_low) {
        findings_tell(j, TCPSTATE_FINDING_rst_behind_window, 0, y->rnxt, 0);
    } else if (j->rst_accepted && state_is_synchronized((enum tcpstate_state)j->receiver_had) && !x->has_fin &&
               !y->has_fin) {
        findings_tell(j, answers ? TCPSTATE_FINDING_rst_no_connection : TCPSTATE_FINDING_connection_aborted,
                      0, 0, 0);
    }
}

static void time_wait(struct judgement *j)
{
    if (j->report->started_connection && j->syn && !j->ack && j->report->end[j->receiver].before == TCPSTATE_TIME_WAIT &&
        j->y->state == TCPSTATE_SYN_RECEIVED && !engine_has_event(&j->report->end[j->receiver], TCPSTATE_EVENT_time_2msl))
        findings_tell(j, TCPSTATE_FINDING_time_wait_reuse, 0, 0, 0);
}

static void capture(struct judgement *j)
{
    if (j->report->started_connection && j->connection->summary.roles == TCPSTATE_ROLES_GUESS) {
        if (!j->syn && !j->rst)
            findings_tell(j, TCPSTATE_FINDING_midstream_start, 0, 0, 0);
        findings_tell(j, TCPSTATE_FINDING_roles_guessed, 0, 0, 0);
    }
}

/* What y sent to x lately, so that a RST of x that answers it can be told from an abort. */
static void remember_ack(struct judgement *j)
{
    struct tcpstate_path *path = j->y_path;
    unsigned slot = path->ack_next;

    if (!j->ack || j->rst)
        return;
    path->acks[slot].ack = j->segment->ack;
    path->acks[slot].frame = j->segment->frame;
    path->acks[slot].time_ns = j->segment->time_ns;
    path->acks[slot].traits = j->segment->length > 0 || j->fin;
    path->ack_next = (uint8_t)((slot + 1) % TCPSTATE_ACKS);
    if (path->ack_count < TCPSTATE_ACKS)
        path->ack_count++;
}

void findings_judge(struct judgement *j)
{
    if (!j->connection->self && !j->copy && !j->bad_checksum) {
        handshake(j);
        closing(j);
        reset(j);
        time_wait(j);
        capture(j);
        remember_ack(j);
    }
}

unsigned tcpstate_final_findings(const struct tcpstate_summary *summary, int64_t end_ns,
                                 struct tcpstate_final_finding findings[TCPSTATE_FINAL_FINDINGS])
{
    (void)summary;
    (void)end_ns;
    (void)findings;
    return 0;
}
