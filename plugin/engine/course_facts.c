/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the whole of a conversation tells that helps to judge each segment of it: the clocks of both ends, how soon each
 * answers, where the capture was taken, whose checksums mean something.
 */
#include "course.h"

#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 256,
    ENOUGH = 4 /* answers that tell exactly what they answer */
};
static const int64_t MS_NS = 1000000;
static const int64_t USUAL_NS = 20000000;     /* ... if nothing tells */
static const int64_t QUIET_NS = 200000000;    /* after it nothing that was sent before is under way any more */
static const int64_t APART_NS = 200000000;    /* over less the rate of a clock does not tell */
static const int64_t LONGEST_NS = 1000000000; /* longer round trips are retransmissions */

static int compare_int64(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

struct reading {
    uint32_t tsval;
    int64_t time_ns;
};

/* Do half of the readings that lie some time apart say that the clock ticks at another rate than once in a millisecond? Of
 * a slower one, short captures show about the same number all the time. */
static bool ticks_otherwise(const struct reading *readings, unsigned count) {
    unsigned apart = count / 2, pairs = 0, other = 0;

    for (unsigned i = 0; i + apart < count; i++) {
        int64_t elapsed_ns = readings[i + apart].time_ns - readings[i].time_ns;
        int64_t ticked_ns = seq_distance(readings[i + apart].tsval, readings[i].tsval) * MS_NS;
        if (elapsed_ns < APART_NS)
            continue;
        pairs++;
        other += ticked_ns * 2 < elapsed_ns || ticked_ns > elapsed_ns * 2;
    }
    return other * 2 > pairs;
}

/* Where most of its timestamps lie, if they count milliseconds. */
static void find_clock(struct course_facts *facts, unsigned direction) {
    int64_t offsets[SAMPLES];
    struct reading readings[SAMPLES];
    unsigned count = 0, best = 0, left = 0, best_right = 0;
    uint32_t stride = facts->count / SAMPLES + 1, seen = 0;
    bool has_base = false;
    const struct tcpstate_segment *newest = NULL;
    uint32_t base = 0;

    for (uint32_t i = 0; i < facts->count && count < SAMPLES; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        if (s->direction != direction || !(s->options & TCPSTATE_OPT_TIMESTAMPS) || seen++ % stride != 0)
            continue;
        if (newest != NULL && s->tsval == newest->tsval && s->time_ns - newest->time_ns > 20 * MS_NS)
            continue; /* it would have ticked: a copy, by the path or by somebody else */
        if (newest == NULL || seq_after(s->tsval, newest->tsval))
            newest = s;
        uint32_t offset = s->tsval - (uint32_t)(s->time_ns / MS_NS);
        if (!has_base)
            base = offset;
        has_base = true;
        readings[count] = (struct reading){s->tsval, s->time_ns};
        offsets[count++] = (int32_t)(offset - base);
    }
    if (count < 2 || ticks_otherwise(readings, count))
        return;
    qsort(offsets, count, sizeof offsets[0], compare_int64);
    for (unsigned right = 0; right < count; right++) {
        while (offsets[right] - offsets[left] > (count < 6 ? 5 : 120)) /* few are believed only if they agree well */
            left++;
        if (right - left + 1 >= best) { /* what is copied later lies lower */
            best = right - left + 1;
            best_right = right;
        }
    }
    if (best < 2 || best * 2 < count)
        return;
    facts->has_clock[direction] = true;
    facts->clock_ms[direction] = (int64_t)(uint32_t)(base + (uint32_t)(int32_t)offsets[best_right]);
}

/* How soon that end first echoes each timestamp of the other: it can answer no later. None if there are few, since one
 * that sends nothing of its own for a while echoes late. */
static unsigned find_first_echoes(const struct course_facts *facts, unsigned direction, int64_t samples[SAMPLES]) {
    struct {
        uint32_t tsval;
        int64_t time_ns;
    } ticks[16] = {{0, 0}};
    unsigned count = 0, next = 0;
    uint32_t echoed = 0;

    for (uint32_t i = 0; i < facts->count && count < SAMPLES; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || (s->flags & TCPSTATE_RST) || course_is_void(facts, s))
            continue;
        if (s->direction != direction) {
            if (next == 0 || seq_after(s->tsval, ticks[(next - 1) % 16].tsval)) {
                ticks[next % 16].tsval = s->tsval;
                ticks[next++ % 16].time_ns = s->time_ns;
            }
            continue;
        }
        if (!(s->flags & TCPSTATE_ACK) || (count > 0 && !seq_after(s->tsecr, echoed)))
            continue;
        for (unsigned k = 0; k < next && k < 16; k++)
            if (ticks[k].tsval == s->tsecr) {
                samples[count++] = s->time_ns - ticks[k].time_ns;
                echoed = s->tsecr;
                break;
            }
    }
    return count >= ENOUGH ? count : 0;
}

/* Does it tell what has arrived last behind a hole: RFC 2018 4? */
static bool is_newest_range(const struct tcpstate_segment *s) {
    return s->sack_count > 0 && (s->flags & TCPSTATE_ACK) && seq_after(s->sack[0].right, s->ack) &&
           !(s->sack_count > 1 && seq_at_least(s->sack[0].left, s->sack[1].left) &&
             seq_at_most(s->sack[0].right, s->sack[1].right)); /* RFC 2883 4 */
}

/* How soon that end answers with RSTs, since it has no connection: each has the number that what it answers acknowledges.
 * Where there are as many of these as of RSTs, the newest belong together. In a longer flight the first RST answers the
 * first of these, unless that had arrived before, and the last RST the last, unless it is a late copy. */
static unsigned find_resets(const struct course_facts *facts, unsigned direction, int64_t samples[SAMPLES]) {
    int64_t first_ns = 0, last_ns = 0, from_ns = INT64_MIN, rst_ns = 0;
    uint32_t number = 0;
    unsigned count = 0, answered = 0;

    for (uint32_t i = 0; i < facts->count && count + 2 < SAMPLES; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        int64_t newest_ns = 0, oldest_ns = 0;
        unsigned asked = 0;
        if (s->direction != direction || !segment_is_refusal(s))
            continue;
        int64_t longest_ns = first_ns > last_ns ? first_ns : last_ns;
        if (answered > 0 && (s->seq != number || s->time_ns - rst_ns > 2 * longest_ns)) { /* of another flight */
            if (first_ns != 0)
                samples[count++] = first_ns < last_ns ? first_ns : last_ns;
            from_ns = s->seq == number ? rst_ns : INT64_MIN; /* by then all had its answer */
            first_ns = last_ns = 0;
            answered = 0;
        }
        number = s->seq;
        rst_ns = s->time_ns;
        answered++;
        for (uint32_t k = i; k-- > 0 && i - k < 64 && s->time_ns - facts->segments[k].time_ns < LONGEST_NS;) {
            const struct tcpstate_segment *q = &facts->segments[k];
            if (q->time_ns < from_ns)
                break;
            if (q->direction == direction || (q->flags & (TCPSTATE_RST | TCPSTATE_ACK)) != TCPSTATE_ACK ||
                q->ack != s->seq)
                continue;
            oldest_ns = s->time_ns - q->time_ns;
            newest_ns = asked++ == 0 ? oldest_ns : newest_ns;
        }
        if (asked < answered)
            continue;
        if (asked == answered)
            samples[count++] = newest_ns;
        first_ns = answered == 1 ? oldest_ns : first_ns;
        last_ns = newest_ns > last_ns ? newest_ns : last_ns;
    }
    if (first_ns != 0)
        samples[count++] = first_ns < last_ns ? first_ns : last_ns;
    return count;
}

/* The eighth, from the quickest: few are too quick to be true. */
static int64_t quick_of(int64_t *samples, unsigned count) {
    qsort(samples, count, sizeof samples[0], compare_int64);
    return samples[count / 8];
}

/* How soon that end is heard to answer. What was asked twice tells less: which of the two it answers is not known. */
static void find_answer_time(struct course_facts *facts, unsigned direction) {
    struct {
        uint32_t end, tsval;
        int64_t time_ns;
        bool again;
    } asked[16] = {{0, 0, 0, false}};
    int64_t samples[2 * SAMPLES], resets[SAMPLES], older[SAMPLES], echoes[SAMPLES];
    int64_t last_ns = INT64_MIN, ambiguous_ns = 0;
    unsigned count = 0, reset_count = 0, older_count = 0, next = 0;
    uint32_t acked = 0;
    bool has_acked = false;

    for (uint32_t i = 0; i < facts->count && count < SAMPLES && older_count < SAMPLES; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        bool rst = (s->flags & TCPSTATE_RST) != 0, ack = (s->flags & TCPSTATE_ACK) != 0;
        if (s->direction != direction) {
            if (course_end_of(s) == s->seq || rst)
                continue;
            bool again = false;
            for (unsigned k = 0; k < 16; k++)
                if (asked[k].time_ns != 0 && asked[k].end == course_end_of(s)) {
                    again = true;
                    asked[k].time_ns = 0;
                }
            asked[next % 16].again = again;
            asked[next % 16].end = course_end_of(s);
            asked[next % 16].tsval = (s->options & TCPSTATE_OPT_TIMESTAMPS) ? s->tsval : 0;
            asked[next++ % 16].time_ns = s->time_ns;
            continue;
        }
        if (rst) {
            last_ns = s->time_ns; /* those that were asked before had their answer */
            continue;
        }
        for (unsigned n = 0; n < 16; n++) { /* from the oldest */
            unsigned k = (next + n) % 16;
            bool is_range = is_newest_range(s) && s->sack[0].right == asked[k].end;
            if (asked[k].time_ns == 0 || asked[k].time_ns < last_ns || (!is_range && !(ack && asked[k].end == s->ack)))
                continue;
            for (unsigned m = 0; m < 16 && !is_range && has_acked; m++) /* ... or what has filled a hole before it */
                if (asked[m].time_ns > asked[k].time_ns && seq_after(asked[m].end, acked) &&
                    seq_at_most(asked[m].end, s->ack))
                    k = m;
            int64_t took_ns = s->time_ns - asked[k].time_ns;
            if (!is_range && (s->options & TCPSTATE_OPT_TIMESTAMPS) && asked[k].tsval != 0 &&
                seq_before(s->tsecr, asked[k].tsval))
                older[older_count++] = took_ns; /* perhaps it had not come yet */
            else if (!asked[k].again)
                samples[count++] = took_ns;
            else if (!is_range && (ambiguous_ns == 0 || took_ns < ambiguous_ns))
                ambiguous_ns = took_ns;
            asked[k].time_ns = 0;
            break;
        }
        if (ack && !(s->flags & TCPSTATE_SYN) && (!has_acked || seq_after(s->ack, acked))) {
            acked = s->ack;
            has_acked = true;
        }
    }
    if (count == 0) {
        memcpy(samples, older, older_count * sizeof older[0]);
        count = older_count;
    }
    reset_count = find_resets(facts, direction, resets);
    if (count < ENOUGH) { /* a RST answers one of many with the same number, and which is not known */
        memcpy(&samples[count], resets, reset_count * sizeof resets[0]);
        count += reset_count;
    }
    unsigned echo_count = find_first_echoes(facts, direction, echoes);
    if (count == 0 && echo_count == 0)
        samples[count++] = ambiguous_ns;
    int64_t answer_ns = count > 0 ? quick_of(samples, count) : LONGEST_NS;
    int64_t echo_ns = echo_count > 0 ? quick_of(echoes, echo_count) : LONGEST_NS;
    answer_ns = answer_ns < echo_ns ? answer_ns : echo_ns; /* the echo is an answer as well */
    facts->answer_ns[direction] = answer_ns < LONGEST_NS ? answer_ns : LONGEST_NS;
    bool are_few = count > 1 && count < 8 && samples[1] < LONGEST_NS;
    facts->next_answer_ns[direction] = are_few ? samples[1] : facts->answer_ns[direction];
}

/* Where nothing of that end was captured, the timestamps that the other echoes tell when its newest segment arrived, if
 * they count milliseconds: its quickest one is the measure. */
static void find_echoes(struct course_facts *facts, unsigned direction) {
    const struct tcpstate_segment *first = NULL;

    for (uint32_t i = 0; i < facts->count; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || s->tsecr == 0 || !(s->flags & TCPSTATE_ACK) ||
            course_is_void(facts, s))
            continue;
        if (first == NULL) {
            first = s;
            facts->first_echo = s->tsecr;
            facts->echo_base_ns = s->time_ns;
        }
        int64_t ticks_ns = seq_distance(s->tsecr, first->tsecr) * MS_NS, elapsed_ns = s->time_ns - first->time_ns;
        if (ticks_ns > elapsed_ns + 50 * MS_NS)
            continue; /* no echo of that end */
        if (s->time_ns - ticks_ns < facts->echo_base_ns)
            facts->echo_base_ns = s->time_ns - ticks_ns;
        if (elapsed_ns >= 50 * MS_NS && ticks_ns * 4 >= elapsed_ns * 3)
            facts->has_echoes[direction] = true;
    }
}

int64_t course_heard_ns(const struct course_facts *facts, const struct tcpstate_segment *s) {
    if (!facts->has_echoes[!s->direction] || !(s->options & TCPSTATE_OPT_TIMESTAMPS) || !(s->flags & TCPSTATE_ACK))
        return s->time_ns;
    int64_t arrived_ns = facts->echo_base_ns + (seq_distance(s->tsecr, facts->first_echo) + 1) * MS_NS;
    return arrived_ns < s->time_ns && s->time_ns - arrived_ns < 60 * LONGEST_NS ? arrived_ns : s->time_ns;
}

/* Had the sender of `synack` heard the ACK of it when it sent `s`? A bare ACK of no more answers an old segment or a
 * wrong one in SYN-RECEIVED: RFC 9293 3.10.7.4. */
static bool tells_of_handshake_ack(const struct tcpstate_segment *synack, const struct tcpstate_segment *s) {
    return seq_after(s->ack, synack->ack) || (s->ack == synack->ack && course_end_of(s) != s->seq);
}

/* How soon that end answers, although nothing of it was captured: the handshake of the other is a measure, exact for a
 * client, too long for a server that waited for a request; the quickest answer to text is another. */
static void find_unseen_answer_time(struct course_facts *facts, unsigned direction) {
    const struct tcpstate_segment *syn = NULL, *synack = NULL;
    int64_t least_ns = 0, asked_ns = 0, text_ns = INT64_MIN / 2, server_ns = 0;
    uint32_t newest = 0;
    bool heard = false;

    find_echoes(facts, direction);
    for (uint32_t i = 0; i < facts->count; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        int64_t took_ns = 0;
        if (s->flags & TCPSTATE_RST)
            continue;
        if ((s->flags & TCPSTATE_SYN) && !(s->flags & TCPSTATE_ACK)) {
            syn = s;
        } else if (s->flags & TCPSTATE_SYN) {
            synack = s;
        } else if (syn != NULL) {
            if (s->seq == course_end_of(syn))
                took_ns = s->time_ns - syn->time_ns;
            syn = NULL;
        } else if (synack != NULL && !tells_of_handshake_ack(synack, s)) {
            continue;
        } else if (synack != NULL && s->seq == course_end_of(synack)) {
            int64_t waited_ns = (s->time_ns - synack->time_ns) / 3;
            int64_t ticks_ns = (seq_distance(s->tsecr, synack->tsecr) + 1) * MS_NS;
            if ((s->options & synack->options & TCPSTATE_OPT_TIMESTAMPS) && ticks_ns > 0 && ticks_ns < waited_ns)
                waited_ns = ticks_ns; /* so long its client waited for the SYN,ACK */
            if (server_ns == 0 || waited_ns < server_ns)
                server_ns = waited_ns;
            synack = NULL;
        }
        if (facts->has_echoes[direction] && (s->options & TCPSTATE_OPT_TIMESTAMPS) && s->tsecr != 0) {
            if (heard && seq_after(s->tsecr, newest) && asked_ns != 0) {
                int64_t sample_ns = course_heard_ns(facts, s) - asked_ns;
                if (sample_ns > 0 && sample_ns < 40 * MS_NS && (took_ns == 0 || sample_ns < took_ns))
                    took_ns = sample_ns;
                asked_ns = 0;
            }
            if (!heard || seq_after(s->tsecr, newest))
                newest = s->tsecr;
            heard = true;
        }
        if (s->length > 0 && asked_ns == 0 && s->time_ns - text_ns > QUIET_NS)
            asked_ns = s->time_ns;
        if (s->length > 0)
            text_ns = s->time_ns; /* what was sent before it may be answered after it */
        if (took_ns > 0 && took_ns < LONGEST_NS && (least_ns == 0 || took_ns < least_ns))
            least_ns = took_ns;
    }
    if (server_ns != 0 && server_ns < 2 * USUAL_NS && (least_ns == 0 || server_ns < 4 * least_ns))
        least_ns = server_ns;
    facts->answer_ns[direction] = least_ns != 0 ? least_ns : server_ns < USUAL_NS ? server_ns : USUAL_NS;
}

static void find_vantage(struct course_facts *facts) {
    bool seen[2] = {false, false};

    for (uint32_t i = 0; i < facts->count; i++)
        seen[facts->segments[i].direction] = true;
    for (unsigned d = 0; d < 2; d++) {
        facts->unseen[d] = !seen[d];
        if (!seen[d])
            find_unseen_answer_time(facts, d);
    }
    for (unsigned d = 0; d < 2 && seen[0] && seen[1]; d++)
        facts->is_at[d] = facts->answer_ns[!d] > 0 && facts->answer_ns[d] > 0 && facts->answer_ns[d] < MS_NS &&
                          facts->answer_ns[d] * 8 < facts->answer_ns[!d];
}

static void find_checksums(struct course_facts *facts, unsigned direction, bool ignore_bad) {
    uint32_t bad = 0, all = 0;
    for (uint32_t i = 0; i < facts->count; i++)
        if (facts->segments[i].direction == direction) {
            all++;
            bad += (facts->segments[i].traits & TCPSTATE_CHECKSUM_BAD) != 0;
        }
    facts->trusts_checksum[direction] = ignore_bad && (bad < 3 || bad * 4 < all); /* else they are offloaded */
}

/* The TTL of more than half of what the sender has sent; 0 if no TTL is. */
static uint8_t find_ttl(const struct course_facts *facts, unsigned direction) {
    uint32_t of[UINT8_MAX + 1] = {0}, all = 0;

    for (uint32_t i = 0; i < facts->count; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        if (s->direction == direction && (s->traits & TCPSTATE_HAS_TTL)) {
            of[s->ttl]++;
            all++;
        }
    }
    for (unsigned ttl = 1; ttl <= UINT8_MAX; ttl++)
        if (of[ttl] * 2 > all)
            return (uint8_t)ttl;
    return 0;
}

/* Strangers' segments in its name, which have other identifications, are at most a quarter. */
static bool counts_ids(const struct course_facts *facts, unsigned direction) {
    const struct tcpstate_segment *before = NULL;
    uint32_t steps = 0, all = 0;

    for (uint32_t i = 0; i < facts->count; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        if (s->direction != direction || !(s->traits & TCPSTATE_HAS_IP_ID) || s->ip_id == 0 ||
            (s->flags & TCPSTATE_RST))
            continue;
        if (before != NULL) {
            all++;
            steps += segment_ip_id_counts_on(before->ip_id, s->ip_id);
        }
        before = s;
    }
    return steps >= 3 && steps * 4 >= all * 3;
}

/* Does the other end acknowledge this SYN, or its sender go on from it? */
static bool is_taken_up(const struct course_facts *facts, uint32_t index) {
    const struct tcpstate_segment *syn = &facts->segments[index];

    for (uint32_t i = index + 1; i < facts->count && i - index < 64; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        if ((s->flags & (TCPSTATE_ACK | TCPSTATE_RST)) == TCPSTATE_ACK &&
            (s->direction == syn->direction ? s->seq == syn->seq + 1
                                            : seq_within(s->ack, syn->seq + 1, course_end_of(syn))))
            return true;
    }
    return false;
}

/* Every common stack sends an MSS. Of a capture that starts with a SYN without, none does, unless there is a connection
 * that no such SYN has opened. */
static bool sends_no_mss(const struct course_facts *facts) {
    bool speaks = false;

    if (!course_is_bare_syn(&facts->segments[0]))
        return false;
    for (uint32_t i = 0; i < facts->count; i++) {
        if (course_is_bare_syn(&facts->segments[i]) && is_taken_up(facts, i))
            return true;
        speaks = speaks || !(facts->segments[i].flags & (TCPSTATE_SYN | TCPSTATE_RST));
    }
    return !speaks;
}

static void find_options(struct course_facts *facts) {
    uint32_t with = 0, without = 0;
    for (uint32_t i = 0; i < facts->count; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        facts->mss = facts->mss || ((s->flags & TCPSTATE_SYN) && (s->options & TCPSTATE_OPT_MSS));
        if (s->flags & (TCPSTATE_RST | TCPSTATE_SYN))
            continue;
        if (s->options & TCPSTATE_OPT_TIMESTAMPS)
            with++;
        else
            without++;
        facts->sack = facts->sack || s->sack_count > 0;
        if (s->length > facts->longest[s->direction])
            facts->longest[s->direction] = s->length;
    }
    facts->timestamps = with > without;
    facts->mss = facts->mss || !sends_no_mss(facts);
}

/* Octets that nobody captured, though what lies behind them was captured, and their receiver has acknowledged all of that. */
struct leak {
    uint32_t left, right;
    bool acked;
};
enum { LEAKS = 16 };

static unsigned forget_leaks(struct leak *leaks, unsigned count, const struct tcpstate_segment *s) {
    unsigned kept = 0;

    for (unsigned i = 0; i < count; i++) {
        struct leak leak = leaks[i];
        if (seq_at_most(s->seq, leak.left) && seq_after(course_end_of(s), leak.left))
            leak.left = course_end_of(s);
        else if (seq_before(s->seq, leak.right) && seq_at_least(course_end_of(s), leak.right))
            leak.right = s->seq;
        if (seq_before(leak.left, leak.right))
            leaks[kept++] = leak;
    }
    return kept;
}

/* How many such runs of octets that `direction` has sent are missing? Of a capture that has lost some, more may be. */
static unsigned count_leaks(const struct course_facts *facts, unsigned direction) {
    struct leak leaks[LEAKS];
    unsigned count = 0, found = 0;
    uint32_t next = 0;
    bool has_next = false, is_confirmed = false; /* the first segment may be somebody else's */

    for (uint32_t i = 0; i < facts->count; i++) {
        const struct tcpstate_segment *s = &facts->segments[i];
        if ((s->flags & TCPSTATE_RST) || course_is_void(facts, s))
            continue;
        if (s->direction != direction) {
            for (unsigned k = 0; k < count && (s->flags & TCPSTATE_ACK); k++)
                leaks[k].acked = leaks[k].acked || (seq_at_least(s->ack, leaks[k].right) && seq_at_most(s->ack, next));
            continue;
        }
        if ((s->flags & TCPSTATE_SYN) || !has_next) { /* the numbers begin here, perhaps anew */
            for (unsigned k = 0; k < count; k++)
                found += leaks[k].acked;
            count = 0;
            has_next = true;
            is_confirmed = false;
            next = course_end_of(s);
            continue;
        }
        count = forget_leaks(leaks, count, s);
        is_confirmed = is_confirmed || s->seq == next;
        if (is_confirmed && seq_after(s->seq, next) && course_end_of(s) != s->seq && count < LEAKS)
            leaks[count++] = (struct leak){.left = next, .right = s->seq};
        if (seq_after(course_end_of(s), next) && course_end_of(s) != s->seq)
            next = course_end_of(s);
    }
    for (unsigned k = 0; k < count; k++)
        found += leaks[k].acked;
    return found;
}

void course_find_facts(struct course_facts *facts, const struct tcpstate_settings *settings) {
    for (unsigned d = 0; d < 2; d++) {
        find_clock(facts, d);
        find_answer_time(facts, d);
        find_checksums(facts, d, settings->ignore_bad_checksums);
        facts->ttl[d] = find_ttl(facts, d);
        facts->counts_ids[d] = counts_ids(facts, d);
    }
    find_vantage(facts);
    find_options(facts);
    if (!facts->unseen[0] && !facts->unseen[1])
        facts->leaks = count_leaks(facts, 0) + count_leaks(facts, 1);
}
