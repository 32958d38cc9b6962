/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * When a segment had arrived at the latest: before the first that acknowledges it was sent. The search lets but few segments
 * be late at a time. Where it lets one arrive after that, the row shows the end as it was when it acknowledged it.
 */
#include "course_search.h"

enum { SPAN = 400 }; /* segments from one to that which acknowledges it */

/* How far an end has got: it never goes back. 0: nothing is compared with that. */
static unsigned stage_of(uint8_t state) {
    switch ((enum tcpstate_state)state) {
    case TCPSTATE_ESTABLISHED: return 1;
    case TCPSTATE_FIN_WAIT_1:
    case TCPSTATE_CLOSE_WAIT: return 2;
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK: return 3;
    case TCPSTATE_TIME_WAIT: return 4;
    case TCPSTATE_CLOSED:
    case TCPSTATE_LISTEN: return 5;
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_SYN_SENT:
    case TCPSTATE_SYN_RECEIVED:
    case TCPSTATE_STATES: break;
    }
    return 0;
}

static uint8_t shown(const struct tcpstate_course_row *row) {
    return row->was_late ? row->receiver_when_due : row->receiver;
}

static bool carries_text(const struct tcpstate_segment *s) {
    return s->length > 0 && !(s->flags & (TCPSTATE_SYN | TCPSTATE_RST));
}

/* Has who sends `ack` received all of the text of q? RFC 2018 3: or the last of it, once more. */
static bool tells_of(const struct tcpstate_segment *ack, const struct tcpstate_segment *q) {
    if (seq_at_least(ack->ack, q->seq + q->length))
        return true;
    for (unsigned i = 0; i < ack->sack_count; i++)
        if (seq_at_most(ack->sack[i].left, q->seq) && seq_at_least(ack->sack[i].right, q->seq + q->length))
            return true;
    return false;
}

/* The first segment that tells that text `index` has arrived, where nothing else that was captured can have brought it;
 * else 0. */
static uint32_t told_by(const struct course_facts *facts, const struct tcpstate_course_row *rows, uint32_t index) {
    const struct tcpstate_segment *s = &facts->segments[index];

    for (uint32_t i = index, seen = 0; i-- > 0 && seen < SPAN; seen++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->flags & TCPSTATE_SYN)
            break;
        if (q->direction == s->direction && carries_text(q) && seq_before(q->seq, s->seq + s->length) &&
            seq_after(q->seq + q->length, s->seq))
            return 0;
    }
    for (uint32_t i = index + 1; i < facts->count && i - index < SPAN; i++) {
        const struct tcpstate_segment *q = &facts->segments[i];
        if (q->flags & TCPSTATE_SYN)
            break;
        if (q->direction != s->direction) {
            if ((q->flags & (TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_ACK && rows[i].genuine && tells_of(q, s))
                return i;
        } else if (carries_text(q) && seq_before(q->seq, s->seq + s->length) && seq_after(q->seq + q->length, s->seq)) {
            break; /* that may have brought it */
        }
    }
    return 0;
}

void course_mend_arrivals(const struct tcpstate_course *c, struct tcpstate_course_row *rows) {
    const struct course_facts *facts = &c->facts;
    uint32_t next_by[2] = {0, 0}; /* what tells of the next text of each end, 0: nothing */

    for (uint32_t i = facts->count; i-- > 0;) {
        const struct tcpstate_segment *s = &facts->segments[i];
        struct tcpstate_course_row *row = &rows[i];
        bool is_text = carries_text(s);
        uint32_t by = 0;

        if (s->flags & TCPSTATE_SYN)
            next_by[0] = next_by[1] = 0;
        if (!row->told || !row->arrived || row->moves || !row->genuine || stage_of(shown(row)) < 2)
            continue;
        if (is_text)
            by = next_by[s->direction] = told_by(facts, rows, i);
        else if (course_is_pure_ack(s))
            by = next_by[s->direction]; /* what was captured before it has come before it, for all that is known */
        if (by == 0 || stage_of(rows[by].sender) == 0 || stage_of(rows[by].sender) >= stage_of(shown(row)))
            continue;
        row->was_late = true;
        row->receiver_when_due = rows[by].sender;
        row->receiver_decided = by;
    }
}
