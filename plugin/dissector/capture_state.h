/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Everything that is remembered about a capture file: conversations by tuple, their connections, and a record for each
 * segment and each ICMP error that quotes one. It is filled once, in capture order, and only read afterwards, so that every visit of a frame shows the
 * same. All memory belongs to the file scope of Wireshark and goes with it.
 */
#ifndef CAPTURE_STATE_H
#define CAPTURE_STATE_H

#include "segment_source.h"
#include "tcpstate.h"

struct capture_state;

/* For a new file. `settings` are copied: with others, Wireshark dissects everything again. */
struct capture_state *capture_state_new(const struct tcpstate_settings *settings);

/* What a user supposes of an end at a frame: hindsight then tells the likeliest course in which it is so, if there is one. */
struct supposition {
    uint32_t frame;
    enum tcpstate_role role;
    enum tcpstate_state state;
};
/* Copies `count` of them, before the first segment. */
void capture_state_suppose(struct capture_state *state, const struct supposition *suppositions, unsigned count);

/* For each frame on its first visit, with or without TCP, in capture order: the time of the last is the end of the
 * capture, also where clocks go backwards. */
void capture_state_frame(struct capture_state *state, int64_t time_ns);

/* For each segment on the first visit of its frame, in capture order: has the engine judge it and keeps the report. */
void capture_state_segment(struct capture_state *state, const struct sourced_segment *sourced);

/* The same for an ICMP error that quotes a segment. Without a connection to tell of, nothing is kept: false. */
bool capture_state_icmp_error(struct capture_state *state, const struct sourced_segment *sourced);

/* How many segments and ICMP errors there are so far: the record that the next one will have. */
uint32_t capture_state_count(const struct capture_state *state);

/* On later visits: the records of a frame are `*first` and the following; returns how many. */
unsigned capture_state_find(const struct capture_state *state, uint32_t frame, uint32_t *first);

/* The findings of one record, as the first visit found them; returns how many. */
unsigned capture_state_findings(const struct capture_state *state, uint32_t record,
                                const struct tcpstate_finding **findings);

/* All that can be shown of one segment, or of one ICMP error: `segment` is then what is known of the quoted one, and of
 * the report only what tcpstate_icmp_error() says is meant. */
struct capture_view {
    uint32_t connection; /* number within the file, from 0 */
    const struct tuple *tuple;
    bool is_icmp_error;
    struct tcpstate_icmp icmp; /* with `is_icmp_error` */
    struct tcpstate_segment segment;
    struct tcpstate_report report;
    const struct tcpstate_summary *summary; /* as far as the file has been read */

    /* Only in a later pass, else absent: */
    bool is_later_pass;
    uint8_t settled[2];                        /* enum tcpstate_state, by enum tcpstate_role */
    uint32_t contradicted_in;                  /* frame, 0: none */
    const struct tcpstate_summary *in_the_end; /* in the light of the whole capture: the final words */
    unsigned final_count;
    struct tcpstate_finding finals[TCPSTATE_FINAL_FINDINGS]; /* those of this segment */
};

/* In a later pass, what only the end of the capture can tell is added; that may judge a whole conversation again. */
void capture_state_view(struct capture_state *state, uint32_t record, bool is_later_pass, struct capture_view *view);

#endif
