/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the findings of groups C, R, T and F remember of one endpoint in one connection; zeroed with the connection.
 * "It" is the endpoint: all of this is about what was captured of it, whoever really sent it.
 */
#ifndef TCPSTATE_EVIDENCE_END_H
#define TCPSTATE_EVIDENCE_END_H

#include <stdbool.h>
#include "evidence_story.h"

#include <stdint.h>

enum { TCPSTATE_BURST = 2 }; /* resets before this one */

struct tcpstate_evidence_end {
    /* the first FIN captured of it */
    bool has_fin, fin_over_edge, peer_spoke_since_fin;
    uint8_t fin_count, last_acks_lost;       /* last_acks_lost: repeated FINs since the peer was last heard */
    uint32_t fin, fin_frame, last_ack_frame; /* last_ack_frame: the ACK of the FIN that did not arrive */
    int64_t fin_last_ns;
    /* it acknowledged the peer's FIN, and has sent neither data nor FIN since close_wait_ns */
    bool close_wait_told;
    uint32_t close_wait_frame;
    int64_t close_wait_ns;
    /* its resets */
    bool others_since_peer;       /* has sent something else than a reset since the peer was last heard */
    bool reset_sent, reset_taken; /* one that ends it; the peer has accepted it */
    uint8_t rst_count, new_after_reset;
    bool rst_answers[TCPSTATE_BURST];
    uint32_t rst_frame, rst_seq, reset_frame, reset_seq;
    uint32_t rst_seqs[TCPSTATE_BURST];
    int64_t rst_ns, reset_ns, rst_times_ns[TCPSTATE_BURST];
    /* what it had sent at most a round trip or two after an accepted reset of either end */
    bool has_reset_smax, has_reset_tsval;
    uint32_t reset_smax, reset_tsval;
    /* it holds TIME-WAIT */
    bool reopened_from_time_wait;
    uint32_t old_smax, time_wait_ack, time_wait_ack_frame;
    /* octets of it that were not captured: from contig up to hole_right; captured again up to beyond_right */
    bool has_contig, in_hole, missing;
    uint32_t contig, hole_right, beyond_right, hole_frame;
    int64_t hole_ns;
    uint32_t hole_tsval;
    /* windows and time */
    bool has_raw_edge, window_closed, sent_keep_alive;
    uint32_t raw_edge; /* highest right edge without a window scale */
    uint32_t highest_ack;
    int64_t active_ns; /* last sent something new */
};

/* What the findings that only the end can tell need of a connection, part of its summary. Arrays by role. */
struct tcpstate_end_facts {
    bool any_rst;
    bool spoke[2], acks_advance[2], fin_acked[2], sent_ts[2];
    uint32_t syn_count, fin_count[2];
    uint32_t ecn_syn_frame;       /* the client's SYN that asked for ECN */
    uint32_t close_wait_frame[2]; /* in CLOSE-WAIT since this segment, and not told yet */
    uint32_t tsval[2];            /* newest */
    uint32_t older_iss[2];        /* of the connection before */
    int64_t last_fin_ns[2], close_wait_ns[2], rst_ns, time_wait_ns;
    struct tcpstate_story half_open, ignored_reset; /* as they stand: open as long as they have a frame */
};

#endif
