/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Verdicts: what a later segment shows about an earlier one, kept by the number of the segment within its conversation.
 * A run only writes them; the next run of the same segments obeys them, so that each state can be told in the light of
 * the whole capture. A ring: when it is full, the oldest is forgotten. Where anything was doubtful, course.c tells the
 * states better, and course_outcome.c the final words but Zeek's; those rest on the verdicts, and so do the states of a
 * capture of one direction in which nobody else spoke.
 */
#include "judgement.h"

#include <string.h>

static struct tcpstate_verdict *find(struct tcpstate_conversation *conversation, uint32_t index,
                                     enum tcpstate_verdict_kind kind) {
    for (unsigned i = 0; i < conversation->verdict_count; i++)
        if (conversation->verdicts[i].index == index && conversation->verdicts[i].kind == kind)
            return &conversation->verdicts[i];
    return NULL;
}

static void add(struct tcpstate_conversation *conversation, struct tcpstate_verdict verdict) {
    conversation->verdicts[conversation->verdict_next] = verdict;
    conversation->verdict_next = (uint8_t)((conversation->verdict_next + 1) % TCPSTATE_VERDICTS);
    if (conversation->verdict_count < TCPSTATE_VERDICTS)
        conversation->verdict_count++;
    conversation->new_verdicts = true;
}

bool hindsight_says(const struct judgement *j, uint32_t index, enum tcpstate_verdict_kind kind) {
    const struct tcpstate_verdict *verdict = find(j->conversation, index, kind);

    return verdict != NULL && !verdict->withdrawn;
}

void hindsight_note(struct judgement *j, uint32_t index, uint32_t frame, enum tcpstate_verdict_kind kind) {
    struct tcpstate_conversation *c = j->conversation;

    if (frame == 0 || index >= j->index || find(c, index, kind) != NULL)
        return;
    add(c, (struct tcpstate_verdict){
               .index = index, .frame = frame, .by_frame = j->segment->frame, .kind = (uint8_t)kind});
}

/* The endpoint that had sent its SYN,ACK as segment `from_index` took nothing before segment `index`. */
void hindsight_note_established(struct judgement *j, uint32_t from_index, uint32_t index, uint32_t frame) {
    struct tcpstate_verdict *verdict = find(j->conversation, index, TCPSTATE_VERDICT_ESTABLISHES);

    if (verdict != NULL)
        return;
    hindsight_note(j, index, frame, TCPSTATE_VERDICT_ESTABLISHES);
    verdict = find(j->conversation, index, TCPSTATE_VERDICT_ESTABLISHES);
    if (verdict != NULL)
        verdict->other_index = from_index;
}

bool hindsight_too_early(const struct judgement *j, uint32_t from_index) {
    for (unsigned i = 0; i < j->conversation->verdict_count; i++) {
        const struct tcpstate_verdict *verdict = &j->conversation->verdicts[i];
        if (verdict->kind == TCPSTATE_VERDICT_ESTABLISHES && !verdict->withdrawn &&
            verdict->other_index == from_index && j->index < verdict->index)
            return true;
    }
    return false;
}

/* The FIN of x was not acknowledged before this segment, which repeats it or what came before it. */
void hindsight_note_unacked(struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    struct tcpstate_verdict *verdict;

    hindsight_note(j, x->fin_index, x->fin_frame, TCPSTATE_VERDICT_UNACKED);
    verdict = find(j->conversation, x->fin_index, TCPSTATE_VERDICT_UNACKED);
    if (verdict == NULL || verdict->other_index >= j->index)
        return;
    verdict->other_index = j->index;
    j->conversation->new_verdicts = true;
}

bool hindsight_unacked(const struct judgement *j) {
    const struct tcpstate_verdict *verdict = find(j->conversation, j->x->fin_index, TCPSTATE_VERDICT_UNACKED);

    return verdict != NULL && j->index < verdict->other_index;
}

/* Nothing has spoken against the standing verdict, and nothing will: the connection or the capture has ended. */
void hindsight_let_stand(struct tcpstate_conversation *conversation) {
    if (conversation->standing.kind != 0 && find(conversation, conversation->standing.index,
                                                 (enum tcpstate_verdict_kind)conversation->standing.kind) == NULL)
        add(conversation, conversation->standing);
    conversation->standing.kind = 0;
}

void hindsight_withdraw(struct judgement *j, uint32_t index, enum tcpstate_verdict_kind kind) {
    struct tcpstate_verdict *verdict = find(j->conversation, index, kind);

    if (verdict != NULL && !verdict->withdrawn) {
        verdict->withdrawn = true;
        j->conversation->new_verdicts = true;
    }
}

bool tcpstate_has_new_verdicts(const struct tcpstate_conversation *conversation) {
    return conversation->new_verdicts || conversation->standing.kind != 0;
}

void tcpstate_obey(struct tcpstate_conversation *rerun, const struct tcpstate_conversation *earlier) {
    memcpy(rerun->verdicts, earlier->verdicts, sizeof rerun->verdicts);
    rerun->verdict_count = earlier->verdict_count;
    rerun->verdict_next = earlier->verdict_next;
    rerun->standing = earlier->standing;
    hindsight_let_stand(rerun);
    rerun->new_verdicts = false;
}

uint32_t tcpstate_contradicted_in(const struct tcpstate_conversation *conversation, uint32_t frame) {
    uint32_t newest = 0, by_frame = 0, later = 0;

    for (unsigned i = 0; i < conversation->verdict_count; i++) {
        const struct tcpstate_verdict *verdict = &conversation->verdicts[i];
        if (verdict->withdrawn || verdict->by_frame <= frame)
            continue;
        if (verdict->frame <= frame && verdict->frame >= newest) {
            newest = verdict->frame;
            by_frame = verdict->by_frame;
        }
        if (later == 0 || verdict->by_frame < later)
            later = verdict->by_frame;
    }
    return by_frame ? by_frame : later ? later : frame;
}
