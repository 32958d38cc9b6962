/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Verdicts: what a later segment shows about an earlier one, kept by the number of the segment within its conversation.
 * A run only writes them; the next run of the same segments obeys them, so that each state can be told in the light of
 * the whole capture. A ring: when it is full, the oldest is forgotten.
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

bool hindsight_says(const struct judgement *j, uint32_t index, enum tcpstate_verdict_kind kind) {
    const struct tcpstate_verdict *verdict = find(j->conversation, index, kind);

    return verdict != NULL && !verdict->withdrawn;
}

void hindsight_note(struct judgement *j, uint32_t index, uint32_t frame, enum tcpstate_verdict_kind kind) {
    struct tcpstate_conversation *c = j->conversation;

    if (frame == 0 || index >= j->index || find(c, index, kind) != NULL)
        return;
    c->verdicts[c->verdict_next] =
        (struct tcpstate_verdict){.index = index, .frame = frame, .by_frame = j->segment->frame, .kind = (uint8_t)kind};
    c->verdict_next = (uint8_t)((c->verdict_next + 1) % TCPSTATE_VERDICTS);
    if (c->verdict_count < TCPSTATE_VERDICTS)
        c->verdict_count++;
    c->new_verdicts = true;
}

/* The endpoint that had sent its SYN,ACK as segment `from_index` took nothing before segment `index`. */
void hindsight_note_established(struct judgement *j, uint32_t from_index, uint32_t index, uint32_t frame) {
    struct tcpstate_verdict *verdict = find(j->conversation, index, TCPSTATE_VERDICT_ESTABLISHES);

    if (verdict != NULL)
        return;
    hindsight_note(j, index, frame, TCPSTATE_VERDICT_ESTABLISHES);
    verdict = find(j->conversation, index, TCPSTATE_VERDICT_ESTABLISHES);
    if (verdict != NULL)
        verdict->from_index = from_index;
}

bool hindsight_too_early(const struct judgement *j, uint32_t from_index) {
    for (unsigned i = 0; i < j->conversation->verdict_count; i++) {
        const struct tcpstate_verdict *verdict = &j->conversation->verdicts[i];
        if (verdict->kind == TCPSTATE_VERDICT_ESTABLISHES && !verdict->withdrawn && verdict->from_index == from_index &&
            j->index < verdict->index)
            return true;
    }
    return false;
}

void hindsight_withdraw(struct judgement *j, uint32_t index, enum tcpstate_verdict_kind kind) {
    struct tcpstate_verdict *verdict = find(j->conversation, index, kind);

    if (verdict != NULL && !verdict->withdrawn) {
        verdict->withdrawn = true;
        j->conversation->new_verdicts = true;
    }
}

bool tcpstate_has_new_verdicts(const struct tcpstate_conversation *conversation) { return conversation->new_verdicts; }

void tcpstate_obey(struct tcpstate_conversation *rerun, const struct tcpstate_conversation *earlier) {
    memcpy(rerun->verdicts, earlier->verdicts, sizeof rerun->verdicts);
    rerun->verdict_count = earlier->verdict_count;
    rerun->verdict_next = earlier->verdict_next;
    rerun->new_verdicts = false;
}

uint32_t tcpstate_contradicted_in(const struct tcpstate_conversation *conversation, uint32_t frame) {
    uint32_t newest = 0, by_frame = 0;

    for (unsigned i = 0; i < conversation->verdict_count; i++) {
        const struct tcpstate_verdict *verdict = &conversation->verdicts[i];
        if (!verdict->withdrawn && verdict->frame <= frame && verdict->frame >= newest && verdict->by_frame > frame) {
            newest = verdict->frame;
            by_frame = verdict->by_frame;
        }
    }
    return by_frame;
}
