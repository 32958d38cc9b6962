/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Octets made into a plausible conversation, which goes through the first pass and through a later one. What must hold
 * whatever the segments are:
 *
 *   - the same segments give the same reports, settled states and last words, whatever the time of day
 *   - every value is one of its enumeration, and a cause is never later than its effect
 *   - what is said of a segment, and the frames that it links, are the same before and after the rest is known
 *   - the likeliest course is a chain that ends, in which nothing arrives before it is sent
 *
 * As a libFuzzer target (preset fuzz) LLVMFuzzerTestOneInput() is all; driver.c is a main() for every other compiler.
 */
#include "tcpstate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 48, TEXT = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* ---- from octets to segments ---------------------------------------------------------------------------------- */

struct octets {
    const uint8_t *at, *end;
};

/* One end as whoever writes its segments has it: what it sends next, and what it expects. */
struct end {
    uint32_t next, expects, tsval;
    bool has_closed;
};

static uint8_t take(struct octets *octets) { return octets->at < octets->end ? *octets->at++ : 0; }

/* Most numbers are right. The wrong ones are near, or far. */
static uint32_t bend(struct octets *octets, uint32_t number) {
    static const int32_t errors[8] = {1, -1, 100, -100, 5000, -5000, 1 << 26, INT32_MIN};
    uint8_t choice = take(octets);

    return choice < 208 ? number : number + (uint32_t)errors[choice % 8];
}

static uint16_t flags_of(uint8_t choice) {
    static const uint16_t likely[16] = {
        TCPSTATE_ACK,
        TCPSTATE_ACK,
        TCPSTATE_ACK,
        TCPSTATE_ACK,
        TCPSTATE_ACK | TCPSTATE_PSH,
        TCPSTATE_ACK | TCPSTATE_PSH,
        TCPSTATE_ACK | TCPSTATE_PSH,
        TCPSTATE_ACK | TCPSTATE_FIN,
        TCPSTATE_ACK | TCPSTATE_FIN,
        TCPSTATE_SYN,
        TCPSTATE_SYN | TCPSTATE_ACK,
        TCPSTATE_RST,
        TCPSTATE_RST | TCPSTATE_ACK,
        TCPSTATE_FIN,
        TCPSTATE_SYN | TCPSTATE_ACK | TCPSTATE_FIN,
        0,
    };

    return choice == 255 ? TCPSTATE_SYN | TCPSTATE_RST : likely[choice % 16];
}

static void add_options(struct tcpstate_segment *s, struct octets *octets, struct end *x, const struct end *y) {
    uint8_t choice = take(octets);

    if (s->flags & TCPSTATE_SYN) {
        s->options |= TCPSTATE_OPT_MSS | TCPSTATE_OPT_WINDOW_SCALE | TCPSTATE_OPT_SACK_PERMITTED;
        s->mss = 1460;
        s->window_shift = choice % 16;
        if (choice == 7)
            s->options |= TCPSTATE_OPT_FAST_OPEN | TCPSTATE_OPT_FAST_OPEN_COOKIE;
        if (choice == 8)
            s->options = 0;
    }
    if (choice < 160) {
        s->options |= TCPSTATE_OPT_TIMESTAMPS;
        s->tsval = bend(octets, x->tsval);
        s->tsecr = s->flags & TCPSTATE_ACK ? y->tsval : 0;
    }
    if (choice > 224 && !(s->flags & (TCPSTATE_SYN | TCPSTATE_RST))) {
        s->options |= TCPSTATE_OPT_SACK;
        s->sack_count = (uint8_t)(1 + choice % 4);
        for (unsigned i = 0; i < s->sack_count; i++) {
            s->sack[i].left = bend(octets, s->ack + 100 * (i + 1));
            s->sack[i].right = s->sack[i].left + 1 + take(octets);
        }
    }
}

/* A segment of x. One that is not x's own (forged) leaves x as it was; one that is lost leaves y. */
static struct tcpstate_segment make(struct octets *octets, struct end ends[2], uint32_t frame, int64_t time_ns) {
    uint8_t choice = take(octets);
    struct end *x = &ends[choice & 1], *y = &ends[!(choice & 1)];
    bool forged = (choice & 0x0e) == 0x0e, lost = (choice & 0x70) == 0x70;
    struct tcpstate_segment s = {.time_ns = time_ns,
                                 .frame = frame,
                                 .flags = flags_of(take(octets)),
                                 .direction = choice & 1,
                                 .ttl = forged ? 60 : 64,
                                 .ip_id = (uint16_t)frame,
                                 .window = 64240,
                                 .header_digest = frame,
                                 .sender_port = choice & 1 ? 80 : 49152,
                                 .receiver_port = choice & 1 ? 49152 : 80,
                                 .traits = TCPSTATE_HAS_TTL | TCPSTATE_HAS_IP_ID};

    if ((s.flags & (TCPSTATE_PSH | TCPSTATE_FIN)) && !(s.flags & TCPSTATE_SYN))
        s.length = s.flags & TCPSTATE_PSH ? 1u + take(octets) % 4u * 100u : 0;
    s.seq = bend(octets, x->has_closed && s.length == 0 ? x->next : x->next - (x->has_closed ? 1u : 0u));
    s.ack = s.flags & TCPSTATE_ACK ? bend(octets, x->expects) : 0;
    add_options(&s, octets, x, y);
    if (take(octets) == 255)
        s.traits |= TCPSTATE_CHECKSUM_BAD;
    uint32_t end = s.seq + s.length + ((s.flags & TCPSTATE_SYN) != 0) + ((s.flags & TCPSTATE_FIN) != 0);
    if (!forged && !(s.flags & TCPSTATE_RST)) {
        x->has_closed = (x->has_closed || (s.flags & TCPSTATE_FIN)) && !(s.flags & TCPSTATE_SYN);
        x->next = end;
    }
    if (!lost && !(s.flags & TCPSTATE_RST) && (s.seq == y->expects || (s.flags & TCPSTATE_SYN)))
        y->expects = end;
    return s;
}

static uint32_t make_all(struct octets *octets, struct tcpstate_segment segments[MOST]) {
    static const int64_t pauses_ns[8] = {0, 100000, 1000000, 20000000, 20000000, 200000000, 1100000000, 61000000000};
    struct end ends[2] = {{.next = 1000, .tsval = 100}, {.next = UINT32_MAX - 2000, .tsval = 900}};
    int64_t time_ns = 1000000000;
    uint32_t count = 0;

    while (count < MOST && octets->at < octets->end) {
        int64_t pause_ns = pauses_ns[take(octets) % 8];
        time_ns += pause_ns;
        for (unsigned d = 0; d < 2; d++)
            ends[d].tsval += (uint32_t)(pause_ns / 1000000);
        segments[count] = make(octets, ends, count + 1, time_ns);
        if (count > 0 && segments[count].window % 2 == 0 &&
            take(octets) % 16 == 0) { /* captured twice, or sent again */
            struct tcpstate_segment again = segments[count - 1];
            again.frame = count + 1;
            again.time_ns = time_ns;
            segments[count] = again;
        }
        count++;
    }
    return count;
}

/* ---- the first pass ------------------------------------------------------------------------------------------- */

struct row {
    struct tcpstate_report report;
    struct tcpstate_summary summary; /* as known at this segment */
    char text[2][TEXT];
};

static const struct tcpstate_settings settings = {.msl_ns = 30000000000, .ignore_bad_checksums = true};

static void explain(const struct tcpstate_segment *s, const struct tcpstate_report *report,
                    const struct tcpstate_summary *summary, char text[2][TEXT]) {
    tcpstate_explain(s, report, summary, TCPSTATE_ENGLISH, text[0], TEXT);
    tcpstate_explain(s, report, summary, TCPSTATE_CHINESE, text[1], TEXT);
}

static void check_report(const struct tcpstate_segment *s, const struct tcpstate_report *report) {
    for (unsigned role = 0; role < 2; role++) {
        const struct tcpstate_end_report *end = &report->end[role];
        CHECK(end->state < TCPSTATE_STATES && end->before < TCPSTATE_STATES && end->certainty <= TCPSTATE_PROVED);
        CHECK((end->state == TCPSTATE_UNKNOWN) == (end->certainty == TCPSTATE_NOTHING_TELLS));
        CHECK(end->event_count <= sizeof end->events);
    }
    CHECK(report->sender <= TCPSTATE_SERVER && report->step < TCPSTATE_STEPS && report->phase <= TCPSTATE_PHASE_RESET);
    CHECK(report->outcome <= TCPSTATE_OUTCOME_INCOMPLETE && report->close_kind <= TCPSTATE_CLOSE_RESET);
    CHECK(report->finding_count <= TCPSTATE_REPORT_FINDINGS);
    for (unsigned i = 0; i < report->finding_count; i++)
        CHECK(report->findings[i].id < TCPSTATE_FINDINGS && report->findings[i].cause_frame <= s->frame);
}

static void run(struct tcpstate_conversation *c, const struct tcpstate_segment *segments, uint32_t count,
                struct row rows[MOST]) {
    for (uint32_t i = 0; i < count; i++) {
        tcpstate_segment(c, &settings, &segments[i], &rows[i].report);
        rows[i].summary = *tcpstate_summary(c);
        explain(&segments[i], &rows[i].report, &rows[i].summary, rows[i].text);
        check_report(&segments[i], &rows[i].report);
    }
}

static void check_same(const struct row *a, const struct row *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct tcpstate_report *x = &a[i].report, *y = &b[i].report;
        for (unsigned role = 0; role < 2; role++)
            CHECK(x->end[role].state == y->end[role].state && x->end[role].before == y->end[role].before &&
                  x->end[role].certainty == y->end[role].certainty);
        CHECK(x->connection == y->connection && x->outcome == y->outcome && x->finding_count == y->finding_count);
        for (unsigned f = 0; f < x->finding_count; f++)
            CHECK(x->findings[f].id == y->findings[f].id && x->findings[f].cause_frame == y->findings[f].cause_frame);
        CHECK(strcmp(a[i].text[0], b[i].text[0]) == 0 && strcmp(a[i].text[1], b[i].text[1]) == 0);
    }
}

/* The last segment of the connection that segment `i` belongs to. */
static uint32_t last_of(const struct row *rows, uint32_t count, uint32_t i) {
    while (i + 1 < count && rows[i + 1].report.connection == rows[i].report.connection)
        i++;
    return i;
}

/* A later pass explains a segment when the whole connection is known. */
static void check_words(const struct tcpstate_segment *segments, const struct row *rows, uint32_t count) {
    static char text[2][TEXT];

    for (uint32_t i = 0; i < count; i++) {
        const struct tcpstate_summary *then = &rows[i].summary, *last = &rows[last_of(rows, count, i)].summary;
        uint32_t frame = segments[i].frame, fin;
        explain(&segments[i], &rows[i].report, last, text);
        CHECK(strcmp(text[0], rows[i].text[0]) == 0 && strcmp(text[1], rows[i].text[1]) == 0);
        CHECK(tcpstate_rst_frame(then, frame) == tcpstate_rst_frame(last, frame));
        for (unsigned role = 0; role < 2; role++)
            CHECK(tcpstate_fin(then, (enum tcpstate_role)role, frame, &fin) ==
                  tcpstate_fin(last, (enum tcpstate_role)role, frame, &fin));
    }
}

/* ---- a later pass --------------------------------------------------------------------------------------------- */

static void hindsight(const struct tcpstate_conversation *first, const struct tcpstate_segment *segments,
                      uint32_t count) {
    static struct tcpstate_conversation runs[2];
    const struct tcpstate_conversation *judged = first;
    struct tcpstate_report report;

    for (unsigned i = 0; i < TCPSTATE_RERUNS && tcpstate_has_new_verdicts(judged); i++) {
        struct tcpstate_conversation *again = &runs[i % 2];
        memset(again, 0, sizeof *again);
        tcpstate_obey(again, judged);
        for (uint32_t s = 0; s < count; s++) {
            tcpstate_segment(again, &settings, &segments[s], &report);
            check_report(&segments[s], &report);
        }
        judged = again;
    }
}

static void check_chain(const struct tcpstate_course_row *course, uint32_t count) {
    bool sent[MOST] = {false}, arrived[MOST] = {false};
    uint32_t events = 0;

    for (uint32_t event = 0; event != TCPSTATE_COURSE_LAST; event = course[event / 2].next[event % 2]) {
        uint32_t index = event / 2;
        CHECK(index < count && ++events <= 2 * count);
        bool *is = event % 2 == 0 ? &sent[index] : &arrived[index];
        CHECK(!*is && (event % 2 == 0 || sent[index]));
        *is = true;
    }
    for (uint32_t i = 0; i < count; i++)
        CHECK(course[i].sender < TCPSTATE_STATES && course[i].receiver < TCPSTATE_STATES);
}

static void follow_course(const struct tcpstate_segment *segments, const struct row *rows, uint32_t count,
                          struct tcpstate_course_row course[MOST], struct tcpstate_summary last_words[MOST]) {
    size_t size = tcpstate_course_size(count);
    void *workspace = malloc(size);

    CHECK(workspace != NULL);
    memset(course, 0, MOST * sizeof *course);
    memset(last_words, 0, MOST * sizeof *last_words);
    if (tcpstate_course(&settings, segments, NULL, count, workspace, size, course)) {
        check_chain(course, count);
        for (uint32_t first = 0, last; first < count; first = last + 1) {
            last = last_of(rows, count, first);
            last_words[first] = rows[last].summary;
            tcpstate_course_outcome(course, segments, first, last - first + 1, &last_words[first]);
            CHECK(last_words[first].outcome <= TCPSTATE_OUTCOME_INCOMPLETE);
            struct tcpstate_final_finding finals[TCPSTATE_FINAL_FINDINGS];
            tcpstate_final_findings(&last_words[first], segments[count - 1].time_ns, finals);
        }
    }
    free(workspace);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    static struct tcpstate_segment segments[MOST], later[MOST];
    static struct tcpstate_conversation conversations[2];
    static struct row rows[2][MOST];
    static struct tcpstate_course_row course[2][MOST];
    static struct tcpstate_summary last_words[2][MOST];
    struct octets input = {.at = octets, .end = octets + size};
    uint32_t count = make_all(&input, segments);

    if (count == 0)
        return 0;
    memcpy(later, segments, sizeof later);
    for (uint32_t i = 0; i < count; i++)
        later[i].time_ns += 123456789;
    memset(conversations, 0, sizeof conversations);
    for (unsigned i = 0; i < 2; i++) {
        run(&conversations[i], i == 0 ? segments : later, count, rows[i]);
        follow_course(i == 0 ? segments : later, rows[i], count, course[i], last_words[i]);
    }
    check_same(rows[0], rows[1], count);
    check_words(segments, rows[0], count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(course[0][i].sender == course[1][i].sender && course[0][i].receiver == course[1][i].receiver);
        CHECK(last_words[0][i].outcome == last_words[1][i].outcome);
    }
    hindsight(&conversations[0], segments, count);
    return 0;
}
