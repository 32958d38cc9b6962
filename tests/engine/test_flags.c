/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every ordered pair of the 512 combinations of TCP flags as a connection of two segments, from both ends and from one:
 * each header that contradicts itself is named, whatever came before it, and no other is.
 */
#include "tcpstate.h"

#include <stdio.h>
#include <string.h>

enum { COMBINATIONS = 512, MS = 1000000 };

static unsigned checks, failures;

/* The rows of finding.def that look at the flags of one header only. */
static const struct rule {
    enum tcpstate_finding_id id;
    uint16_t set, clear;
} rules[] = {
    {TCPSTATE_FINDING_syn_rst, TCPSTATE_SYN | TCPSTATE_RST, 0},
    {TCPSTATE_FINDING_syn_fin, TCPSTATE_SYN | TCPSTATE_FIN, TCPSTATE_ACK | TCPSTATE_RST},
    {TCPSTATE_FINDING_synack_fin, TCPSTATE_SYN | TCPSTATE_FIN | TCPSTATE_ACK, TCPSTATE_RST},
    {TCPSTATE_FINDING_syn_urg, TCPSTATE_SYN | TCPSTATE_URG, TCPSTATE_RST},
    {TCPSTATE_FINDING_rst_fin, TCPSTATE_RST | TCPSTATE_FIN, 0},
    {TCPSTATE_FINDING_ack_flag_missing, 0, TCPSTATE_SYN | TCPSTATE_RST | TCPSTATE_ACK},
};

static bool is_told(const struct tcpstate_report *report, enum tcpstate_finding_id id) {
    for (unsigned i = 0; i < report->finding_count; i++)
        if (report->findings[i].id == id)
            return true;
    return false;
}

static void check_header(const struct tcpstate_report *report, unsigned flags, const unsigned pair[2], bool same) {
    for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++) {
        bool due = (flags & rules[i].set) == rules[i].set && (flags & rules[i].clear) == 0;
        checks++;
        if (is_told(report, rules[i].id) == due)
            continue;
        if (failures++ < 20)
            printf("flags 0x%03x then 0x%03x, %s: %s is %s on 0x%03x\n", pair[0], pair[1],
                   same ? "one sender" : "both ends", tcpstate_finding_info(rules[i].id)->id,
                   due ? "missing" : "told", flags);
    }
}

/* Numbers as whoever sends such flags would choose them. */
static struct tcpstate_segment segment_of(unsigned flags, unsigned index, unsigned direction, uint32_t seq,
                                          uint32_t ack) {
    return (struct tcpstate_segment){
        .time_ns = (int64_t)(index + 1) * 10 * MS,
        .frame = index + 1,
        .seq = seq,
        .ack = flags & TCPSTATE_ACK ? ack : 0,
        .header_digest = flags << 8 | index,
        .flags = (uint16_t)flags,
        .window = 64240,
        .urgent_pointer = flags & TCPSTATE_URG ? 1 : 0,
        .ip_id = (uint16_t)(index + 1),
        .sender_port = direction ? 49153 : 49152,
        .receiver_port = direction ? 49152 : 49153,
        .direction = (uint8_t)direction,
        .ttl = 64,
        .traits = TCPSTATE_HAS_IP_ID | TCPSTATE_HAS_TTL,
    };
}

static void test_pair(const unsigned pair[2], bool same) {
    static struct tcpstate_conversation conversation;
    static const struct tcpstate_settings settings = {.msl_ns = 30 * INT64_C(1000000000), .ignore_bad_checksums = true};
    uint32_t next = 1000 + (pair[0] & TCPSTATE_SYN ? 1u : 0u) + (pair[0] & TCPSTATE_FIN ? 1u : 0u);
    struct tcpstate_report report;

    memset(&conversation, 0, sizeof conversation);
    for (unsigned i = 0; i < 2; i++) {
        bool back = i == 1 && !same;
        struct tcpstate_segment segment = segment_of(pair[i], i, back, back ? 5000 : i == 0 ? 1000 : next,
                                                     back ? next : 5001);
        tcpstate_segment(&conversation, &settings, &segment, &report);
        check_header(&report, pair[i], pair, same);
    }
}

int main(void) {
    for (unsigned first = 0; first < COMBINATIONS; first++)
        for (unsigned second = 0; second < COMBINATIONS; second++) {
            test_pair((unsigned[2]){first, second}, false);
            test_pair((unsigned[2]){first, second}, true);
        }
    printf("%u checks, %u failures\n", checks, failures);
    return failures != 0;
}
