/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about the capture itself (group F of finding.def): nobody did anything wrong. Copies and bad checksums are
 * told in capture.c, segments that must have existed in sender.c.
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "findings_end.h"

enum { MS = 1000000, FILLED_AT_ONCE = 3 * MS };

static void judge_frame(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    int64_t back_ns = j->conversation->last_ns - s->time_ns;

    if (j->index > 0 && back_ns > 0)
        findings_tell(j, TCPSTATE_FINDING_time_backwards, 0, (uint32_t)(back_ns / MS), 0);
    if (s->traits & TCPSTATE_TRUNCATED_HEADER)
        findings_tell(j, TCPSTATE_FINDING_headers_truncated, 0, 0, 0);
}

static void judge_start(struct judgement *j) {
    if (!j->report->started_connection || j->connection->summary.roles != TCPSTATE_ROLES_GUESS)
        return;
    if (!j->syn && !j->rst)
        findings_tell(j, TCPSTATE_FINDING_midstream_start, 0, 0, 0);
    findings_tell(j, TCPSTATE_FINDING_roles_guessed, 0, 0, 0);
}

/* ---- octets that were not captured ------------------------------------------------------------------------------ */

static void open_hole(struct judgement *j) {
    struct tcpstate_evidence_end *e = &j->x->evidence_end;

    e->in_hole = true;
    e->hole_right = j->segment->seq;
    e->beyond_right = j->end;
    e->hole_ns = j->segment->time_ns;
    e->hole_tsval = j->segment->tsval;
    e->hole_frame = j->segment->frame;
}

static void extend(struct judgement *j) {
    struct tcpstate_evidence_end *e = &j->x->evidence_end;

    if (seq_at_most(j->segment->seq, e->contig)) {
        e->contig = seq_max(e->contig, j->end);
        if (e->in_hole && seq_at_least(e->contig, e->hole_right)) {
            e->contig = seq_max(e->contig, e->beyond_right);
            e->in_hole = false;
        }
    } else if (!e->in_hole) {
        open_hole(j);
    } else {
        e->hole_right = seq_before(j->segment->seq, e->hole_right) ? j->segment->seq : e->hole_right;
        e->beyond_right = seq_max(e->beyond_right, j->end);
    }
}

/* Octets before this segment are missing from the capture, and not only late: y has them, or time has passed. */
static void judge_hole(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    struct tcpstate_evidence_end *e = &j->x->evidence_end;
    bool has_them = j->y->has_acked && seq_at_least(j->y->acked, e->hole_right);

    if (e->in_hole && x->fin_inferred && x->fin == e->contig && e->hole_right == e->contig + 1) {
        e->in_hole = false; /* the FIN that was not captured */
        e->contig = e->beyond_right;
    }
    if (!e->in_hole || (!has_them && j->segment->time_ns - e->hole_ns <= findings_patience_ns(j)))
        return;
    findings_tell(j, TCPSTATE_FINDING_bytes_missing, 0, e->hole_right - e->contig, 0);
    e->missing = true;
    e->in_hole = false;
    e->contig = e->beyond_right;
}

static void judge_order(struct judgement *j) {
    const struct tcpstate_evidence_end *e = &j->x->evidence_end;
    const struct tcpstate_segment *s = j->segment;
    bool by_clock = j->stale && (s->options & TCPSTATE_OPT_TIMESTAMPS) && j->x->ts_newest != 0 &&
                    seq_before(s->tsval, j->x->ts_newest);
    bool older = j->ordinary && (by_clock || (j->stale && capture_was_overtaken(j)));
    bool late_syn = j->syn_again && (j->x->spoke || j->x->sent_synack);
    bool fills = j->ordinary && e->in_hole && j->end != s->seq && seq_at_least(s->seq, e->contig) &&
                 seq_at_most(j->end, e->hole_right) && s->time_ns - e->hole_ns < FILLED_AT_ONCE &&
                 j->y->last_sent_ns < e->hole_ns && /* y has not asked for it */
                 !((s->options & TCPSTATE_OPT_TIMESTAMPS) && seq_after(s->tsval, e->hole_tsval));

    if (older || late_syn || fills)
        findings_tell(j, TCPSTATE_FINDING_frames_reordered, fills ? e->hole_frame : 0, 0, 0);
}

/* Numbers that can be x's: not of another connection, not outside the window, not a forgery that was recognised. */
static bool numbers_count(const struct judgement *j) {
    const struct tcpstate_evidence_end *e = &j->x->evidence_end;
    int32_t distance = seq_distance(j->segment->seq, e->contig);
    bool late = j->stale && !(e->in_hole && distance >= 0 && seq_at_most(j->end, e->hole_right)); /* it may fill that */

    return !j->rst && !j->alien && !j->candidate && !late && (j->ack || j->syn) && !j->ack_unsent &&
           j->acceptable != TCPSTATE_SURELY_NOT && (!e->has_contig || (distance < (1 << 30) && distance > -(1 << 30)));
}

static void judge_octets(struct judgement *j) {
    struct tcpstate_evidence_end *e = &j->x->evidence_end;

    judge_order(j);
    if (!numbers_count(j) || findings_is_keep_alive(j))
        return;
    if (!e->has_contig || j->syn) { /* a SYN begins the numbers, whatever came before */
        e->has_contig = true;
        e->in_hole = false;
        e->contig = j->end;
        return;
    }
    extend(j);
    judge_hole(j);
}

/* ---- segments and windows --------------------------------------------------------------------------------------- */

static void judge_size(struct judgement *j) {
    if (j->y->syn_mss != 0 && j->segment->length > j->y->syn_mss && !j->rst)
        findings_tell(j, TCPSTATE_FINDING_offload_segment, 0, j->y->syn_mss, 0);
}

/* The window scale matters where the window without it would be exceeded. */
static void judge_window(struct judgement *j) {
    struct tcpstate_evidence_end *mine = &j->x->evidence_end, *other = &j->y->evidence_end;
    const struct tcpstate_segment *s = j->segment;
    uint32_t edge = s->ack + s->window;

    if (j->ordinary && s->length > 0 && other->has_raw_edge && seq_after(j->end, other->raw_edge) &&
        !findings_scale_is_known(j))
        findings_tell(j, TCPSTATE_FINDING_window_scale_unknown, 0, 0, 0);
    if (!j->ack || j->rst || j->ack_unsent || j->candidate)
        return;
    if (!mine->has_raw_edge || seq_after(edge, mine->raw_edge))
        mine->raw_edge = edge;
    mine->has_raw_edge = true;
    if (!j->stale)
        mine->window_closed = s->window == 0;
}

void findings_capture(struct judgement *j) {
    judge_frame(j);
    if (j->copy || j->bad_checksum)
        return;
    judge_start(j);
    judge_octets(j);
    judge_size(j);
    judge_window(j);
}
