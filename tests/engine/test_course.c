/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The likeliest course of a conversation, held against stories of which the end is known: what was forged, what arrived,
 * in which states both ends were, and when that could be known. Numbers are relative to the ISNs.
 */
#include "course.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F = TCPSTATE_FIN, S = TCPSTATE_SYN, R = TCPSTATE_RST, P = TCPSTATE_PSH, A = TCPSTATE_ACK };
enum { SEGMENTS = 64 };
static const uint32_t isn[2] = {0xfffffff0u, 5000}; /* the numbers of the first end wrap */
static const struct tcpstate_settings settings = {.msl_ns = INT64_C(30000000000), .ignore_bad_checksums = true};

static unsigned checks, failures;
static struct tcpstate_segment segments[SEGMENTS];
static struct tcpstate_course_row rows[SEGMENTS];
static uint32_t count;
static int64_t now_ms;

static struct tcpstate_segment *captured(int64_t after_ms, unsigned from, unsigned flags, uint32_t seq, uint32_t length,
                                         uint32_t ack) {
    struct tcpstate_segment *s = &segments[count++];

    now_ms += after_ms;
    *s = (struct tcpstate_segment){.time_ns = now_ms * 1000000,
                                   .frame = count,
                                   .seq = isn[from] + seq,
                                   .ack = flags & A ? isn[!from] + ack : 0,
                                   .length = length,
                                   .header_digest = count,
                                   .flags = (uint16_t)flags,
                                   .window = flags & R ? 0 : 64240,
                                   .sender_port = (uint16_t)(49152 + from),
                                   .receiver_port = (uint16_t)(49153 - from),
                                   .direction = (uint8_t)from};
    if (flags & S)
        s->options = TCPSTATE_OPT_MSS;
    return s;
}

static void handshake(void) {
    count = 0;
    now_ms = 1000;
    captured(0, 0, S, 0, 0, 0);
    captured(10, 1, S | A, 0, 0, 1);
    captured(10, 0, A, 1, 0, 1);
}

static bool run_with(const struct tcpstate_course_premise *premises) {
    size_t size = tcpstate_course_size(count);
    void *workspace = malloc(size);
    bool told = workspace != NULL && tcpstate_course(&settings, segments, premises, count, workspace, size, rows);

    free(workspace);
    return told;
}

static bool run(void) { return run_with(NULL); }

/* ... supposing a state of the sender of segment `number`, or of its receiver. */
static bool run_supposing(uint32_t number, bool is_receiver, enum tcpstate_state state) {
    struct tcpstate_course_premise premises[SEGMENTS];

    for (uint32_t i = 0; i < count; i++)
        premises[i] = (struct tcpstate_course_premise){TCPSTATE_STATES, TCPSTATE_STATES, TCPSTATE_STATES};
    *(is_receiver ? &premises[number - 1].supposed_receiver : &premises[number - 1].supposed_sender) = (uint8_t)state;
    return run_with(premises);
}

static void check(bool holds, const char *claim) {
    checks++;
    if (holds)
        return;
    failures++;
    printf("not so: %s\n", claim);
}

static bool states(uint32_t number, enum tcpstate_state sender, enum tcpstate_state receiver) {
    const struct tcpstate_course_row *row = &rows[number - 1];

    if (row->sender == sender && row->receiver == receiver)
        return true;
    printf("segment %u: sender %s, receiver %s\n", number, tcpstate_state_name((enum tcpstate_state)row->sender),
           tcpstate_state_name((enum tcpstate_state)row->receiver));
    return false;
}

static void test_plain_close(void) {
    handshake();
    captured(100, 0, P | A, 1, 100, 1);
    captured(20, 1, A, 1, 0, 101);
    captured(100, 0, F | A, 101, 0, 1);
    captured(20, 1, A, 1, 0, 102);
    captured(100, 1, F | A, 1, 0, 102);
    captured(20, 0, A, 102, 0, 2);
    check(run(), "a whole conversation is told");
    check(states(6, TCPSTATE_FIN_WAIT_1, TCPSTATE_CLOSE_WAIT), "RFC 9293 figure 12, line 2");
    check(states(7, TCPSTATE_CLOSE_WAIT, TCPSTATE_FIN_WAIT_2), "figure 12, line 3");
    check(states(8, TCPSTATE_LAST_ACK, TCPSTATE_TIME_WAIT), "figure 12, line 4");
    check(states(9, TCPSTATE_TIME_WAIT, TCPSTATE_CLOSED), "figure 12, line 5");
    for (uint32_t i = 0; i < count; i++)
        check(rows[i].genuine && rows[i].arrived, "nothing was forged or lost");
}

/* A handshake and one segment of text, which is acknowledged: had the server the ACK of the handshake by then? */
static void test_supposition(void) {
    handshake();
    captured(10, 0, P | A, 1, 100, 1);
    captured(20, 1, A, 1, 0, 101);
    check(run() && states(3, TCPSTATE_ESTABLISHED, TCPSTATE_ESTABLISHED), "nothing speaks for a loss");
    check(run_supposing(3, true, TCPSTATE_SYN_RECEIVED) && states(3, TCPSTATE_ESTABLISHED, TCPSTATE_SYN_RECEIVED),
          "the ACK of the handshake may have been lost");
    check(states(4, TCPSTATE_ESTABLISHED, TCPSTATE_ESTABLISHED) && !rows[2].arrived,
          "then the text has established it, and that is one history");
    check(run_supposing(4, true, TCPSTATE_SYN_RECEIVED) && states(4, TCPSTATE_ESTABLISHED, TCPSTATE_ESTABLISHED),
          "the text was acknowledged, so it was not lost: dropped");
    check(run_supposing(5, false, TCPSTATE_CLOSE_WAIT) && states(5, TCPSTATE_ESTABLISHED, TCPSTATE_ESTABLISHED),
          "no FIN was captured: dropped");
    captured(100, 1, R, 1, 0, 0);
    check(run() && states(6, TCPSTATE_CLOSED, TCPSTATE_CLOSED), "a reset closes");
    check(run_supposing(6, true, TCPSTATE_LISTEN) && states(6, TCPSTATE_CLOSED, TCPSTATE_CLOSED) && rows[5].arrived,
          "CLOSED is LISTEN too");
}

/* A RST in the name of the first end, which goes on: somebody else sent it, and it closed the second end or did not. */
static void test_forged_reset(bool taken) {
    handshake();
    captured(100, 0, R, taken ? 1 : 2, 0, 0);
    captured(100, 0, P | A, 1, 100, 1);
    if (taken)
        captured(20, 1, R, 1, 0, 0);
    else
        captured(20, 1, A, 1, 0, 101);
    check(run(), "a forged reset does not keep it from being told");
    check(!rows[3].genuine, "the reset was forged");
    check(rows[4].genuine, "the text was not");
    check(rows[3].sender == TCPSTATE_ESTABLISHED, "who was said to have sent it was in ESTABLISHED");
    check(rows[3].receiver == (taken ? TCPSTATE_CLOSED : TCPSTATE_ESTABLISHED), "only the exact number closes");
    check(rows[3].sender_decided == (taken ? 4 : 3),
          "a wrong number shows it at once, a right one when its end goes on");
}

/* A FIN that is repeated was lost behind the capture point, if what comes back before does not cover it. */
static void test_lost_fin(bool lost) {
    handshake();
    captured(100, 0, F | A, 1, 0, 1);
    captured(200, 1, P | A, 1, 50, lost ? 1 : 2);
    captured(10, 0, A, 2, 0, 51);
    if (lost) {
        captured(400, 0, F | A, 1, 0, 51);
        captured(20, 1, A, 51, 0, 2);
    }
    check(run(), "a lost FIN does not keep it from being told");
    check(rows[3].arrived == !lost, "the FIN arrived, or did not");
    check(states(4, TCPSTATE_FIN_WAIT_1, lost ? TCPSTATE_ESTABLISHED : TCPSTATE_CLOSE_WAIT), "the state follows");
}

/* While B is silent A acknowledges all its text, segment by segment, then closes. Each ACK may have been lost, which is
 * thought through, but what is rare must not keep what is not from being looked at: only the FIN was. */
static void test_fin_lost_behind_many_acks(void) {
    enum { ACKS = 24 };

    handshake();
    for (uint32_t i = 0; i < ACKS; i++)
        captured(i == 0 ? 100 : 0, 1, P | A, 1 + 1000 * i, 1000, 1);
    for (uint32_t i = 0; i < ACKS; i++)
        captured(i == 0 ? 10 : 0, 0, A, 1, 0, 1001 + 1000 * i);
    captured(0, 0, F | A, 1, 0, 1000 * ACKS + 1);
    captured(150, 1, P | A, 1000 * ACKS + 1, 100, 1);
    captured(100, 0, F | A, 1, 0, 1000 * ACKS + 101);
    captured(10, 1, A, 1000 * ACKS + 101, 0, 2);
    check(run(), "a long silence is told");
    check(!rows[count - 4].arrived, "the FIN was lost");
    check(states(count - 3, TCPSTATE_FIN_WAIT_1, TCPSTATE_ESTABLISHED), "so its receiver was in ESTABLISHED");
    check(states(count - 2, TCPSTATE_ESTABLISHED, TCPSTATE_FIN_WAIT_1), "and still was when it went on");
}

/* The capture starts in the middle, in the worse case with a segment that neither end has sent. */
static void test_late_start(bool forged) {
    count = 0;
    now_ms = 1000;
    if (forged)
        captured(0, 0, F | A, 70001, 0, 1);
    captured(10, 0, P | A, 1, 100, 1);
    captured(10, 1, A, 1, 0, 101);
    captured(100, 1, P | A, 1, 50, 101);
    captured(10, 0, A, 101, 0, 51);
    captured(100, 0, F | A, 101, 0, 51);
    captured(10, 1, A, 51, 0, 102);
    check(run(), "a start in the middle is told too");
    check(rows[0].genuine == !forged, "its first segment was sent by its sender, or not");
    check(states(1, TCPSTATE_ESTABLISHED, TCPSTATE_ESTABLISHED), "both ends were in ESTABLISHED");
    check(states(count, TCPSTATE_CLOSE_WAIT, TCPSTATE_FIN_WAIT_2), "and one of them has closed");
}

/* The text is repeated and B says nothing. Had it ignored the ACK of its SYN,ACK, that would have come again after a
 * second, as it does in the other story. */
static void test_silent_server(bool ignores) {
    handshake();
    for (unsigned i = 0; i < 4; i++)
        captured(60 << i, 0, P | A, 1, 100, 1);
    if (ignores) {
        captured(100, 1, S | A, 0, 0, 1);
        captured(10, 0, A, 101, 0, 1);
    }
    captured(900, 0, P | A, 1, 100, 1);
    captured(1200, 0, P | A, 1, 100, 1);
    captured(300, 1, P | A, 1, 10, ignores ? 101 : 1);
    check(run(), "a server that says nothing is told");
    check(rows[2].receiver == (ignores ? TCPSTATE_SYN_RECEIVED : TCPSTATE_ESTABLISHED),
          "what it made of the handshake");
}

/* A SYN with a number from before, to an end in TIME-WAIT: it answers with what was, or, 2MSL over, with a SYN,ACK. */
static void test_syn_in_time_wait(bool over) {
    handshake();
    captured(100, 1, F | A, 1, 0, 1);
    captured(10, 0, F | A, 1, 0, 2);
    captured(10, 1, A, 2, 0, 2);
    captured(70000, 0, S, UINT32_MAX - 100000, 0, 0);
    if (over)
        captured(10, 1, S | A, 7000, 0, UINT32_MAX - 99999);
    else
        captured(10, 1, A, 2, 0, 2);
    check(run(), "a connection that comes again is told");
    check(states(6, TCPSTATE_TIME_WAIT, TCPSTATE_CLOSED), "the first one ends in TIME-WAIT");
    check(states(7, TCPSTATE_SYN_SENT, over ? TCPSTATE_SYN_RECEIVED : TCPSTATE_TIME_WAIT), "the answer tells");
}

/* The capture starts behind a hole: a FIN waits there until the text before it is repeated, as the echo tells. */
static void test_hole_before_the_start(void) {
    count = 0;
    now_ms = 1000;
    captured(0, 0, P | A, 1, 100, 1);
    captured(1, 0, F | A, 101, 0, 1);
    captured(40, 0, P | A, UINT32_MAX - 98, 100, 1); /* -99 */
    captured(20, 1, A, 1, 0, 102);
    captured(100, 1, P | A, 1, 50, 102);
    captured(20, 0, A, 102, 0, 51);
    for (uint32_t i = 0; i < count; i++) {
        segments[i].options = TCPSTATE_OPT_TIMESTAMPS;
        segments[i].tsval = (uint32_t)(segments[i].time_ns / 1000000);
    }
    segments[3].tsecr = segments[4].tsecr = segments[2].tsval;
    segments[5].tsecr = segments[4].tsval;
    check(run(), "a start behind a hole is told");
    check(states(2, TCPSTATE_FIN_WAIT_1, TCPSTATE_ESTABLISHED), "the FIN waits");
    check(states(3, TCPSTATE_FIN_WAIT_1, TCPSTATE_CLOSE_WAIT), "until the text has come");
}

/* Of one direction alone the verdicts tell more, unless somebody else spoke in its name: here with a FIN of a wrong
 * number, after which its end goes on. */
static void test_one_direction(bool forged) {
    count = 0;
    now_ms = 1000;
    captured(0, 0, S, 0, 0, 0);
    captured(20, 0, A, 1, 0, 1);
    captured(100, 0, P | A, 1, 100, 1);
    if (forged)
        captured(50, 0, F | A, 90001, 0, 1);
    captured(100, 0, P | A, 101, 100, 51);
    captured(100, 0, F | A, 201, 0, 51);
    captured(20, 0, A, 202, 0, 52);
    check(run() == forged, "one direction is told only where somebody else spoke");
    if (!forged)
        return;
    check(!rows[3].genuine && rows[4].genuine, "who that was");
    check(states(1, TCPSTATE_SYN_SENT, TCPSTATE_SYN_RECEIVED), "the end that is not seen follows the handshake");
    check(states(6, TCPSTATE_FIN_WAIT_1, TCPSTATE_CLOSE_WAIT), "and the close");
    check(states(7, TCPSTATE_TIME_WAIT, TCPSTATE_CLOSED), "to its end");
}

static void test_nothing_is_told(void) {
    handshake();
    segments[0].traits = TCPSTATE_SELF;
    check(!run(), "nor of an endpoint that talks to itself");
    handshake();
    captured(100, 0, P | A, 1, 100, 1);
    check(run(), "but of any other");
}

static void test_doubt(void) {
    struct tcpstate_report report = {.uncertain = false};

    check(!tcpstate_is_doubtful(&report), "a plain report leaves no doubt");
    report.end[1].taken_back = true;
    check(tcpstate_is_doubtful(&report), "one that takes something back does");
}

static void test_states_by_role(void) {
    struct tcpstate_course_row row = {.sender = TCPSTATE_CLOSED,
                                      .receiver = TCPSTATE_CLOSE_WAIT,
                                      .told = true,
                                      .sender_decided = 7,
                                      .receiver_decided = 9};
    uint8_t settled[2];

    check(tcpstate_course_states(&row, TCPSTATE_SERVER, (uint8_t[]){TCPSTATE_ESTABLISHED, TCPSTATE_LISTEN}, settled) ==
              9,
          "the segment that shows it is that of the end that differs");
    check(settled[TCPSTATE_CLIENT] == TCPSTATE_CLOSE_WAIT, "the client was the receiver");
    check(settled[TCPSTATE_SERVER] == TCPSTATE_LISTEN, "LISTEN and CLOSED look the same, so what was shown stays");
}

/* Whatever is captured, each segment has two states in the end. */
/* A host that keeps only the numbers and timestamps of a closed connection goes on from them: the SYN out of FIN-WAIT-2
 * echoes the peer's last TSval, and is its own. Another echo is nobody's. */
static void test_syn_with_echo(bool newest) {
    handshake();
    captured(100, 0, F | A, 1, 0, 1);
    captured(20, 1, A, 1, 0, 2);
    captured(500, 0, S, 65539, 0, 0); /* as Linux does it */
    captured(20, 1, A, 1, 0, 2);
    for (uint32_t i = 0; i < count; i++) {
        segments[i].options |= TCPSTATE_OPT_TIMESTAMPS;
        segments[i].tsval = (segments[i].direction == 0 ? 1000u : 7000u) + (uint32_t)(segments[i].time_ns / 1000000);
        segments[i].tsecr = i == 0 ? 0 : segments[i - 1].tsval;
    }
    segments[5].tsecr -= newest ? 0 : 50;
    segments[6].tsecr = segments[3].tsval;
    check(run(), "a SYN with an echo does not keep it from being told");
    check(rows[5].genuine == newest, "the echo tells whose SYN it is");
}

/* B loses its connection, and its resets answer more segments than it can be told which. How soon it answers is known
 * from its ACKs: what it says within that time was not drawn by what came just before. */
static void test_resets_of_a_long_flight(void) {
    handshake();
    segments[1].flags = S; /* it opens as well, and tells no time */
    for (uint32_t i = 0; i < 5; i++) {
        captured(200, 0, P | A, 1 + 100 * i, 100, 1);
        captured(70, 1, A, 1, 0, 101 + 100 * i);
    }
    for (uint32_t i = 0; i < 20; i++)
        captured(i == 0 ? 200 : 4, 0, A, 501 + 100 * i, 100, 1);
    for (uint32_t i = 0; i < 20; i++)
        captured(i == 0 ? 3 : 4, 1, R, 1, 0, 0);
    struct course_facts facts = {.segments = segments, .count = count};
    course_find_facts(&facts, &settings);
    check(facts.answer_ns[1] == INT64_C(70000000), "the ACKs tell how soon it answers, not the resets");
}

/* A flight to B after an ACK with the same number that B had taken: the last RST tells how soon it answers, not the
 * first. One that B never sent, since it has a window, tells nothing. */
static void test_resets_after_an_ack(bool forged) {
    handshake();
    segments[1].flags = S;
    captured(200, 0, A, 1, 0, 1);
    for (uint32_t i = 0; i < 5; i++)
        captured(i == 0 ? 100 : 0, 0, A, 1 + 100 * i, 100, 1);
    for (uint32_t i = 0; i < 5; i++)
        captured(i == 0 ? 20 : 0, 1, R, 1, 0, 0);
    captured(200, 0, A, 501, 0, 5);
    captured(3, 1, R, 5, 0, 0)->window = forged ? 64240 : 0;
    struct course_facts facts = {.segments = segments, .count = count};
    course_find_facts(&facts, &settings);
    check(facts.answer_ns[1] == (forged ? INT64_C(20000000) : INT64_C(3000000)),
          "a reset tells how soon its sender answers, also an ACK");
}

/* Text behind a hole is acknowledged only once that is filled; a SACK tells of each segment that arrives: RFC 2018 4. */
static void test_ranges_tell_how_soon(bool again) {
    handshake();
    segments[1].flags = S; /* it opens as well, and tells no time */
    captured(200, 0, A, 1, 100, 1);
    for (uint32_t i = 1; i < 6; i++) {
        captured(200, 0, A, 1 + 100 * i, 100, 1);
        if (again)
            captured(5, 0, A, 1 + 100 * i, 100, 1);
        struct tcpstate_segment *s = captured(30, 1, A, 1, 0, 1);
        s->sack_count = 1;
        s->sack[0].left = isn[0] + 101;
        s->sack[0].right = isn[0] + 101 + 100 * i;
    }
    captured(100, 0, A, 1, 100, 1);
    captured(100, 1, A, 1, 0, 601);
    struct course_facts facts = {.segments = segments, .count = count};
    course_find_facts(&facts, &settings);
    if (again)
        check(facts.answer_ns[1] != INT64_C(30000000), "what came twice is not told to have come the second time");
    else
        check(facts.answer_ns[1] == INT64_C(30000000), "the SACK tells how soon it answers");
}

static void stamp(struct tcpstate_segment *s, uint32_t echo) {
    s->options |= TCPSTATE_OPT_TIMESTAMPS;
    s->tsval = (uint32_t)now_ms;
    s->tsecr = echo;
}

/* The ACK of the handshake was lost, and A sends its first text half a second later. It has nothing else to answer, but
 * it echoes the ACKs of its text: RFC 7323 4.3. */
static void test_echoes_tell_how_soon(void) {
    uint32_t echo;

    count = 0;
    now_ms = 1000;
    stamp(captured(0, 0, S, 0, 0, 0), 0);
    stamp(captured(10, 1, S | A, 0, 0, 1), 1000);
    stamp(captured(577, 0, P | A, 1, 100, 1), 1010);
    for (uint32_t i = 1; i < 6; i++) {
        stamp(captured(1, 1, A, 1, 0, 1 + 100 * i), (uint32_t)now_ms);
        echo = (uint32_t)now_ms;
        stamp(captured(25, 0, P | A, 1 + 100 * i, 100, 1), echo);
    }
    struct course_facts facts = {.segments = segments, .count = count};
    course_find_facts(&facts, &settings);
    check(facts.answer_ns[0] == INT64_C(25000000), "the echoes tell how soon it answers");
}

/* Every third segment of a flight is lost, and the one ACK that comes back tells which by its SACK. */
static void test_many_lost_told_by_sack(void) {
    handshake();
    segments[0].options |= TCPSTATE_OPT_SACK_PERMITTED;
    segments[1].options |= TCPSTATE_OPT_SACK_PERMITTED;
    for (uint32_t i = 0; i < 12; i++)
        captured(i == 0 ? 100 : 0, 0, A, 1 + 100 * i, 100, 1);
    struct tcpstate_segment *s = captured(20, 1, A, 1, 0, 101);
    s->sack_count = 4;
    for (unsigned i = 0; i < 4; i++)
        s->sack[i] = (struct tcpstate_sack){isn[0] + 1101 - 300 * i, isn[0] + (i == 0 ? 1201 : 1301 - 300 * i)};
    for (uint32_t i = 1; i < 12; i += 3)
        captured(i == 1 ? 300 : 0, 0, A, 1 + 100 * i, 100, 1);
    captured(20, 1, A, 1, 0, 1201);
    check(run(), "many lost segments do not keep it from being told");
    for (uint32_t i = 0; i < count; i++)
        check(rows[i].genuine, "nobody else has sent anything");
}

/* A host that is silent for 2^32 milliseconds, less the 10 that its strain is reckoned from, and gone then. */
static void test_gone_after_seven_weeks(void) {
    handshake();
    captured(INT64_C(4294967286), 0, P | A, 1, 100, 1);
    captured(20, 1, R, 1, 0, 0);
    check(run(), "a long silence does not keep it from being told");
    check(states(4, TCPSTATE_ESTABLISHED, TCPSTATE_CLOSED), "the RST tells that there was no connection any more");
}

static void test_noise(void) {
    uint32_t dice = 12345;
    bool all = true;

    for (unsigned round = 0; round < 36; round++) {
        handshake();
        segments[0].options |= TCPSTATE_OPT_SACK_PERMITTED | TCPSTATE_OPT_TIMESTAMPS;
        segments[1].options |= TCPSTATE_OPT_SACK_PERMITTED | TCPSTATE_OPT_TIMESTAMPS;
        while (count < SEGMENTS) {
            uint32_t r[6];
            for (unsigned i = 0; i < 6; i++)
                r[i] = dice = dice * 1664525u + 1013904223u;
            unsigned flags = r[0] >> 29 ? (r[0] >> 20 & 1 ? A : P | A) : r[0] >> 8 & 0x3f;
            struct tcpstate_segment *s = captured(r[1] >> 27, r[1] & 1024 ? 1 : 0, flags, (r[2] >> 28) * 100,
                                                  r[3] >> 30 ? 0 : (r[3] >> 20 & 3) * 100, (r[4] >> 28) * 100);
            s->options |= (uint8_t)(r[5] >> 24 & (TCPSTATE_OPT_TIMESTAMPS | TCPSTATE_OPT_MSS));
            s->tsval = (uint32_t)now_ms + (r[5] >> 16 & 0xff);
            s->tsecr = (uint32_t)now_ms - (r[5] & 0xff);
            s->sack_count = (uint8_t)(r[5] >> 14 & 3);
            for (unsigned i = 0; i < s->sack_count; i++)
                s->sack[i] =
                    (struct tcpstate_sack){s->ack + (i + 1) * 100, s->ack + (i + 1) * 100 + (r[4] >> 20 & 0x7f)};
            if (r[4] >> 4 & 1)
                s->traits = r[4] >> 5 & 7 ? 0 : TCPSTATE_CHECKSUM_BAD;
        }
        if (round % 3 == 1) { /* the same without its start ... */
            count -= 3;
            memmove(segments, segments + 3, count * sizeof segments[0]);
        }
        for (uint32_t i = 0; i < count && round % 3 == 2; i++) /* ... or of one direction */
            segments[i].direction = 0;
        if (!run())
            continue;
        for (uint32_t i = 0; i < count; i++)
            all = all && rows[i].told && rows[i].sender < TCPSTATE_STATES && rows[i].receiver < TCPSTATE_STATES &&
                  rows[i].sender != TCPSTATE_UNKNOWN && rows[i].receiver != TCPSTATE_UNKNOWN;
    }
    check(all, "noise has states too");
}

int main(void) {
    test_plain_close();
    test_supposition();
    test_forged_reset(true);
    test_forged_reset(false);
    test_lost_fin(true);
    test_lost_fin(false);
    test_fin_lost_behind_many_acks();
    test_late_start(false);
    test_late_start(true);
    test_silent_server(true);
    test_silent_server(false);
    test_syn_in_time_wait(false);
    test_syn_in_time_wait(true);
    test_hole_before_the_start();
    test_one_direction(false);
    test_one_direction(true);
    test_nothing_is_told();
    test_doubt();
    test_states_by_role();
    test_syn_with_echo(true);
    test_syn_with_echo(false);
    test_resets_of_a_long_flight();
    test_resets_after_an_ack(true);
    test_resets_after_an_ack(false);
    test_ranges_tell_how_soon(false);
    test_ranges_tell_how_soon(true);
    test_echoes_tell_how_soon();
    test_many_lost_told_by_sack();
    test_gone_after_seven_weeks();
    test_noise();
    printf("%u checks, %u failed\n", checks, failures);
    return failures != 0;
}
