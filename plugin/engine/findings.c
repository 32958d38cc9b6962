/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is worth telling about a segment beyond the states: one file per group of finding.def. Steps of the handshake
 * and the close are told where they are recognised (summary.c), inferred segments where they are inferred (sender.c).
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "findings_end.h"

enum { MS = 1000000 };

/* ---- how sure? ------------------------------------------------------------------------------------------------ */

/* Rows that look at one header only: no other segment can make them wrong. */
static bool needs_one_header_only(enum tcpstate_finding_id id) {
    return id == TCPSTATE_FINDING_syn_fin || id == TCPSTATE_FINDING_synack_fin || id == TCPSTATE_FINDING_syn_rst ||
           id == TCPSTATE_FINDING_ack_flag_missing || id == TCPSTATE_FINDING_syn_urg ||
           id == TCPSTATE_FINDING_syn_option_without_syn || id == TCPSTATE_FINDING_broadcast_address ||
           id == TCPSTATE_FINDING_rst_fin;
}

/* Rows that are worth nothing unless they are sure. RSTs beyond the window are not among them: the segment was ignored,
 * and nothing else would say why; with weak evidence they are lowered like the rest. */
static bool must_be_sure(enum tcpstate_finding_id id) {
    return id == TCPSTATE_FINDING_data_before_established || id == TCPSTATE_FINDING_data_in_syn_sent ||
           id == TCPSTATE_FINDING_fin_in_syn_sent || id == TCPSTATE_FINDING_ack_of_unsent_data ||
           id == TCPSTATE_FINDING_data_beyond_window || id == TCPSTATE_FINDING_ack_went_backwards ||
           id == TCPSTATE_FINDING_tsval_went_backwards || id == TCPSTATE_FINDING_tsecr_never_sent ||
           id == TCPSTATE_FINDING_ack_beyond_fin || id == TCPSTATE_FINDING_fin_beyond_window ||
           id == TCPSTATE_FINDING_rst_ack_of_unsent_data;
}

static bool looks_at_a_window(enum tcpstate_finding_id id) {
    return id == TCPSTATE_FINDING_data_beyond_window || id == TCPSTATE_FINDING_fin_beyond_window ||
           id == TCPSTATE_FINDING_rst_beyond_window || id == TCPSTATE_FINDING_rst_inexact ||
           id == TCPSTATE_FINDING_syn_in_window || id == TCPSTATE_FINDING_window_shrunk;
}

/* The capture has not shown all that the row rests on. What a sender says against itself (Error) is not touched by
 * octets that are missing. */
static bool evidence_is_weak(const struct judgement *j, const struct tcpstate_finding_info *info,
                             enum tcpstate_finding_id id) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (needs_one_header_only(id))
        return false;
    if (j->connection->summary.roles != TCPSTATE_ROLES_SYN || !y->captured || j->conversation->has_places)
        return true;
    if (info->severity != TCPSTATE_ERROR &&
        (x->evidence_end.missing || y->evidence_end.missing || x->evidence_end.in_hole || y->evidence_end.in_hole))
        return true;
    return looks_at_a_window(id) && !findings_scale_is_known(j);
}

/* The finding as the report has it, NULL if it is not told. */
static struct tcpstate_finding *tell(struct judgement *j, enum tcpstate_finding_id id, uint32_t cause_frame,
                                     uint32_t value1, uint32_t value2, bool weak) {
    const struct tcpstate_finding_info *info = tcpstate_finding_info(id);
    struct tcpstate_report *report = j->report;
    struct tcpstate_endpoint *x = j->x;

    if (info->frequency == TCPSTATE_FINAL || report->finding_count == TCPSTATE_REPORT_FINDINGS)
        return NULL;
    weak = weak || evidence_is_weak(j, info, id);
    if (weak && must_be_sure(id))
        return NULL;
    if (info->frequency == TCPSTATE_ONCE) {
        if (findings_told_once(x, id))
            return NULL;
        x->once[id / 32] |= 1u << (id % 32);
    }
    report->findings[report->finding_count++] =
        (struct tcpstate_finding){.id = (uint8_t)id,
                                  .weak = weak && info->severity >= TCPSTATE_WARNING,
                                  .cause_frame = cause_frame,
                                  .value = {value1, value2}};
    if (weak && (info->kind == TCPSTATE_VIOLATION || info->kind == TCPSTATE_ANOMALY))
        report->uncertain = true;
    if (info->kind == TCPSTATE_VIOLATION)
        j->connection->summary.violations++;
    return &report->findings[report->finding_count - 1];
}

/* Told at most once per connection and sender, unless finding.def says each. With weak evidence one step lower. */
void findings_tell(struct judgement *j, enum tcpstate_finding_id id, uint32_t cause_frame, uint32_t value1,
                   uint32_t value2) {
    tell(j, id, cause_frame, value1, value2, false);
}

void findings_tell_weakly(struct judgement *j, enum tcpstate_finding_id id, uint32_t cause_frame, uint32_t value1,
                          uint32_t value2) {
    tell(j, id, cause_frame, value1, value2, true);
}

void findings_tell_story(struct judgement *j, enum tcpstate_finding_id id, uint32_t cause_frame,
                         const uint32_t via_frame[TCPSTATE_VIA], uint32_t value1, uint32_t value2) {
    struct tcpstate_finding *finding = tell(j, id, cause_frame, value1, value2, false);

    for (unsigned i = 0; finding && i < TCPSTATE_VIA; i++)
        finding->via_frame[i] = via_frame[i];
}

/* ---- what several groups ask ----------------------------------------------------------------------------------- */

bool findings_told(const struct judgement *j, enum tcpstate_finding_id id) {
    for (unsigned i = 0; i < j->report->finding_count; i++)
        if (j->report->findings[i].id == id)
            return true;
    return false;
}

bool findings_told_once(const struct tcpstate_endpoint *end, enum tcpstate_finding_id id) {
    return (end->once[id / 32] & (1u << (id % 32))) != 0;
}

int64_t findings_patience_ns(const struct judgement *j) {
    int64_t here = capture_leg_ns(j->x_path), there = capture_leg_ns(j->y_path);

    if (here < 0 || there < 0)
        return 1000 * (int64_t)MS;
    return 2 * (here + there) > 100 * (int64_t)MS ? 2 * (here + there) : 100 * (int64_t)MS;
}

bool findings_is_keep_alive(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    return j->ordinary && j->ack && !j->fin && j->segment->length <= 1 && x->has_smax && y->has_acked &&
           j->segment->seq + 1 == x->smax && y->acked == x->smax && !y->evidence_end.window_closed && !j->stale;
}

bool findings_is_previous_isn(const struct judgement *j, enum tcpstate_role role) {
    uint32_t isn;

    return j->conversation->has_previous && tcpstate_isn(&j->conversation->previous, role, UINT32_MAX, &isn) &&
           isn == j->segment->seq;
}

bool findings_scale_is_known(const struct judgement *j) {
    return j->x->has_iss && !j->x->iss_inferred && !j->x->scale_is_cut && j->y->has_iss && !j->y->iss_inferred &&
           !j->y->scale_is_cut;
}

uint32_t findings_answered_by_rst(const struct judgement *j, bool stimulus) {
    const struct tcpstate_path *path = j->x_path;

    for (unsigned i = 0; i < path->ack_count && !j->ack; i++)
        if (path->acks[i].ack == j->segment->seq && (!stimulus || (path->acks[i].traits & 1)) &&
            j->segment->time_ns - path->acks[i].time_ns <= findings_patience_ns(j))
            return path->acks[i].frame;
    return 0;
}

/* ---- the order of judgement ------------------------------------------------------------------------------------ */

/* What x sent to y lately, so that a RST of y that answers it can be told from an abort. */
static void remember_ack(struct judgement *j) {
    struct tcpstate_path *path = j->y_path;
    unsigned slot = path->ack_next;

    if (!j->ack && !j->rst) {
        path->bare.is = true;
        path->bare.end = j->end;
        path->bare.frame = j->segment->frame;
        path->bare.index = j->index;
        path->bare.time_ns = j->segment->time_ns;
    }
    if (!j->ack || j->rst)
        return;
    path->acks[slot].ack = j->segment->ack;
    path->acks[slot].frame = j->segment->frame;
    path->acks[slot].index = j->index;
    path->acks[slot].time_ns = j->segment->time_ns;
    path->acks[slot].traits = j->segment->length > 0 || j->fin || findings_is_keep_alive(j);
    path->ack_next = (uint8_t)((slot + 1) % TCPSTATE_ACKS);
    if (path->ack_count < TCPSTATE_ACKS)
        path->ack_count++;
}

/* When x last did something: keep-alives and the answers to them are no activity. */
static void note_activity(struct judgement *j) {
    struct tcpstate_evidence_end *mine = &j->x->evidence_end, *other = &j->y->evidence_end;
    const struct tcpstate_segment *s = j->segment;
    bool keep_alive = findings_is_keep_alive(j);
    bool answer = j->pure_ack && other->sent_keep_alive && s->ack == mine->highest_ack;

    other->sent_keep_alive = false;
    mine->sent_keep_alive = keep_alive;
    if (!j->rst && j->ack && !j->ack_unsent)
        mine->highest_ack = s->ack;
    if (!keep_alive && !answer && !j->rst)
        mine->active_ns = s->time_ns;
}

/* The capture first: what it did, nobody else has done. Then which connection, then header and state. */
void findings_judge(struct judgement *j) {
    if (j->connection->self) { /* both directions look alike: one header is all there is to judge */
        findings_handshake(j);
        return;
    }
    findings_capture(j);
    if (j->copy || j->bad_checksum)
        return;
    findings_time_wait(j);
    findings_handshake(j);
    findings_synchronized(j);
    findings_close(j);
    findings_reset(j);
    findings_ignored(j);
    findings_story(j);
    findings_note_for_the_end(j);
    remember_ack(j);
    note_activity(j);
}
