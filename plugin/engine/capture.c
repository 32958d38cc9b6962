/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the capture did, before TCP is judged: frames captured twice, bad checksums, and two clocks per end.
 *
 * The first clock is the way from the capture point to an end and back (`leg`): the time from the first capture of one
 * end's timestamp to the first segment of the other that echoes it; without timestamps, the half of the handshake on
 * that side. The second is the sender's timestamp clock, which tells when a segment left its sender even if it was
 * captured late. Both are properties of the path and outlive a connection.
 */
#include "judgement.h"
#include "segment.h"

#include <string.h>

enum {
    MS = 1000000,
    FLOOR_WITH_TIMESTAMPS = 3 * MS, /* what a quick host may need to react */
    FLOOR_WITHOUT = 10 * MS,
    NO_SAMPLE = 30 * MS,
    CLOCK_JUMP = 1000,       /* ticks: more than reordering explains */
    UNSEEN_FAR = 1 << 20,    /* octets that a capture of one direction may miss */
    MOST_WINDOW = 1 << 28,   /* octets */
    SURE_STEPS = 2,          /* of identifications that count on: by chance one in a million */
    COPY_WITH_ID = 2 * MS,   /* the same frame seen again at another port */
    COPY_WITHOUT_ID = MS / 2 /* without an IP ID only time can tell */
};
static const uint32_t HALF_WAY = 1u << 30; /* numbers come round again: so far nobody can mistake them for older ones */

/* ---- identifications ------------------------------------------------------------------------------------------------ */

bool capture_was_overtaken(const struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;

    return j->x_path->ip_id_steps >= SURE_STEPS && !j->rst && !j->copy && (s->traits & TCPSTATE_HAS_IP_ID) &&
           s->ip_id != 0 && segment_ip_id_counts_on(s->ip_id, j->x_path->ip_id);
}

/* RFC 6864 asks only that identifications do not come again soon; many stacks count those of a connection. */
void capture_note_ip_id(struct judgement *j) {
    struct tcpstate_path *path = j->x_path;
    const struct tcpstate_segment *s = j->segment;

    if (j->rst || j->copy || !(s->traits & TCPSTATE_HAS_IP_ID) || s->ip_id == 0)
        return; /* what answers without a connection has 0, or another count */
    if (capture_was_overtaken(j))
        return;
    if (path->ip_id != 0)
        path->ip_id_steps = !segment_ip_id_counts_on(path->ip_id, s->ip_id) ? 0
                            : path->ip_id_steps < UINT8_MAX                 ? path->ip_id_steps + 1
                                                                            : UINT8_MAX;
    path->ip_id = s->ip_id;
}

bool capture_was_sent_after(const struct judgement *j, uint16_t ip_id) {
    const struct tcpstate_segment *s = j->segment;

    return j->x_path->ip_id_steps >= SURE_STEPS && ip_id != 0 && (s->traits & TCPSTATE_HAS_IP_ID) &&
           segment_ip_id_counts_on(ip_id, s->ip_id);
}

/* ---- copies --------------------------------------------------------------------------------------------------------- */

/* The same TCP header, length and, where there is one, IP ID. Linux sends SYN,ACK, RST and all of TIME-WAIT with ID 0,
 * and repeats pure ACKs and reset trains that are alike to the octet: those are no copies, unless one has passed a router
 * more than the other. */
bool capture_is_copy(struct judgement *j, uint8_t *shown_state, uint8_t *shown_certainty) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_path *path = j->x_path;
    bool notable = (s->flags & (TCPSTATE_SYN | TCPSTATE_FIN)) || s->length > 0;

    for (unsigned i = 0; i < path->copy_count; i++) {
        if (path->copies[i].digest != s->header_digest || path->copies[i].length != s->length)
            continue;
        int64_t elapsed = s->time_ns - path->copies[i].time_ns;
        bool both_have_id = (s->traits & path->copies[i].traits & TCPSTATE_HAS_IP_ID) != 0;
        bool id_usable = both_have_id && s->ip_id != 0;
        bool has_ttl = (s->traits & path->copies[i].traits & TCPSTATE_HAS_TTL) != 0;
        bool passed_a_router = has_ttl && s->ttl + 1 == path->copies[i].ttl;
        bool answers_each = (s->flags & (TCPSTATE_SYN | TCPSTATE_ACK)) == (TCPSTATE_SYN | TCPSTATE_ACK) &&
                            j->y->last_syn_ns > j->y->first_syn_ns; /* its timer, and the SYN that came again */
        bool found;

        if (both_have_id && s->ip_id != path->copies[i].ip_id)
            continue;
        if (id_usable)
            found = elapsed <= COPY_WITH_ID || (has_ttl && s->ttl != path->copies[i].ttl);
        else
            found = ((notable && !answers_each) || passed_a_router) && elapsed <= COPY_WITHOUT_ID;
        if (found) {
            *shown_state = path->copies[i].shown_state;
            *shown_certainty = path->copies[i].shown_certainty;
            findings_tell(j, TCPSTATE_FINDING_duplicate_frame, path->copies[i].frame, 0, 0);
            return true;
        }
    }
    return false;
}

void capture_remember(struct judgement *j, uint8_t shown_state, uint8_t shown_certainty) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_path *path = j->x_path;
    unsigned slot = path->copy_next;

    path->copies[slot].digest = s->header_digest;
    path->copies[slot].length = s->length;
    path->copies[slot].frame = s->frame;
    path->copies[slot].ip_id = s->ip_id;
    path->copies[slot].ttl = s->ttl;
    path->copies[slot].traits = s->traits;
    path->copies[slot].flags = (uint8_t)s->flags;
    path->copies[slot].time_ns = s->time_ns;
    path->copies[slot].shown_state = shown_state;
    path->copies[slot].shown_certainty = shown_certainty;
    path->copy_next = (uint8_t)((slot + 1) % TCPSTATE_COPIES);
    if (path->copy_count < TCPSTATE_COPIES)
        path->copy_count++;
}

/* A segment whose checksum Wireshark found bad moves nothing, unless its sender's checksums are left to the network
 * card: three such segments acknowledged by the peer prove that. */
bool capture_checksum_is_bad(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_path *path = j->x_path;

    if (s->flags & TCPSTATE_ACK) /* does this ACK cover bad segments of the peer? */
        for (unsigned i = 0; i < j->y_path->bad_checksum_count;) {
            if (seq_at_least(s->ack, j->y_path->bad_checksum_end[i])) {
                if (j->y_path->bad_checksums_acked < 3)
                    j->y_path->bad_checksums_acked++;
                j->y_path->bad_checksum_end[i] = j->y_path->bad_checksum_end[--j->y_path->bad_checksum_count];
            } else {
                i++;
            }
        }
    if (!(s->traits & TCPSTATE_CHECKSUM_BAD) || !j->settings->ignore_bad_checksums)
        return false;
    if (path->bad_checksums_acked >= 3)
        return false;
    if (path->bad_checksum_count < 3)
        path->bad_checksum_end[path->bad_checksum_count++] = j->end;
    findings_tell(j, TCPSTATE_FINDING_checksum_bad, 0, 0, 0);
    return true;
}

int64_t capture_leg_ns(const struct tcpstate_path *path) {
    int64_t least = -1;

    for (unsigned i = 0; i < path->leg_count; i++)
        if (least < 0 || path->legs_ns[i] < least)
            least = path->legs_ns[i];
    return least;
}

bool capture_cannot_answer(const struct judgement *j, int64_t time_ns) {
    return j->segment->time_ns - time_ns < capture_leg_ns(j->x_path) / 20 * 19;
}

void capture_add_leg(struct tcpstate_path *path, int64_t sample_ns) {
    if (sample_ns < 0)
        return;
    path->legs_ns[path->leg_next] = sample_ns;
    path->leg_next = (uint8_t)((path->leg_next + 1) % TCPSTATE_LEGS);
    if (path->leg_count < TCPSTATE_LEGS)
        path->leg_count++;
}

/* The clock of a new incarnation may start anywhere; the way to the end has not changed. */
void capture_new_incarnation(struct tcpstate_path *path) {
    path->has_first_tick = false;
    path->tick_count = path->tick_next = 0;
    path->best_ratio = 0;
}

/* A clock ticks once in a millisecond at most (RFC 7323 5.4), and what overtakes is not so much younger. */
static bool was_elsewhere(uint32_t tsval, uint32_t before, int64_t elapsed_ns) {
    int32_t ticks = seq_distance(tsval, before);

    return ticks < -CLOCK_JUMP || ticks > CLOCK_JUMP + 4 * (elapsed_ns / MS);
}

/* When x sent this segment: by its timestamp, if its clock ticks every millisecond as far as can be told. The earliest
 * capture relative to the clock is the base; a slower clock falls behind it and is not used. */
static int64_t emission_ns(struct tcpstate_path *path, const struct tcpstate_segment *s) {
    if (!path->has_first_tick) {
        path->has_first_tick = true;
        path->first_tsval = path->offset_tsval = s->tsval;
        path->offset_ns = s->time_ns;
        path->first_tick_ns = s->time_ns;
        return s->time_ns;
    }
    int64_t elapsed = s->time_ns - path->first_tick_ns;
    if (!(path->best_ratio > 0.75) && was_elsewhere(s->tsval, path->offset_tsval, s->time_ns - path->offset_ns)) {
        path->has_first_tick = false; /* nothing tells yet which of the two is its own clock: it begins again */
        return emission_ns(path, s);
    }
    if (elapsed >= 50 * (int64_t)MS) {
        double ratio = (double)((int64_t)seq_distance(s->tsval, path->first_tsval) * MS) / (double)elapsed;
        if (ratio > path->best_ratio && (ratio < 1.33 || elapsed >= 100 * (int64_t)MS))
            path->best_ratio = ratio;
    }
    int64_t ticks = seq_distance(s->tsval, path->offset_tsval);
    if (s->time_ns - ticks * MS < path->offset_ns) { /* the way was never shorter */
        path->offset_ns = s->time_ns;
        path->offset_tsval = s->tsval;
        return s->time_ns;
    }
    if (elapsed >= 100 * (int64_t)MS && path->best_ratio < 0.75)
        return s->time_ns;
    int64_t latest = path->offset_ns + (ticks + 1) * MS;
    return latest < s->time_ns ? latest : s->time_ns;
}

/* Does x's clock tick about once in a millisecond, judged by this reading of it? */
static bool ticks_in_ms(const struct judgement *j, uint32_t tsval, int64_t time_ns) {
    const struct tcpstate_endpoint *x = j->x;
    int64_t elapsed = time_ns - x->first_syn_ns;

    if (!x->sent_ts || x->ts_newest == 0)
        return false;
    if (j->x_path->best_ratio > 0.75 && j->x_path->best_ratio < 1.33)
        return true;
    return x->first_syn_ns != 0 && elapsed >= 5 * (int64_t)MS &&
           seq_distance(tsval, x->first_syn_tsval) <= elapsed / MS * 4 / 3 + 2;
}

/* So long before it was captured x has sent this, by its clock against its newest; 0 where that does not tick in ms. */
int64_t capture_lag_ns(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_segment *s = j->segment;
    int64_t ticked = (int64_t)seq_distance(x->ts_newest, x->first_syn_tsval) * MS;

    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS) || !ticks_in_ms(j, x->ts_newest, x->ts_newest_ns) ||
        (!(j->x_path->best_ratio > 0.75) && ticked < (x->ts_newest_ns - x->first_syn_ns) * 3 / 4))
        return 0;
    return s->time_ns - x->ts_newest_ns + ((int64_t)seq_distance(x->ts_newest, s->tsval) - 1) * MS;
}

/* Is this timestamp further ahead of all that x has sent than the time that has passed? */
bool capture_clock_jumps(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return x->sent_ts && x->ts_newest != 0 &&
           seq_distance(j->segment->tsval, x->ts_newest) >
               CLOCK_JUMP + 4 * (j->segment->time_ns - x->ts_newest_ns) / MS;
}

/* x echoes this timestamp of y. */
void capture_note_echo(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_path *path = j->y_path;

    if (!y->has_echoed || y->echoed != s->tsecr) {
        y->echoed_sent_ns = y->sent_ts && y->ts_newest == s->tsecr ? y->ts_newest_ns : INT64_MIN;
        for (unsigned i = 0; i < path->tick_count && y->echoed_sent_ns == INT64_MIN; i++)
            if (path->ticks[i].tsval == s->tsecr)
                y->echoed_sent_ns = path->ticks[i].time_ns;
    }
    y->has_echoed = true;
    y->echoed = s->tsecr;
    y->echoed_ns = s->time_ns;
}

/* Is this timestamp far from what y has echoed of x, and the time that has passed since x sent that? Who had nothing to say
 * for long is echoed late. */
bool capture_clock_leaves_echo(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;

    return x->has_echoed && x->echoed_sent_ns != INT64_MIN &&
           was_elsewhere(j->segment->tsval, x->echoed, j->segment->time_ns - x->echoed_sent_ns);
}

/* Is this timestamp near what y has echoed, and the newest of x was not? Then y has not heard of that one. */
bool capture_clock_came_back_to_echo(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x;
    int64_t since_ns = x->echoed_sent_ns != INT64_MIN ? x->echoed_sent_ns : x->echoed_ns; /* ... or a little before */

    return seq_distance(x->ts_newest, j->segment->tsval) > CLOCK_JUMP && x->has_echoed &&
           !capture_clock_leaves_echo(j) && was_elsewhere(x->ts_newest, x->echoed, x->ts_newest_ns - since_ns);
}

/* Has the clock jumped, and does this segment show that it ticks in milliseconds and never has? */
bool capture_clock_came_back(const struct judgement *j) {
    return (seq_distance(j->x->ts_newest, j->segment->tsval) > CLOCK_JUMP &&
            ticks_in_ms(j, j->segment->tsval, j->segment->time_ns)) ||
           capture_clock_came_back_to_echo(j);
}

void capture_read_clocks(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    bool has_ts = (s->options & TCPSTATE_OPT_TIMESTAMPS) != 0;
    int64_t leg;

    j->emitted_ns = s->time_ns;
    if (has_ts && !j->copy && !j->bad_checksum && !j->alien && !j->rst &&
        !(capture_clock_jumps(j) && ticks_in_ms(j, j->x->ts_newest, j->x->ts_newest_ns))) {
        struct tcpstate_path *x = j->x_path, *y = j->y_path;
        unsigned newest = (x->tick_next + TCPSTATE_TICKS - 1u) % TCPSTATE_TICKS;

        if (!j->candidate)
            j->emitted_ns = emission_ns(x, s);
        if (x->tick_count == 0 || seq_after(s->tsval, x->ticks[newest].tsval) ||
            seq_distance(x->ticks[newest].tsval, s->tsval) > CLOCK_JUMP) { /* that one was not x's, or this is not */
            x->ticks[x->tick_next].tsval = s->tsval;
            x->ticks[x->tick_next].is_echoed = false;
            x->ticks[x->tick_next].time_ns = s->time_ns;
            x->tick_next = (uint8_t)((x->tick_next + 1) % TCPSTATE_TICKS);
            if (x->tick_count < TCPSTATE_TICKS)
                x->tick_count++;
        }
        if (j->ack)
            for (unsigned i = 0; i < y->tick_count; i++)
                if (y->ticks[i].tsval == s->tsecr && !y->ticks[i].is_echoed) {
                    capture_add_leg(x, s->time_ns - y->ticks[i].time_ns);
                    y->ticks[i].is_echoed = true; /* the first echo only: later ones may have waited */
                }
    }
    leg = capture_leg_ns(j->x_path);
    j->tolerance_ns = has_ts ? FLOOR_WITH_TIMESTAMPS : FLOOR_WITHOUT;
    if (leg < 0)
        j->tolerance_ns = NO_SAMPLE;
    else if (leg * 3 / 2 > j->tolerance_ns)
        j->tolerance_ns = leg * 3 / 2;
}

/* Both ends are known to carry a timestamp in every segment. */
bool capture_timestamps_agreed(const struct judgement *j) {
    const struct tcpstate_endpoint *x = j->x, *y = j->y;

    if (j->connection->timestamps_agreed)
        return true;
    if (!y->captured)
        return x->sent_ts && y->has_echo; /* x would not echo what it never got */
    return x->sent_ts && y->sent_ts && (x->sent_syn || x->sent_synack) && (y->sent_syn || y->sent_synack) &&
           (x->syn_options & y->syn_options & TCPSTATE_OPT_TIMESTAMPS);
}

/* Its number is far beyond all that was captured of x, or far behind: x's own are known. What the capture missed of x goes
 * on from there, so it is believed the second time. */
static bool seq_is_far(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    struct tcpstate_endpoint *x = j->x;

    bool knows_own = (x->has_iss && !x->iss_inferred && !x->syn_doubted) || j->connection->numbers_agreed;
    if (!j->ordinary || !x->has_smax || (j->y->captured ? !knows_own : !x->spoke))
        return false;
    int32_t ahead = seq_distance(s->seq, x->smax);
    int32_t far = j->y->captured ? NUMBERS_FAR : UNSEEN_FAR;
    if (ahead < far && ahead > -MOST_WINDOW)
        return false;
    if (x->has_far_seq && seq_at_least(s->seq, x->far_seq) && seq_distance(s->seq, x->far_seq) < far)
        return false;
    x->has_far_seq = true;
    x->far_seq = s->seq;
    return true;
}

/* Segments that x cannot have sent: numbers of no part of this connection; and once both ends have agreed on timestamps, every segment but a RST carries one (RFC
 * 7323 3.2), and x's clock does not run ahead of the time that has passed. */
bool capture_is_alien(struct judgement *j) {
    const struct tcpstate_segment *s = j->segment;
    const struct tcpstate_endpoint *x = j->x, *y = j->y;
    const struct tcpstate_path *path = j->x_path;

    /* whose FIN was its first word, and here it has sent none: then that said nothing of y's numbers either */
    bool denies_fin = y->iss_inferred && !y->captured && x->has_fin && !x->fin_inferred && x->fin_ack == y->iss + 1 &&
                      j->pure_ack && s->seq == x->iss + 1 && s->seq == x->fin;
    bool older = y->iss_inferred && (s->options & TCPSTATE_OPT_TIMESTAMPS) && !seq_after(s->tsval, x->ts_newest);
    if (j->ordinary && j->ack && y->has_iss && (!y->iss_inferred || !y->captured) && !older && !denies_fin &&
        seq_at_most(s->ack, y->iss) && y->smax - y->iss < HALF_WAY && (x->sent_syn || x->sent_synack || x->spoke))
        return true; /* it acknowledges nothing of this connection */
    if (seq_is_far(j))
        return true;
    bool has_one_syn = x->has_iss && !x->iss_inferred && !x->syn_doubted && x->sent_syn != x->sent_synack &&
                       x->has_una && seq_after(x->una, x->iss);
    if (j->ordinary && has_one_syn && x->has_smax && x->smax - x->iss < HALF_WAY && seq_before(s->seq, x->iss))
        return true; /* it comes before its own SYN; a keep-alive may have the number of that */
    if (j->ordinary && (s->length > 0 || j->fin) && y->has_redge && midstream_numbers_known(j, x) &&
        midstream_numbers_known(j, y) && seq_after(s->seq, y->redge + y->max_window))
        return true; /* far beyond what it may send */
    if (j->rst && (s->options & TCPSTATE_OPT_TIMESTAMPS) && x->sent_ts && x->ts_newest != 0 &&
        ticks_in_ms(j, x->ts_newest, x->ts_newest_ns) &&
        (seq_distance(x->ts_newest, s->tsval) > CLOCK_JUMP || capture_clock_jumps(j)))
        return true; /* its clock is not x's */
    if (j->rst && (s->options & TCPSTATE_OPT_TIMESTAMPS) && capture_clock_leaves_echo(j))
        return true;
    if (j->syn || j->rst || !capture_timestamps_agreed(j))
        return false;
    if (!(s->options & TCPSTATE_OPT_TIMESTAMPS))
        return !(s->traits & TCPSTATE_TRUNCATED_HEADER);
    if (path->has_first_tick && path->best_ratio > 0.75 && path->best_ratio < 1.33) {
        int64_t ahead = (int64_t)seq_distance(s->tsval, path->first_tsval) * MS - (s->time_ns - path->first_tick_ns);
        if (ahead > 2000 * (int64_t)MS)
            return true;
    }
    return false;
}
