/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The findings that only the end of a connection or of the capture can tell. They read nothing but its summary, and are
 * all Notes: what did not come may only not have been captured.
 */
#include "findings_end.h"

static const int64_t SECOND_NS = 1000000000;

enum {
    ANSWER_SECONDS = 3, /* so long at least the capture waited for an answer */
    CLOSE_WAIT_SECONDS = 60
};

/* ---- while the connection lasts --------------------------------------------------------------------------------- */

static void note_start(struct judgement *j) {
    struct tcpstate_summary *s = &j->connection->summary;
    const struct tcpstate_summary *old = &j->conversation->previous;

    if (!j->report->started_connection || !j->conversation->has_previous)
        return;
    for (unsigned role = 0; role < 2; role++) {
        unsigned old_role = s->client_direction == old->client_direction ? role : 1 - role;
        s->end_facts.older_iss[role] = 0;
        tcpstate_isn(old, (enum tcpstate_role)old_role, UINT32_MAX, &s->end_facts.older_iss[role]);
    }
}

static void note_sender(struct judgement *j) {
    struct tcpstate_end_facts *f = &j->connection->summary.end_facts;
    const struct tcpstate_endpoint *x = j->x;

    if (j->syn && !j->ack && !j->rst && j->sender == TCPSTATE_CLIENT && !j->candidate)
        f->syn_count++;
    if (j->sender == TCPSTATE_CLIENT)
        f->ecn_syn_frame = x->evidence_open.ecn_syn_frame;
    if (j->rst)
        f->any_rst = true;
    if (j->ordinary && !j->alien)
        f->spoke[j->sender] = true;
    if (j->ack && !j->rst && !j->ack_unsent && x->has_acked && x->evidence_end.highest_ack != 0 &&
        seq_after(j->segment->ack, x->evidence_end.highest_ack))
        f->acks_advance[j->sender] = true;
    if (x->evidence_end.has_fin) {
        f->fin_count[j->sender] = x->evidence_end.fin_count;
        f->last_fin_ns[j->sender] = x->evidence_end.fin_last_ns;
    }
}

void findings_note_for_the_end(struct judgement *j) {
    struct tcpstate_end_facts *f = &j->connection->summary.end_facts;

    note_start(j);
    note_sender(j);
    for (unsigned role = 0; role < 2; role++) {
        const struct tcpstate_endpoint *end = &j->connection->end[role];
        f->fin_acked[role] = end->fin_acked;
        f->sent_ts[role] = end->sent_ts;
        f->tsval[role] = end->ts_newest;
        f->close_wait_frame[role] = end->evidence_end.close_wait_told ? 0 : end->evidence_end.close_wait_frame;
        f->close_wait_ns[role] = end->evidence_end.close_wait_ns;
    }
    if (j->rst_accepted)
        f->rst_ns = j->segment->time_ns;
    f->time_wait_ns = j->connection->time_wait_ns;
}

/* ---- in the end ------------------------------------------------------------------------------------------------- */

struct list {
    struct tcpstate_final_finding *findings;
    unsigned count;
};

static struct tcpstate_finding *add(struct list *list, enum tcpstate_finding_id id, uint32_t frame, uint32_t value) {
    struct tcpstate_final_finding *added = &list->findings[list->count];

    if (frame == 0 || list->count == TCPSTATE_FINAL_FINDINGS)
        return NULL;
    list->count++;
    *added = (struct tcpstate_final_finding){.frame = frame, .finding = {.id = (uint8_t)id, .value = {value, 0}}};
    return &added->finding;
}

static bool waited(int64_t since_ns, int64_t end_ns) { return end_ns - since_ns >= ANSWER_SECONDS * SECOND_NS; }

/* SYNs and nothing else. A client that sent more had an answer that was not captured. */
static bool is_unanswered(const struct tcpstate_summary *s) {
    return s->syn_frame != 0 && s->segments[TCPSTATE_SERVER] == 0 && !s->end_facts.any_rst &&
           !s->end_facts.spoke[TCPSTATE_CLIENT];
}

static bool is_incomplete(const struct tcpstate_summary *s) {
    return s->synack_frame != 0 && s->segments[TCPSTATE_CLIENT] != 0 && s->handshake_ns < 0 && !s->end_facts.any_rst &&
           s->outcome == TCPSTATE_OUTCOME_INCOMPLETE && !s->end_facts.spoke[0] && !s->end_facts.spoke[1];
}

static void judge_handshake(const struct tcpstate_summary *s, int64_t end_ns, struct list *list) {
    if (is_unanswered(s) && waited(s->last_syn_ns, end_ns))
        add(list, TCPSTATE_FINDING_syn_unanswered, s->syn_frame,
            s->end_facts.syn_count > 1 ? s->end_facts.syn_count : 0);
    if (is_incomplete(s) && waited(s->synack_ns, end_ns))
        add(list, TCPSTATE_FINDING_handshake_incomplete, s->synack_frame, 0);
}

static void judge_close(const struct tcpstate_summary *s, int64_t end_ns, struct list *list) {
    const struct tcpstate_end_facts *f = &s->end_facts;

    for (unsigned role = 0; role < 2; role++) {
        if (s->fin_frame[role] != 0 && !f->fin_acked[role] && !f->any_rst && s->segments[1 - role] != 0 &&
            waited(f->last_fin_ns[role], end_ns))
            add(list, TCPSTATE_FINDING_fin_never_acked, s->fin_frame[role],
                f->fin_count[role] > 1 ? f->fin_count[role] : 0);
        if (f->close_wait_frame[role] != 0 && s->outcome == TCPSTATE_OUTCOME_HALF_CLOSED &&
            end_ns - f->close_wait_ns[role] > CLOSE_WAIT_SECONDS * SECOND_NS)
            add(list, TCPSTATE_FINDING_close_wait_stuck, f->close_wait_frame[role],
                (uint32_t)((end_ns - f->close_wait_ns[role]) / SECOND_NS));
    }
}

/* The stories that have no end in the capture (findings_story.c tells the others): on the segment that began them, or,
 * if that was of the connection before, on the newest SYN. */
static void add_story(struct list *list, enum tcpstate_finding_id id, const struct tcpstate_story *story,
                      uint32_t frame) {
    struct tcpstate_finding *finding = add(list, id, frame, story->count > 1 ? story->count : 0);

    if (finding == NULL)
        return;
    finding->via_frame[0] = story->challenge_frame;
    finding->via_frame[1] = story->rst_frame;
    finding->via_frame[2] = story->again_frame != frame ? story->again_frame : 0;
}

static void judge_stories(const struct tcpstate_summary *s, int64_t end_ns, struct list *list) {
    const struct tcpstate_story *half_open = &s->end_facts.half_open, *reset = &s->end_facts.ignored_reset;
    bool begins_here = half_open->frame >= s->first_frame;

    if (s->segments[0] == 0 || s->segments[1] == 0)
        return; /* one direction never shows that both ends go on */
    if (half_open->frame != 0 && waited(half_open->last_ns, end_ns))
        add_story(list, TCPSTATE_FINDING_half_open_unresolved, half_open,
                  begins_here ? half_open->frame : half_open->again_frame);
    if (reset->frame != 0 && waited(reset->last_ns, end_ns))
        add_story(list, TCPSTATE_FINDING_reset_unresolved, reset, reset->frame);
}

/* Not told where a handshake never ended: syn_unanswered and handshake_incomplete say more. */
static bool ends_open(const struct tcpstate_summary *s) {
    switch ((enum tcpstate_outcome)s->outcome) {
    case TCPSTATE_OUTCOME_REFUSED:
    case TCPSTATE_OUTCOME_RESET:
    case TCPSTATE_OUTCOME_CLOSED:
    case TCPSTATE_OUTCOME_CLOSING: return false;
    case TCPSTATE_OUTCOME_UNANSWERED:
    case TCPSTATE_OUTCOME_INCOMPLETE: return !is_unanswered(s) && !is_incomplete(s);
    case TCPSTATE_OUTCOME_HALF_CLOSED:
    case TCPSTATE_OUTCOME_ESTABLISHED: return true;
    case TCPSTATE_OUTCOME_UNKNOWN:
        return !s->end_facts.any_rst && s->segments[0] + s->segments[1] != 0 && !is_unanswered(s);
    }
    return false;
}

unsigned tcpstate_final_findings(const struct tcpstate_summary *summary, int64_t end_ns,
                                 struct tcpstate_final_finding findings[TCPSTATE_FINAL_FINDINGS]) {
    struct list list = {.findings = findings};

    judge_handshake(summary, end_ns, &list);
    judge_close(summary, end_ns, &list);
    judge_stories(summary, end_ns, &list);
    for (unsigned role = 0; role < 2; role++) /* only one speaks, and acknowledges more and more */
        if (summary->segments[1 - role] == 0 && summary->end_facts.acks_advance[role])
            add(&list, TCPSTATE_FINDING_one_direction_only, summary->first_frame, 0);
    if (ends_open(summary))
        add(&list, TCPSTATE_FINDING_capture_ends_open, summary->last_frame, 0);
    return list.count;
}
