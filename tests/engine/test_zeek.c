/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conn_state and history against what Zeek itself is known to say. Zeek is not run here: the expectations marked
 * "baseline" are those of the test suite of Zeek (testing/btest), with segments of the same kind in the same order; the
 * others follow from its documentation of conn.log.
 */
#include "tcpstate.h"

#include <stdio.h>
#include <string.h>

enum { CLIENT_PORT = 49152, SERVER_PORT = 49153, HTTP = 80 };
enum { F = TCPSTATE_FIN, S = TCPSTATE_SYN, R = TCPSTATE_RST, A = TCPSTATE_ACK, BAD = 0x1000, ZERO_WINDOW = 0x2000 };
static const uint32_t isn[2] = {0xfffffff0u, 5000}; /* the numbers of the first end wrap */

static unsigned checks, failures;

/* One conversation, told segment by segment. Numbers are relative to the ISNs. */
static struct tcpstate_conversation conversation;
static uint16_t ports[2];
static uint32_t frame;

static void start(uint16_t first_port, uint16_t second_port) {
    memset(&conversation, 0, sizeof conversation);
    ports[0] = first_port;
    ports[1] = second_port;
    frame = 0;
}

static struct tcpstate_report send_segment(unsigned from, unsigned flags, uint32_t seq, uint32_t length, uint32_t ack) {
    static const struct tcpstate_settings settings = {.msl_ns = INT64_C(30000000000), .ignore_bad_checksums = true};
    struct tcpstate_segment s = {.direction = (uint8_t)from, .flags = (uint16_t)(flags & 0x1ff), .length = length};
    struct tcpstate_report report;

    s.frame = ++frame;
    s.time_ns = frame * INT64_C(20000000);
    s.seq = isn[from] + seq;
    s.ack = flags & A ? isn[!from] + ack : 0;
    s.window = flags & ZERO_WINDOW ? 0 : 64240;
    s.sender_port = ports[from];
    s.receiver_port = ports[!from];
    s.header_digest = frame;
    s.traits = flags & BAD ? TCPSTATE_CHECKSUM_BAD : 0;
    tcpstate_segment(&conversation, &settings, &s, &report);
    return report;
}

static void expect(const char *about, const char *conn_state, const char *history) {
    const struct tcpstate_summary *summary = tcpstate_summary(&conversation);
    const char *name = tcpstate_conn_state_name((enum tcpstate_conn_state)summary->conn_state);

    checks++;
    if (!strcmp(name, conn_state) && summary->history_length == strlen(history) &&
        !memcmp(summary->history, history, strlen(history)))
        return;
    failures++;
    printf("%s: expected %s %s, found %s %.*s\n", about, conn_state, history, name, (int)summary->history_length,
           summary->history);
}

static void handshake(void) {
    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, S, 0, 0, 0);
    expect("a SYN", "S0", "S");
    send_segment(1, S | A, 0, 0, 1);
    expect("a SYN,ACK", "S1", "Sh");
    send_segment(0, A, 1, 0, 1);
    expect("the handshake", "S1", "ShA");
}

/* ---- how connections end -------------------------------------------------------------------------------------- */

static void test_normal_close(void) {
    handshake();
    send_segment(0, A, 1, 100, 1);
    send_segment(1, A, 1, 0, 101);
    send_segment(1, A, 1, 300, 101);
    expect("baseline: a request and its answer", "S1", "ShADad");
    send_segment(0, A, 101, 0, 301);
    send_segment(0, F | A, 101, 0, 301);
    expect("the originator closes", "S2", "ShADadF");
    send_segment(1, A, 301, 0, 102);
    send_segment(1, F | A, 301, 0, 102);
    expect("both have closed", "SF", "ShADadFf");
    send_segment(0, A, 102, 0, 302);
    send_segment(1, F | A, 301, 0, 102);
    expect("a repeated FIN is told once", "SF", "ShADadFf");

    handshake();
    send_segment(1, F | A, 1, 0, 1);
    expect("the responder closes", "S3", "ShAf");
}

static void test_refused(void) {
    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, S, 0, 0, 0);
    send_segment(1, R | A, (uint32_t)-5000, 0, 1);
    expect("refused", "REJ", "Sr");
}

static void test_resets(void) {
    handshake();
    send_segment(0, R, 1, 0, 0);
    expect("the originator resets", "RSTO", "ShAR");
    handshake();
    send_segment(1, R | A, 1, 0, 1);
    expect("the responder resets", "RSTR", "ShAr");

    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, R, 1, 0, 0);
    expect("baseline: a RST alone", "OTH", "R");
    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, S, 0, 0, 0);
    send_segment(0, R, 1, 0, 0);
    expect("baseline: SYN, RST", "RSTOS0", "SR");
    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, S, 0, 0, 0);
    send_segment(1, A, 700, 0, 900);
    send_segment(0, R, 900, 0, 0);
    expect("baseline: SYN, an ACK of something else, RST", "RSTOS0", "SaR");
    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, S, 0, 0, 0);
    send_segment(1, A, 700, 0, 900);
    send_segment(0, F | A, 1, 0, 701);
    send_segment(0, R, 2, 0, 0);
    expect("baseline: SYN, ACK, FIN, RST", "OTH", "SaFR");

    handshake();
    send_segment(1, A, 1, 0, 1);
    send_segment(0, F | A, 1, 0, 1);
    send_segment(0, R, 2, 0, 0);
    send_segment(1, F | A, 1, 0, 2);
    send_segment(1, R, 2, 0, 0);
    expect("baseline: FIN, RST, then the peer's FIN and RST: a normal end", "SF", "ShAaFRfr");
    send_segment(1, R, 3, 0, 0);
    expect("a RST with another number is told again", "SF", "ShAaFRfrr");
}

static void test_half_seen(void) {
    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, S, 0, 0, 0);
    send_segment(0, F | A, 1, 0, 1);
    expect("SYN and FIN of one end", "SH", "SF");
    start(HTTP, CLIENT_PORT);
    send_segment(0, S | A, 0, 0, 1);
    expect("baseline: a SYN,ACK alone, from a server's port", "OTH", "^h");
    send_segment(0, F | A, 1, 0, 1);
    expect("SYN,ACK and FIN of a server", "SHR", "^hf");
    start(HTTP, CLIENT_PORT);
    send_segment(0, S | A, 0, 0, 1);
    send_segment(0, R, 1, 0, 0);
    expect("SYN,ACK and RST of a server", "RSTRH", "^hr");

    start(HTTP, CLIENT_PORT);
    send_segment(0, S | A, 0, 0, 1);
    send_segment(1, A, 1, 0, 1);
    send_segment(1, A, 1, 98, 1);
    send_segment(0, A, 1, 1000, 99);
    send_segment(1, F | A, 99, 0, 1001);
    send_segment(0, A, 1001, 0, 100);
    send_segment(0, F | A, 1001, 0, 100);
    expect("baseline: only the SYN is missing", "SF", "^hADdFaf");

    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, A, 1, 50, 1);
    send_segment(1, A, 1, 350, 51);
    send_segment(0, A, 51, 0, 351);
    expect("baseline: begun in the middle", "OTH", "DdA");
    start(HTTP, CLIENT_PORT);
    send_segment(0, A, 1, 50, 1);
    send_segment(1, A, 1, 0, 51);
    expect("begun in the middle by a server", "OTH", "^dA");
    start(HTTP, 443);
    send_segment(0, A, 1, 50, 1);
    expect("two servers' ports: the lower one is the server", "OTH", "^d");
}

static void test_reversed(void) {
    start(CLIENT_PORT, SERVER_PORT);
    send_segment(1, S | A, 0, 0, 1);
    expect("a SYN,ACK first: its sender is taken for the originator", "OTH", "H");
    send_segment(0, S, 0, 0, 0);
    expect("then the SYN: the roles are exchanged", "S1", "Hs^");
    send_segment(0, A, 1, 0, 1);
    send_segment(1, A, 1, 10, 1);
    expect("... and the cases with them", "S1", "Hs^Ad");
}

/* ---- letters -------------------------------------------------------------------------------------------------- */

static void test_flags(void) {
    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, S | F, 0, 0, 0);
    expect("SYN and FIN", "SH", "Q");
    send_segment(0, F | R, 1, 0, 0);
    expect("FIN and RST", "OTH", "QI");
    start(CLIENT_PORT, SERVER_PORT);
    send_segment(0, S, 0, 0, 0);
    send_segment(0, S, 0, 0, 0);
    expect("a repeated SYN is told once", "S0", "S");
    send_segment(1, S | A, 0, 0, 1);
    send_segment(1, S | A, 77, 0, 1);
    expect("baseline of a report: a SYN,ACK with another ISN starts anew", "S1", "Sh");
}

static void test_powers_of_ten(void) {
    handshake();
    for (unsigned i = 0; i < 9; i++)
        send_segment(1, A | ZERO_WINDOW, 1, 0, 1);
    expect("nine closed windows", "S1", "ShAaw");
    send_segment(1, A | ZERO_WINDOW, 1, 0, 1);
    expect("the tenth", "S1", "ShAaww");
    send_segment(0, A | BAD, 1, 10, 1);
    expect("a bad checksum hides all else", "S1", "ShAawwC");

    handshake();
    send_segment(0, A, 1, 10, 1);
    for (unsigned i = 0; i < 99; i++)
        send_segment(0, A, 1, 10, 1);
    expect("ninety-nine repetitions", "S1", "ShADTT");
    send_segment(0, A, 1, 10, 1);
    expect("the hundredth", "S1", "ShADTTT");
}

static void test_gaps(void) {
    handshake();
    send_segment(1, A, 1, 0, 1);
    send_segment(0, A, 1, 100, 1);
    send_segment(1, F | A, 501, 0, 101);
    send_segment(0, A, 101, 0, 502);
    expect("baseline: the data before the FIN are missing", "S3", "ShAaDfg");

    handshake();
    send_segment(1, A, 101, 100, 1);
    expect("beyond a hole", "S1", "ShAd");
    send_segment(0, A, 1, 0, 1);
    send_segment(1, A, 1, 100, 1);
    send_segment(0, A, 1, 0, 201);
    expect("the hole is filled before it is acknowledged: a repetition, no gap", "S1", "ShAdt");
    for (uint32_t hole = 0; hole < 20; hole++)
        send_segment(1, A, 301 + 200 * hole, 100, 1);
    send_segment(0, A, 1, 0, 4201);
    expect("more holes than are kept apart", "S1", "ShAdtg");

    handshake();
    for (uint32_t hole = 0; hole < 10; hole++) {
        send_segment(1, A, 101 + 200 * hole, 100, 1);
        send_segment(0, A, 1, 0, 201 + 200 * hole);
        if (hole == 0)
            expect("the first gap", "S1", "ShAdg");
    }
    expect("the tenth gap", "S1", "ShAdgg");
}

static void test_limit(void) {
    handshake();
    for (uint32_t i = 0; i < 2 * TCPSTATE_HISTORY; i++)
        send_segment(0, R, 1 + i, 0, 0);
    checks++;
    if (tcpstate_summary(&conversation)->history_length != TCPSTATE_HISTORY) {
        failures++;
        printf("the history is not full\n");
    }
}

/* A SYN in a live connection belongs to neither history until it is answered. */
static void test_candidate(void) {
    handshake();
    send_segment(0, A, 1, 10, 1);
    send_segment(1, A, 1, 10, 11);
    send_segment(0, S, 900000, 0, 0);
    expect("a candidate leaves no letter", "S1", "ShADd");
    struct tcpstate_report report = send_segment(1, S | A, 800000, 0, 900001);
    expect("its answer starts with it", "S1", "Sh");
    checks++;
    if (!report.started_connection || report.history_length != 2) {
        failures++;
        printf("the report does not show the new history\n");
    }
}

int main(void) {
    test_normal_close();
    test_refused();
    test_resets();
    test_half_seen();
    test_reversed();
    test_flags();
    test_powers_of_ten();
    test_gaps();
    test_limit();
    test_candidate();
    printf("zeek: %u checks, %u failures\n", checks, failures);
    return failures != 0;
}
