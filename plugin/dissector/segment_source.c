/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The items of the IP and TCP headers are taken from the tree of the frame in the order in which they were dissected.
 * Each item knows the data source that it lies in (the frame, a reassembled datagram, a decrypted frame) and its offset
 * there, so the octets of a header are read from the source itself: that is right for fragments, aggregated frames and
 * tunnels, where pinfo only knows the last header, and does not depend on TCP's preferences.
 *
 *   frame      | Eth | IP . . . . . . . . . . . . . . . | FCS |
 *                      | GRE | IP . . . . . . . . . . . |
 *                              | TCP header | options | data |       two IP headers are around this TCP header
 *
 *   reassembled       | IP fragment |     in the frame
 *              | TCP header . . . . |     in a source of its own: the IP headers before it lie in the frame
 *
 * A header quoted in an ICMP error is no segment, but the error is told to its connection. The octets of ICMP lie right
 * before the IP header that it quotes:
 *
 *   frame      | Eth | IP | ICMP: type code checksum, 4 octets | IP | first 8 octets of TCP at least |
 *
 * Not a segment either: one of which fewer than 14 octets were captured, as the flags end
 * there; one whose length field lies (below 20 octets or beyond the datagram): no stack accepts it.
 */
#include "segment_source.h"

#include "compat.h"

#include <wiretap/wtap.h>

#include <string.h>

enum { TCP_HEADER = 20, TCP_FLAGS_END = 14, TCP_WINDOW_END = 16 };
enum { IPV4_HEADER = 20, IPV6_HEADER = 40 };
enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_ICMPV6 = 58 };
enum { CHECKSUM_STATUS_BAD = 0 }; /* of tcp.checksum.status: Wireshark verified it */

static int hf_tcp, hf_ip, hf_ipv6, hf_tcp_len, hf_tcp_checksum_status;

GArray *segment_source_wanted_hfids(void) {
    hf_tcp = proto_get_id_by_filter_name("tcp");
    hf_ip = proto_get_id_by_filter_name("ip");
    hf_ipv6 = proto_get_id_by_filter_name("ipv6");
    hf_tcp_len = proto_registrar_get_id_byname("tcp.len");
    hf_tcp_checksum_status = proto_registrar_get_id_byname("tcp.checksum.status");

    const int wanted[] = {hf_tcp, hf_ip, hf_ipv6, hf_tcp_len, hf_tcp_checksum_status};
    GArray *hfids = g_array_new(FALSE, FALSE, sizeof(int));
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (wanted[i] >= 0)
            g_array_append_val(hfids, wanted[i]);
    return hfids;
}

/* ---- octets of a data source ---------------------------------------------------------------------------------- */

/* Octets from `start` on that were captured, and how many; NULL if none. They live as long as the frame is dissected.
 */
static const uint8_t *captured(tvbuff_t *source, int start, uint32_t *length) {
    const uint32_t end = tvb_captured_length(source);
    *length = start >= 0 && (uint32_t)start < end ? end - (uint32_t)start : 0;
    return *length ? tvb_get_ptr(source, start, (int)*length) : NULL;
}

static uint16_t get16(const uint8_t *octets) { return (uint16_t)(octets[0] << 8 | octets[1]); }
static uint32_t get32(const uint8_t *octets) { return (uint32_t)get16(octets) << 16 | get16(octets + 2); }

/* To recognise copies of a header, not to resist anybody (the multiplier is that of the 32-bit FNV hash). */
static uint32_t digest(const uint8_t *octets, uint32_t length) {
    uint32_t hash = length;
    for (; length >= 4; octets += 4, length -= 4)
        hash = (hash ^ get32(octets)) * 16777619u ^ hash >> 15;
    for (; length; octets++, length--)
        hash = (hash ^ *octets) * 16777619u;
    return hash ^ hash >> 16;
}

/* ---- the items of a frame ------------------------------------------------------------------------------------- */

enum { ITEMS = 4 * SEGMENTS_PER_FRAME };

struct items {
    const field_info *headers[ITEMS]; /* ip, ipv6 and tcp, as they were dissected */
    unsigned header_count;
    const GPtrArray *lengths, *statuses; /* tcp.len, tcp.checksum.status; NULL: none */
};

static unsigned count_of(const GPtrArray *fields) { return fields ? fields->len : 0; }

static bool is_header(const field_info *field) {
    const int id = field->hfinfo->id;
    return (id == hf_ip || id == hf_ipv6 || id == hf_tcp) && field->ds_tvb;
}

/* The headers in the order of dissection, which is that of the tree, depth first. Without recursion: trees are deep. */
static void walk(const proto_tree *tree, struct items *items) {
    const proto_node *node = tree->first_child;
    while (node && items->header_count < ITEMS) {
        if (node->finfo && is_header(node->finfo))
            items->headers[items->header_count++] = node->finfo;
        if (node->first_child) {
            node = node->first_child;
            continue;
        }
        while (node != tree && !node->next)
            node = node->parent;
        node = node == tree ? NULL : node->next;
    }
}

/* Wireshark has the items of each wanted field in an array. Most frames have one IP header and one TCP header, in the
 * same source; in all others the arrays do not tell how the headers lie in each other, so the tree must. */
static void collect(const proto_tree *tree, struct items *items) {
    const GPtrArray *tcp = proto_get_finfo_ptr_array(tree, hf_tcp);
    items->header_count = 0;
    if (!count_of(tcp))
        return;
    const GPtrArray *ip = proto_get_finfo_ptr_array(tree, hf_ip), *ipv6 = proto_get_finfo_ptr_array(tree, hf_ipv6);
    items->lengths = proto_get_finfo_ptr_array(tree, hf_tcp_len);
    items->statuses = proto_get_finfo_ptr_array(tree, hf_tcp_checksum_status);
    if (count_of(tcp) == 1 && count_of(ip) + count_of(ipv6) == 1) {
        const field_info *outer = g_ptr_array_index(count_of(ip) ? ip : ipv6, 0), *inner = g_ptr_array_index(tcp, 0);
        if (is_header(outer) && is_header(inner)) {
            items->headers[items->header_count++] = outer;
            items->headers[items->header_count++] = inner;
            return;
        }
    }
    walk(tree, items);
}

/* The item of a field that belongs to `offset` of the TCP header `tcp`, NULL if there is none. */
static const field_info *item_at(const GPtrArray *fields, const field_info *tcp, int offset) {
    for (unsigned i = 0; i < count_of(fields); i++) {
        const field_info *field = g_ptr_array_index(fields, i);
        if (field->ds_tvb == tcp->ds_tvb && field->start == tcp->start + offset)
            return field;
    }
    return NULL;
}

/* ---- IP ------------------------------------------------------------------------------------------------------- */

struct ip_header {
    bool is_ipv4, is_fragment, is_icmp;
    bool has_end; /* false: the length field is 0 (offloaded to the interface, jumbogram) */
    uint64_t end; /* of the datagram, in the data source */
    const uint8_t *source, *destination;
    uint16_t id;
    uint8_t ttl;
};

/* RFC 791 3.1: with a source route, the checksum of TCP and the conversation are about its last address. */
static const uint8_t *ipv4_destination(const uint8_t *octets, uint32_t length) {
    enum { LOOSE_ROUTE = 131, STRICT_ROUTE = 137 };
    uint32_t at = IPV4_HEADER;
    while (at + 2 <= length && octets[at] != 0) {
        if (octets[at] == 1) {
            at++;
            continue;
        }
        const uint32_t size = octets[at + 1];
        if (size < 2 || size > length - at)
            break;
        if ((octets[at] == LOOSE_ROUTE || octets[at] == STRICT_ROUTE) && size >= 7 && octets[at + 2] < size)
            return octets + at + size - 4;
        at += size;
    }
    return octets + 16;
}

static bool read_ipv4(const field_info *item, struct ip_header *ip) {
    uint32_t length;
    const uint8_t *octets = captured(item->ds_tvb, item->start, &length);
    if (length < IPV4_HEADER || octets[0] >> 4 != 4)
        return false;
    const uint32_t header_length = (octets[0] & 0x0Fu) * 4;
    *ip = (struct ip_header){
        .is_ipv4 = true,
        .is_fragment = (get16(octets + 6) & 0x3FFF) != 0,
        .is_icmp = octets[9] == PROTOCOL_ICMP,
        .has_end = get16(octets + 2) != 0,
        .end = (uint64_t)item->start + get16(octets + 2),
        .source = octets + 12,
        .destination = ipv4_destination(octets, header_length < length ? header_length : length),
        .id = get16(octets + 4),
        .ttl = octets[8],
    };
    return true;
}

/* The address that a routing header leads to while it is not used up (RFC 8200 4.4), else NULL. */
static const uint8_t *ipv6_routed_to(const uint8_t *header, uint32_t length) {
    enum { SOURCE_ROUTE = 0, MOBILE = 2, SEGMENT_ROUTING = 4 };
    if (header[3] == 0 || length < 24)
        return NULL;
    switch (header[2]) {
    case SOURCE_ROUTE: return header + 8 + (length - 8) / 16 * 16 - 16; /* the last of the list */
    case MOBILE:
    case SEGMENT_ROUTING: return header + 8; /* RFC 8754 2: the list is in reverse */
    default: return NULL;
    }
}

/* RFC 6275 6.3: the home address option, in a destination options header, replaces the source address. */
static const uint8_t *ipv6_home_address(const uint8_t *header, uint32_t length) {
    enum { PAD1 = 0, HOME_ADDRESS = 201 };
    uint32_t at = 2;
    while (at + 2 <= length) {
        if (header[at] == PAD1) {
            at++;
            continue;
        }
        const uint32_t size = header[at + 1] + 2u;
        if (size > length - at)
            break;
        if (header[at] == HOME_ADDRESS && size == 18)
            return header + at + 2;
        at += size;
    }
    return NULL;
}

static bool read_ipv6(const field_info *item, struct ip_header *ip) {
    enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51, DESTINATION = 60, MOST_HEADERS = 16 };
    uint32_t length;
    const uint8_t *octets = captured(item->ds_tvb, item->start, &length);
    if (length < IPV6_HEADER || octets[0] >> 4 != 6)
        return false;
    *ip = (struct ip_header){
        .has_end = get16(octets + 4) != 0,
        .end = (uint64_t)item->start + IPV6_HEADER + get16(octets + 4),
        .source = octets + 8,
        .destination = octets + 24,
        .ttl = octets[7],
    };
    uint8_t next = octets[6];
    uint32_t at = IPV6_HEADER;
    for (int i = 0; i < MOST_HEADERS && at + 8 <= length; i++) {
        uint32_t size = octets[at + 1] * 8u + 8;
        const uint8_t *other = NULL;
        if (next == FRAGMENT) {
            size = 8;
            ip->is_fragment = (get16(octets + at + 2) & 0xFFF9) != 0;
        } else if (next == AUTHENTICATION) {
            size = octets[at + 1] * 4u + 8;
        } else if (next == ROUTING && size <= length - at) {
            other = ipv6_routed_to(octets + at, size);
            ip->destination = other ? other : ip->destination;
        } else if (next == DESTINATION && size <= length - at) {
            other = ipv6_home_address(octets + at, size);
            ip->source = other ? other : ip->source;
        } else if (next != HOP_BY_HOP && next != ROUTING && next != DESTINATION) {
            break;
        }
        next = octets[at];
        at += size;
    }
    ip->is_icmp = next == PROTOCOL_ICMPV6;
    return true;
}

static bool read_ip(const field_info *item, struct ip_header *ip) {
    return item->hfinfo->id == hf_ip ? read_ipv4(item, ip) : item->hfinfo->id == hf_ipv6 && read_ipv6(item, ip);
}

/* What is around a TCP header. */
struct enclosure {
    unsigned headers;          /* how many IP headers */
    unsigned quoters;          /* how many of them carry ICMP: the TCP header is quoted */
    struct ip_header quoter;   /* the innermost of these */
    const field_info *quoted;  /* the header that follows its ICMP header */
    const field_info *quoting; /* the item of `quoter` */
    bool inner_is_here;        /* the innermost lies in the same data source, so `inner.end` can be compared */
    struct ip_header inner;    /* the innermost, if there is any */
};

/* Goes back from headers[index] to the IP headers that it lies in. Within a data source that is a matter of offsets. A
 * header in another source encloses ours if our source was made from it, that is if ours is not the older one. */
static struct enclosure enclosure(const struct items *items, unsigned index) {
    struct enclosure around = {.headers = 0};
    const field_info *at = items->headers[index];
    for (unsigned i = index; i-- > 0;) {
        const field_info *item = items->headers[i];
        struct ip_header ip;
        if (!read_ip(item, &ip))
            continue;
        const bool is_same_source = item->ds_tvb == at->ds_tvb;
        if (is_same_source) {
            if (item->start >= at->start || (ip.has_end && (uint64_t)at->start >= ip.end))
                continue;
        } else {
            bool is_older = false;
            for (unsigned j = 0; j < i && !is_older; j++)
                is_older = items->headers[j]->ds_tvb == at->ds_tvb;
            if (is_older)
                continue;
        }
        if (around.headers == 0) {
            around.inner = ip;
            around.inner_is_here = is_same_source;
        }
        around.headers++;
        if (ip.is_icmp && around.quoters++ == 0) {
            around.quoter = ip;
            around.quoted = at;
            around.quoting = item;
        }
        at = item;
    }
    return around;
}

/* ---- TCP ------------------------------------------------------------------------------------------------------ */

static void read_sack(struct tcpstate_segment *segment, const uint8_t *body, uint32_t length) {
    const uint32_t count = length / 8;
    if (length % 8 != 0 || count == 0 || count > sizeof(segment->sack) / sizeof(segment->sack[0]))
        return;
    segment->options |= TCPSTATE_OPT_SACK;
    segment->sack_count = (uint8_t)count;
    for (uint32_t i = 0; i < count; i++)
        segment->sack[i] = (struct tcpstate_sack){get32(body + 8 * i), get32(body + 8 * i + 4)};
}

static void read_option(struct tcpstate_segment *segment, uint8_t kind, const uint8_t *body, uint32_t length) {
    enum { MSS = 2, WINDOW_SCALE = 3, SACK_PERMITTED = 4, SACK = 5, TIMESTAMPS = 8, MD5 = 19, FAST_OPEN = 34 };
    enum { EXPERIMENT = 254, FAST_OPEN_MAGIC = 0xF989 }; /* RFC 7413 4.1.1, as it was before a number was assigned */

    if (kind == EXPERIMENT && length >= 2 && get16(body) == FAST_OPEN_MAGIC) {
        kind = FAST_OPEN;
        length -= 2;
    }
    if (kind == MSS && length == 2) {
        segment->options |= TCPSTATE_OPT_MSS;
        segment->mss = get16(body);
    } else if (kind == WINDOW_SCALE && length == 1) {
        segment->options |= TCPSTATE_OPT_WINDOW_SCALE;
        segment->window_shift = body[0];
    } else if (kind == SACK_PERMITTED && length == 0) {
        segment->options |= TCPSTATE_OPT_SACK_PERMITTED;
    } else if (kind == SACK) {
        read_sack(segment, body, length);
    } else if (kind == TIMESTAMPS && length == 8) {
        segment->options |= TCPSTATE_OPT_TIMESTAMPS;
        segment->tsval = get32(body);
        segment->tsecr = get32(body + 4);
    } else if (kind == FAST_OPEN) {
        segment->options |= TCPSTATE_OPT_FAST_OPEN | (length ? TCPSTATE_OPT_FAST_OPEN_COOKIE : 0);
    } else if (kind == MD5 && length == 16) {
        segment->options |= TCPSTATE_OPT_MD5;
    }
}

/* RFC 9293 3.1: stops at the first option that does not fit, as the rest cannot be told apart. */
static void read_options(struct tcpstate_segment *segment, const uint8_t *options, uint32_t length) {
    enum { END = 0, NOP = 1 };
    uint32_t at = 0;
    while (at < length && options[at] != END) {
        if (options[at] == NOP) {
            at++;
            continue;
        }
        if (length - at < 2 || options[at + 1] < 2 || options[at + 1] > length - at)
            return;
        read_option(segment, options[at], options + at + 2, options[at + 1] - 2u);
        at += options[at + 1];
    }
}

static bool is_broadcast(const uint8_t *octets, uint8_t length) {
    static const uint8_t limited_broadcast[] = {255, 255, 255, 255};
    if (length == 4)
        return octets[0] >> 4 == 0xE || memcmp(octets, limited_broadcast, 4) == 0;
    return length == 16 && octets[0] == 0xFF;
}

/* The tuple of a segment from `source` to `destination`, and the direction and traits that follow from it. */
static void address_segment(struct sourced_segment *out, const uint8_t *source, const uint8_t *destination,
                            uint8_t length, unsigned headers) {
    struct tcpstate_segment *segment = &out->segment;
    struct tuple_end from = {.port = segment->sender_port}, to = {.port = segment->receiver_port};
    memcpy(from.address, source, length);
    memcpy(to.address, destination, length);
    const int order = memcmp(&from, &to, sizeof(from));

    segment->direction = order > 0;
    memset(&out->tuple, 0, sizeof(out->tuple));
    out->tuple.end[0] = order > 0 ? to : from;
    out->tuple.end[1] = order > 0 ? from : to;
    out->tuple.address_length = length;
    out->tuple.headers = (uint8_t)(headers < UINT8_MAX ? headers : UINT8_MAX);
    if (order == 0)
        segment->traits |= TCPSTATE_SELF;
    if (is_broadcast(source, length) || is_broadcast(destination, length))
        segment->traits |= TCPSTATE_BROADCAST;
}

/* Without an IP header that we know, pinfo has the addresses, whatever they are. */
static void address_segment_by_pinfo(struct sourced_segment *out, const packet_info *pinfo) {
    uint8_t source[16] = {0}, destination[16] = {0};
    const int length = pinfo->src.len < pinfo->dst.len ? pinfo->src.len : pinfo->dst.len;
    const uint8_t usable = (uint8_t)(length < 0 ? 0 : length > 16 ? 16 : length);
    if (usable) {
        memcpy(source, pinfo->src.data, usable);
        memcpy(destination, pinfo->dst.data, usable);
    }
    address_segment(out, source, destination, usable, 0);
}

int64_t segment_source_time_ns(const packet_info *pinfo) {
    const uint64_t before_1970 = UINT64_C(1000000000) << 30; /* 34 years: a capture may begin at the time 0 */

    if (!(pinfo->presence_flags & PINFO_HAS_TS))
        return 0;
    return (int64_t)((uint64_t)pinfo->abs_ts.secs * 1000000000 + (uint64_t)pinfo->abs_ts.nsecs + before_1970);
}

static uint8_t place_of(const packet_info *pinfo) {
    const wtap_rec *record = pinfo->rec;
    const bool has_interface = record->rec_type == REC_TYPE_PACKET && (record->presence_flags & WTAP_HAS_INTERFACE_ID);
    const uint32_t interface = has_interface ? record->rec_header.packet_header.interface_id : 0;

    return (uint8_t)((pinfo->vlan_id * 31 + interface) * 2654435761u >> 24);
}

/* Is it what a host leaves to its network card to complete, captured before that: the sum of the pseudo-header (RFC 9293
 * 3.1) alone, not inverted? */
static bool is_checksum_left_to_hardware(const uint8_t *tcp, const struct ip_header *ip, uint32_t tcp_length) {
    const uint32_t address_length = ip->is_ipv4 ? 4 : 16;
    uint64_t sum = PROTOCOL_TCP + (uint64_t)tcp_length;

    for (uint32_t i = 0; i < address_length; i += 2)
        sum += (uint64_t)get16(ip->source + i) + get16(ip->destination + i);
    while (sum > 0xFFFF)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return get16(tcp + 16) == sum;
}

/* The segment of the TCP header headers[index]; false if it is none. */
static bool read_segment(const packet_info *pinfo, const struct items *items, unsigned index,
                         struct sourced_segment *out) {
    const field_info *tcp = items->headers[index];
    uint32_t length;
    const uint8_t *octets = captured(tcp->ds_tvb, tcp->start, &length);
    if (length < TCP_FLAGS_END)
        return false;
    const struct enclosure around = enclosure(items, index);
    if (around.quoters)
        return false;

    /* What follows the datagram (padding, another aggregated frame) is not ours. */
    const bool has_end = around.inner_is_here && around.inner.has_end && around.inner.end > (uint64_t)tcp->start;
    const uint64_t datagram_length = has_end ? around.inner.end - (uint64_t)tcp->start : UINT32_MAX;
    const uint32_t header_length = (octets[12] >> 4) * 4u;
    if (header_length < TCP_HEADER || header_length > datagram_length)
        return false;

    /* Wireshark knows the length of the data unless it gave up before (a quoted header, also in other than ICMP
     * errors), the header is cut off by the capture, or the rest is in other fragments. */
    const field_info *data_length = item_at(items->lengths, tcp, 0);
    const bool is_first_fragment = around.headers && around.inner_is_here && around.inner.is_fragment;
    if (!data_length && length >= TCP_WINDOW_END && !is_first_fragment)
        return false;

    struct tcpstate_segment *segment = &out->segment;
    const uint32_t present = length < header_length ? length : header_length;
    const field_info *checksum = item_at(items->statuses, tcp, 16);
    *segment = (struct tcpstate_segment){
        .time_ns = segment_source_time_ns(pinfo),
        .frame = pinfo->num,
        .seq = get32(octets + 4),
        .ack = get32(octets + 8),
        .header_digest = digest(octets, present),
        .flags = get16(octets + 12) & 0x1FF,
        .window = length >= TCP_WINDOW_END ? get16(octets + 14) : 0,
        .urgent_pointer = length >= TCP_HEADER ? get16(octets + 18) : 0,
        .sender_port = get16(octets),
        .receiver_port = get16(octets + 2),
        .place = place_of(pinfo),
    };
    if (data_length)
        segment->length = field_uint(data_length);
    else if (has_end && !is_first_fragment)
        segment->length = (uint32_t)(datagram_length - header_length);
    else
        segment->traits |= TCPSTATE_LENGTH_UNKNOWN;
    if (present < header_length)
        segment->traits |= TCPSTATE_TRUNCATED_HEADER;
    if (checksum && field_uint(checksum) == CHECKSUM_STATUS_BAD &&
        !(around.headers && around.inner_is_here && length >= TCP_HEADER &&
          is_checksum_left_to_hardware(octets, &around.inner, header_length + segment->length)))
        segment->traits |= TCPSTATE_CHECKSUM_BAD;
    if (present > TCP_HEADER)
        read_options(segment, octets + TCP_HEADER, present - TCP_HEADER);

    if (around.headers == 0) {
        address_segment_by_pinfo(out, pinfo);
        return true;
    }
    segment->traits |= TCPSTATE_HAS_TTL | (around.inner.is_ipv4 ? TCPSTATE_HAS_IP_ID : 0);
    segment->ttl = around.inner.ttl;
    segment->ip_id = around.inner.id;
    address_segment(out, around.inner.source, around.inner.destination, around.inner.is_ipv4 ? 4 : 16, around.headers);
    return true;
}

/* ---- ICMP ----------------------------------------------------------------------------------------------------- */

/* RFC 1122 3.2.2 and 4.2.3.9, RFC 1812 5.2.7. False if it is no error. The codes that no route will mend are hard. */
static bool read_icmp(const uint8_t *header, struct tcpstate_icmp *icmp) {
    enum { DESTINATION_UNREACHABLE = 3, TIME_EXCEEDED = 11, PARAMETER_PROBLEM = 12, FRAGMENTATION_NEEDED = 4 };
    static const bool is_hard[] = {[2] = true, [3] = true,  [6] = true,  [7] = true,  [8] = true,
                                   [9] = true, [10] = true, [13] = true, [14] = true, [15] = true};
    icmp->type = header[0];
    icmp->code = header[1];
    icmp->kind = TCPSTATE_ICMP_SOFT;
    icmp->is_destination_unreachable = icmp->type == DESTINATION_UNREACHABLE;
    if (!icmp->is_destination_unreachable)
        return icmp->type == TIME_EXCEEDED || icmp->type == PARAMETER_PROBLEM;
    if (icmp->code == FRAGMENTATION_NEEDED) {
        icmp->kind = TCPSTATE_ICMP_TOO_BIG;
        icmp->mtu = get16(header + 6); /* RFC 1191 4 */
    } else if (icmp->code < array_length(is_hard) && is_hard[icmp->code]) {
        icmp->kind = TCPSTATE_ICMP_HARD;
    }
    return true;
}

/* RFC 4443 3; which codes are hard: RFC 5461 2.1. */
static bool read_icmpv6(const uint8_t *header, struct tcpstate_icmp *icmp) {
    enum { DESTINATION_UNREACHABLE = 1, PACKET_TOO_BIG = 2, TIME_EXCEEDED = 3, PARAMETER_PROBLEM = 4 };
    enum { PROHIBITED = 1, PORT_UNREACHABLE = 4 };
    icmp->type = header[0];
    icmp->code = header[1];
    icmp->kind = TCPSTATE_ICMP_SOFT;
    icmp->is_destination_unreachable = icmp->type == DESTINATION_UNREACHABLE;
    if (icmp->type == PACKET_TOO_BIG) {
        icmp->kind = TCPSTATE_ICMP_TOO_BIG;
        icmp->mtu = get32(header + 4);
    } else if (icmp->is_destination_unreachable && (icmp->code == PROHIBITED || icmp->code == PORT_UNREACHABLE)) {
        icmp->kind = TCPSTATE_ICMP_HARD;
    }
    return icmp->type >= DESTINATION_UNREACHABLE && icmp->type <= PARAMETER_PROBLEM;
}

/* The ICMP error that quotes the TCP header headers[index]; false if none does. */
static bool read_icmp_error(const packet_info *pinfo, const struct items *items, unsigned index,
                            struct sourced_segment *out) {
    enum { ICMP_HEADER = 8, PORTS_AND_NUMBER = 8 };
    const field_info *tcp = items->headers[index];
    const struct enclosure around = enclosure(items, index);
    uint32_t length, icmp_length;
    if (around.quoters != 1 || around.headers < 2 || around.quoted == tcp || !around.inner_is_here ||
        around.quoted->start < ICMP_HEADER)
        return false;
    const uint8_t *octets = captured(tcp->ds_tvb, tcp->start, &length);
    const uint8_t *header = captured(around.quoted->ds_tvb, around.quoted->start - ICMP_HEADER, &icmp_length);

    /* What follows the error (padding, a frame check sequence) quotes nothing. */
    if (around.quoting->ds_tvb == tcp->ds_tvb && around.quoter.has_end &&
        (uint64_t)tcp->start + length > around.quoter.end)
        length = around.quoter.end > (uint64_t)tcp->start ? (uint32_t)(around.quoter.end - (uint64_t)tcp->start) : 0;
    if (length < PORTS_AND_NUMBER || icmp_length < ICMP_HEADER)
        return false;
    *out = (struct sourced_segment){
        .is_icmp_error = true,
        .segment = {.sender_port = get16(octets), .receiver_port = get16(octets + 2)},
        .icmp = {.time_ns = segment_source_time_ns(pinfo),
                 .frame = pinfo->num,
                 .seq = get32(octets + 4),
                 .has_flags = length >= TCP_FLAGS_END,
                 .flags = length >= TCP_FLAGS_END ? get16(octets + 12) & 0x1FF : 0,
                 .sender_port = get16(octets),
                 .receiver_port = get16(octets + 2)},
    };
    if (length >= TCP_FLAGS_END)
        out->icmp.header_length = (uint8_t)((octets[12] >> 4) * 4u);
    if (around.inner.has_end && !around.inner.is_fragment && around.inner.end >= (uint64_t)tcp->start + TCP_HEADER)
        out->icmp.size = (uint32_t)(around.inner.end - (uint64_t)tcp->start);
    if (!(around.quoter.is_ipv4 ? read_icmp(header, &out->icmp) : read_icmpv6(header, &out->icmp)))
        return false;
    address_segment(out, around.inner.source, around.inner.destination, around.inner.is_ipv4 ? 4 : 16,
                    around.headers - 1);
    out->icmp.direction = out->segment.direction;
    return true;
}

unsigned segment_source(const packet_info *pinfo, const proto_tree *tree,
                        struct sourced_segment found[SEGMENTS_PER_FRAME]) {
    struct items items;
    unsigned count = 0;
    collect(tree, &items);
    for (unsigned i = 0; i < items.header_count && count < SEGMENTS_PER_FRAME; i++) {
        if (items.headers[i]->hfinfo->id != hf_tcp)
            continue;
        found[count].is_icmp_error = false;
        count += read_segment(pinfo, &items, i, &found[count]) || read_icmp_error(pinfo, &items, i, &found[count]);
    }
    return count;
}
