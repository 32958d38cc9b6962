/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the header of a segment says by itself: the first pass and the search ask the same.
 */
#ifndef TCPSTATE_SEGMENT_H
#define TCPSTATE_SEGMENT_H

#include "tcpstate.h"

/* As one without a connection answers an ACK, with nothing to fill window and options: RFC 9293 3.10.7.1. */
static inline bool segment_is_refusal(const struct tcpstate_segment *s) {
    return (s->flags & (TCPSTATE_RST | TCPSTATE_ACK)) == TCPSTATE_RST && s->window == 0 &&
           !(s->options & TCPSTATE_OPT_TIMESTAMPS);
}

/* By the identifications of their datagrams (RFC 791), which many stacks count in each connection, the second was sent after
 * the first, and little was sent between them. */
static inline bool segment_ip_id_counts_on(uint16_t first, uint16_t second) {
    uint16_t step = (uint16_t)(second - first);
    return step > 0 && step <= 64;
}

/* A SYN with neither the MSS option nor room for one segment of the default MSS (RFC 9293 3.7.1): no stack opens so. */
static inline bool segment_offers_no_room(const struct tcpstate_segment *s) {
    return !(s->options & TCPSTATE_OPT_MSS) && s->window < TCPSTATE_DEFAULT_MSS;
}

/* Linux rounds the first window that it offers, tcp_select_initial_window(), down to segments of its MSS; in the answer to a
 * SYN with timestamps it counts their twelve octets. Other stacks start at a power of two, less one. */
static inline bool segment_opens_like_linux(const struct tcpstate_segment *syn) {
    unsigned step = syn->flags & TCPSTATE_ACK ? syn->mss - 12u : syn->mss;
    return (syn->options & TCPSTATE_OPT_MSS) && (syn->options & TCPSTATE_OPT_TIMESTAMPS) && syn->mss > 12 &&
           syn->window >= step && syn->window % step == 0;
}

/* So much have two clocks advanced, of one who echoes the other's timestamps: does each count milliseconds, RFC 7323 5.4? */
static inline bool segment_clocks_count_ms(int64_t elapsed_ns, int32_t ticks, int32_t echoed) {
    int64_t fewest = elapsed_ns / 1000000 * 3 / 4, most = elapsed_ns / 1000000 * 4 / 3 + 2;
    return elapsed_ns < 50000000 || (ticks >= fewest && ticks <= most && echoed >= fewest && echoed <= most);
}

/* The captured octets of a SYN end before its options do, and the window scale is not among those that were captured:
 * whether it announces one, and which, is not known. */
static inline bool segment_scale_is_cut(const struct tcpstate_segment *syn) {
    return (syn->traits & TCPSTATE_TRUNCATED_HEADER) && !(syn->options & TCPSTATE_OPT_WINDOW_SCALE);
}

#endif
