/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Frame in, facts of its TCP segments and of ICMP errors about others out. Nothing here judges a segment, and nothing
 * it returns points into epan.
 */
#ifndef SEGMENT_SOURCE_H
#define SEGMENT_SOURCE_H

#include "tcpstate.h"

#include <epan/packet.h>

/* What a conversation is known by: two ends, and how many tunnels they talk through. Never VLAN, MAC address or
 * interface, in which the two directions often differ. The lesser end comes first, so that both directions give the
 * same tuple; `direction` of a segment says which end sent it. Compared and hashed as octets: no padding. */
struct tuple_end {
    uint8_t address[16]; /* zeros after `address_length` */
    uint16_t port;
};
struct tuple {
    struct tuple_end end[2];
    uint8_t address_length; /* 4: IPv4, 16: IPv6, else an unknown network layer */
    uint8_t headers;        /* IP headers around the TCP header */
};

struct sourced_segment {
    struct tuple tuple;
    bool is_icmp_error;              /* no segment: `icmp` is meant, and `segment` is only what it quotes */
    struct tcpstate_segment segment; /* its ordinal is set by the caller */
    struct tcpstate_icmp icmp;
};

/* TCP headers of one frame that are looked at; the rest of a frame that has more is left alone. */
enum { SEGMENTS_PER_FRAME = 64 };

/* The fields that must be in the tree for segment_source(), for set_postdissector_wanted_hfids(), which takes over the
 * array. Call it in the hand-off. */
GArray *segment_source_wanted_hfids(void);

/* Writes the segments and ICMP errors of a frame to `found`, in the order of the frame, and returns how many. To be called while `tree`
 * has the wanted fields: on the first visit of a frame. */
unsigned segment_source(const packet_info *pinfo, const proto_tree *tree,
                        struct sourced_segment found[SEGMENTS_PER_FRAME]);

/* When the frame was captured, since an epoch before all captures; 0 if the file does not say. */
int64_t segment_source_time_ns(const packet_info *pinfo);

#endif
