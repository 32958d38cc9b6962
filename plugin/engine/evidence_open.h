/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the findings of groups H and E remember of one endpoint, x, in one connection; zeroed with the connection.
 */
#ifndef TCPSTATE_EVIDENCE_OPEN_H
#define TCPSTATE_EVIDENCE_OPEN_H

#include <stdbool.h>
#include <stdint.h>

struct tcpstate_evidence_open {
    /* as they were after the segment before: the engine's own have moved when a finding looks at them */
    uint32_t smax, acked;
    bool has_smax, has_acked;

    /* handshake */
    int64_t syn_ns, synack_ns; /* of the newest */
    uint32_t synack_seq, synack_ack, synack_frame;
    uint32_t ecn_syn_frame;
    uint8_t syn_count, synack_count; /* repetitions */
    uint8_t offered;                 /* options of all its SYNs */
    bool syn_truncated;              /* ... at least, as far as they were captured */
    bool plain_syn;                  /* after a SYN that asked for ECN, one that did not */
    bool acked_syn;                  /* has sent a pure ACK of the peer's SYN before any SYN of its own */
    bool sent_ordinary;              /* has sent a segment without SYN and RST */
    bool asked_again;                /* y has sent a SYN or a RST since the newest SYN,ACK of x */
    bool bad_ack_was_pure;           /* the newest unacceptable ACK that it got came without SYN */
    /* data and FIN that may have been sent before x was ESTABLISHED; only timestamps prove the order */
    uint32_t early_frame, early_tsval, early_fin_frame, early_fin_tsval;

    /* timestamps prove the order in which x sent */
    uint32_t high_ack, high_ack_tsval, high_ack_frame; /* the first segment that acknowledged high_ack */
    uint32_t nxt, nxt_tsval, nxt_frame;                /* SND.NXT and the clock of its newest pure ACK */
    uint32_t edge, edge_tsval;                         /* right window edge of its newest segment */
    bool zero_window;                                  /* ... is closed */
    /* it acknowledged what y was not seen to send */
    uint32_t unsent_ack, unsent_smax, unsent_tsval, unsent_frame;

    uint32_t provoked_frame; /* what it should answer with a challenge ACK; 0 once it has sent anything */
    int64_t provoked_ns;

    /* without a sign of y */
    uint8_t keepalives, resent;
    uint32_t resent_seq;
    int64_t resent_ns;

    uint8_t ttl_count, ttl_least, ttl_most;
};

#endif
