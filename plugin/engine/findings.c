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
        findings_handshake(j);
        findings_synchronized(j);
        findings_close(j);
        findings_reset(j);
        findings_time_wait(j);
        findings_capture(j);
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
