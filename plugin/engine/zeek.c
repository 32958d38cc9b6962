/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Zeek's words for the connection: conn_state and history, so that what is seen here can be looked up in a conn.log.
 *
 * Zeek has a machine of its own, coarser than RFC 9293's and without doubt: an endpoint is CLOSED when it has sent a
 * FIN, RESET when it has sent a RST, whether or not that arrived. It is rebuilt here from Zeek's documented behaviour
 * (8.x, default settings), letter for letter, and moves none of our states. Where we differ on purpose stands in
 * README.md, "Zeek's words".
 *
 *   the ends    originator: who sent the first segment, unless its port tells a server; upper case in the history
 *   letters     s h f r   again with another number         a d i q   once per direction
 *               c g t w   the 1st, 10th, 100th time         ^         the roles were exchanged
 *   gaps        octets that were acknowledged and not captured, found by a small reassembly of numbers only
 */
#include "judgement.h"

#include <string.h>

enum zeek_state { INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET };

enum { /* `told`: letters that are told once, or again only with another number */
       TOLD_SYN = 0x01,
       TOLD_FIN = 0x02,
       TOLD_RST = 0x04,
       TOLD_FIN_RST = 0x08,
       TOLD_DATA = 0x10,
       TOLD_ACK = 0x20,
       TOLD_MANY_FLAGS = 0x40
};

enum {
    IMPLAUSIBLE = 1 << 20,         /* a SYN, a RST or an ACK of 0 that is so far away says nothing about numbers */
    UNACKED_BEYOND_HOLE = 1 << 14, /* octets; beyond them, with nothing acknowledged, gaps are given up */
    UNACKED = 10 << 20             /* the same after something was acknowledged */
};

/* One segment, as Zeek looks at it. */
struct hearing {
    struct tcpstate_zeek *zeek;
    struct tcpstate_summary *summary;
    const struct tcpstate_segment *segment;
    struct tcpstate_zeek_end *x, *y; /* the sender and its peer */
    bool syn, ack, fin, rst, from_originator;
};

/* ---- history -------------------------------------------------------------------------------------------------- */

static void append(struct hearing *h, char letter) {
    if (h->summary->history_length < TCPSTATE_HISTORY)
        h->summary->history[h->summary->history_length++] = letter;
}

/* `letter` is upper case; what a responder does is told in lower case. */
static void tell(struct hearing *h, bool of_originator, char letter) {
    append(h, of_originator ? letter : (char)(letter - 'A' + 'a'));
}

/* Returns whether it was told before. */
static bool tell_once(struct hearing *h, unsigned mask, char letter) {
    uint8_t *told = &h->zeek->told[!h->from_originator];

    if (*told & mask)
        return true;
    *told |= (uint8_t)mask;
    tell(h, h->from_originator, letter);
    return false;
}

static void tell_again_with_another_number(struct hearing *h, unsigned mask, char letter, uint32_t relative,
                                           uint32_t *newest) {
    if (tell_once(h, mask, letter) && relative != *newest)
        tell(h, h->from_originator, letter);
    *newest = relative;
}

static void tell_each_power_of_ten(struct hearing *h, bool of_originator, char letter,
                                   struct tcpstate_zeek_tally *tally) {
    if (tally->next == 0)
        tally->next = 1;
    if (++tally->seen != tally->next)
        return;
    tell(h, of_originator, letter);
    if (tally->next <= UINT32_MAX / 10)
        tally->next *= 10;
    else
        tally->seen = 0;
}

static void tell_flags(struct hearing *h) {
    const struct tcpstate_segment *s = h->segment;
    uint32_t relative = s->seq - h->x->start;

    if (h->fin && h->rst)
        tell_once(h, TOLD_FIN_RST, 'I');
    else if (h->syn + h->fin + h->rst > 1)
        tell_once(h, TOLD_MANY_FLAGS, 'Q');
    else if (h->syn)
        tell_again_with_another_number(h, TOLD_SYN, h->ack ? 'H' : 'S', relative, &h->x->told_syn);
    else if (h->fin)
        tell_again_with_another_number(h, TOLD_FIN, 'F', relative + s->length, &h->x->told_fin);
    else if (h->rst)
        tell_again_with_another_number(h, TOLD_RST, 'R', relative, &h->x->told_rst);
    else if (s->length > 0)
        tell_once(h, TOLD_DATA, 'D');
    else if (h->ack)
        tell_once(h, TOLD_ACK, 'A');
}

/* ---- roles ---------------------------------------------------------------------------------------------------- */

/* The TCP ports that Zeek's scripts take for a server's. */
static bool is_server_port(uint16_t port) {
    static const uint16_t ports[] = {21,   22,   25,   53,   80,   81,   88,   110,  135,  139,  143,  389,
                                     443,  445,  502,  563,  585,  587,  614,  631,  636,  989,  990,  992,
                                     993,  995,  1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389, 5222, 5223,
                                     5269, 5432, 6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000};

    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
        if (ports[i] == port)
            return true;
    return false;
}

static void exchange_roles(struct hearing *h) {
    struct tcpstate_zeek *zeek = h->zeek;
    bool heard = zeek->heard[0];

    zeek->originator = !zeek->originator;
    zeek->heard[0] = zeek->heard[1];
    zeek->heard[1] = heard;
    zeek->partial = false;
    append(h, '^');
}

/* Without a SYN first, a port may tell that the sender is the server. */
static void begin(struct hearing *h, enum tcpstate_role sender) {
    const struct tcpstate_segment *s = h->segment;

    h->zeek->exists = true;
    h->zeek->originator = (uint8_t)sender;
    if ((h->syn && !h->ack) || !is_server_port(s->sender_port))
        return;
    if (!is_server_port(s->receiver_port) || (!h->syn && s->sender_port < s->receiver_port))
        exchange_roles(h);
}

static void note_partial(struct hearing *h) {
    if (h->from_originator && !h->zeek->heard[0])
        h->zeek->partial = !h->syn || h->ack;
    else if (!h->from_originator && !h->zeek->heard[1] && !h->zeek->partial)
        h->zeek->partial = !h->syn;
}

/* ---- gaps: which octets are there ------------------------------------------------------------------------------ */

static bool is_clean(const struct tcpstate_zeek_end *end) {
    return end->state == ESTABLISHED || (end->state == CLOSED && end->previous == ESTABLISHED);
}

static bool nothing_acked(const struct tcpstate_zeek_end *end) {
    return end->acked == end->start || end->acked == end->start + 1;
}

static void remove_run(struct tcpstate_zeek_end *end, unsigned at) {
    end->run_count--;
    memmove(&end->runs[at], &end->runs[at + 1], (end->run_count - at) * sizeof end->runs[0]);
}

/* Runs that the hole before no longer separates count as delivered. */
static void deliver_on(struct tcpstate_zeek_end *end) {
    while (end->run_count > 0 && seq_at_most(end->runs[0].left, end->delivered)) {
        end->delivered = seq_max(end->delivered, end->runs[0].right);
        remove_run(end, 0);
    }
}

/* Keeps the runs in order and apart; if there are too many, the two that are nearest become one. */
static void add_run(struct tcpstate_zeek_end *end, uint32_t left, uint32_t right) {
    unsigned at = 0;

    while (at < end->run_count && seq_before(end->runs[at].right, left))
        at++;
    while (at < end->run_count && seq_at_most(end->runs[at].left, right)) {
        left = seq_before(end->runs[at].left, left) ? end->runs[at].left : left;
        right = seq_max(right, end->runs[at].right);
        remove_run(end, at);
    }
    if (end->run_count == TCPSTATE_ZEEK_RUNS) {
        if (at == end->run_count) {
            end->runs[at - 1].right = right;
            return;
        }
        end->runs[at].left = left;
        return;
    }
    memmove(&end->runs[at + 1], &end->runs[at], (end->run_count - at) * sizeof end->runs[0]);
    end->runs[at].left = left;
    end->runs[at].right = right;
    end->run_count++;
}

static void note_data(struct hearing *h) {
    struct tcpstate_zeek_end *x = h->x;
    uint32_t left = h->segment->seq + h->syn - x->start - 1, right = left + h->segment->length;
    uint32_t acked = x->acked - x->start - 1, held;

    if (h->segment->length == 0 || h->rst || x->gave_up)
        return;
    if (x->acked == x->start)
        acked = 0; /* not even the SYN */
    if (seq_before(acked, x->trimmed))
        acked = x->trimmed;
    if (seq_at_most(right, acked))
        return;
    left = seq_max(left, acked);
    if (seq_at_most(left, x->delivered)) {
        x->delivered = seq_max(x->delivered, right);
        deliver_on(x);
        if (nothing_acked(x) && seq_after(x->last, x->start + UNACKED_BEYOND_HOLE))
            x->trimmed = x->delivered; /* the other direction is not captured */
    } else {
        add_run(x, left, right);
    }
    held = x->delivered - x->trimmed;
    for (unsigned i = 0; i < x->run_count; i++)
        held += x->runs[i].right - x->runs[i].left;
    x->gave_up = held > UNACKED || (nothing_acked(x) && x->run_count > 0 &&
                                    x->runs[x->run_count - 1].right - x->delivered > UNACKED_BEYOND_HOLE);
}

/* y's octets up to `octet` are acknowledged: what is not there is a gap. */
static void note_acked_octets(struct hearing *h, uint32_t octet) {
    struct tcpstate_zeek_end *y = h->y;
    bool told = is_clean(h->x) && is_clean(y) && !y->gave_up;

    if (y->sent_fin && seq_after(octet, y->fin_octet))
        octet = y->fin_octet;
    if (seq_at_most(octet, y->trimmed))
        return;
    if (!(octet <= 1 && h->zeek->partial)) {
        while (seq_before(y->delivered, octet)) {
            bool in_between = y->run_count > 0 && seq_before(y->runs[0].left, octet);
            if (told)
                tell_each_power_of_ten(h, !h->from_originator, 'G', &y->gaps);
            y->delivered = in_between ? y->runs[0].left : octet;
            deliver_on(y);
        }
    }
    y->trimmed = octet;
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

static void count_from(struct tcpstate_zeek_end *end, uint32_t start, uint32_t last) {
    end->start = end->acked = start;
    end->last = last;
}

static uint32_t end_of(const struct hearing *h) {
    return h->segment->seq + (h->rst ? 0 : h->segment->length) + h->syn + h->fin;
}

/* A SYN that nothing contradicts yet, or that contradicts what was believed, sets the numbers anew. */
static void note_start(struct hearing *h) {
    uint32_t seq = h->segment->seq;

    switch ((enum zeek_state)h->x->state) {
    case INACTIVE:
        if (h->syn)
            count_from(h->x, seq, end_of(h));
        else
            count_from(h->x, seq - 1, seq);
        return;
    case SYN_SENT:
    case SYN_ACK_SENT:
        if (h->syn && seq != h->x->start)
            count_from(h->x, seq, end_of(h));
        return;
    case PARTIAL:
    case ESTABLISHED:
        if (h->syn)
            count_from(h->x, seq, end_of(h));
        return;
    case RESET:
        if (h->syn && h->x->previous == INACTIVE)
            count_from(h->x, seq, end_of(h));
        return;
    case CLOSED: return;
    }
}

static void note_ack_number(struct hearing *h) {
    struct tcpstate_zeek_end *y = h->y;
    uint32_t ack = h->segment->ack;

    if (!h->ack)
        return;
    if (y->state == INACTIVE)
        count_from(y, ack - 1, ack - 1);
    else if (!h->rst && seq_after(ack, y->acked) && !(ack == 0 && seq_distance(ack, y->acked) > IMPLAUSIBLE))
        y->acked = ack;
}

static void note_last(struct hearing *h) {
    struct tcpstate_zeek_end *x = h->x;
    uint32_t end = end_of(h);
    int32_t distance = seq_distance(end, x->last);

    if ((h->syn || h->rst) && (distance > IMPLAUSIBLE || distance < -IMPLAUSIBLE))
        return;
    if (h->fin && x->last == x->start + 1)
        x->last = end; /* only the SYN and the FIN of a long connection were captured */
    else if (x->state == RESET)
        return;
    else if (distance > 0)
        x->last = end;
    else if (h->segment->length > 0)
        tell_each_power_of_ten(h, h->from_originator, 'T', &x->repetitions);
}

/* ---- Zeek's machine -------------------------------------------------------------------------------------------- */

static void move(struct tcpstate_zeek_end *end, enum zeek_state state) {
    if (end->state == state)
        return;
    end->previous = end->state;
    end->state = (uint8_t)state;
}

/* The first that is heard of x. */
static void leave_inactive(struct hearing *h) {
    struct tcpstate_zeek_end *x = h->x, *y = h->y;

    if (h->syn && h->from_originator) {
        move(x, h->ack ? SYN_ACK_SENT : SYN_SENT);
    } else if (h->syn) {
        if (!h->ack && y->state == SYN_ACK_SENT) { /* the SYN,ACK was captured before the SYN */
            exchange_roles(h);
            h->zeek->heard[0] = true;
            move(y, ESTABLISHED);
        } else if (y->state == SYN_SENT) {
            move(y, ESTABLISHED);
        }
        move(x, ESTABLISHED);
    }
    if (h->fin)
        move(x, CLOSED);
    if (h->rst)
        move(x, RESET);
    if (x->state != INACTIVE)
        return;
    if (!h->from_originator && h->segment->length == 0 && y->state == SYN_SENT)
        return;                              /* an ACK that comes before the SYN,ACK */
    if (h->ack && y->state == ESTABLISHED) { /* only its SYN is missing */
        move(x, ESTABLISHED);
        h->zeek->partial = false;
        h->zeek->heard[!h->from_originator] = true;
    } else {
        move(x, PARTIAL);
    }
}

static void run_machine(struct hearing *h) {
    struct tcpstate_zeek_end *x = h->x, *y = h->y;

    switch ((enum zeek_state)x->state) {
    case INACTIVE: leave_inactive(h); return;
    case SYN_SENT:
    case SYN_ACK_SENT:
        if (h->fin)
            move(x, CLOSED);
        if (h->rst)
            move(x, RESET);
        return;
    case PARTIAL:
    case ESTABLISHED:
        if (h->syn && !h->ack && x->state == PARTIAL && y->state == INACTIVE)
            move(x, SYN_SENT);
        if (h->rst) {
            move(x, RESET);
        } else if (h->fin) {
            move(x, CLOSED);
            if (y->state == RESET && y->previous == CLOSED)
                move(y, CLOSED); /* FIN, then RST: a normal end after all */
        }
        return;
    case CLOSED:
        if (h->rst && y->state != CLOSED)
            move(x, RESET);
        return;
    case RESET: return;
    }
}

/* ---- conn_state ------------------------------------------------------------------------------------------------ */

static bool sent_nothing(const struct tcpstate_zeek_end *end, const struct tcpstate_zeek_end *peer) {
    uint32_t size = seq_max(end->last, end->acked) - end->start;

    if (end->previous == SYN_SENT && end->state == RESET && peer->state == INACTIVE && !nothing_acked(end))
        return true; /* it discovered a half-open connection */
    return size <= 1 || (end->sent_fin && size == 2);
}

/* A SYN, at most acknowledged, and a RST of the same end. */
static bool is_syn_then_reset(const struct tcpstate_summary *summary) {
    unsigned i = 0, length = summary->history_length;

    if (i < length && summary->history[i] == '^')
        i++;
    if (i == length || summary->history[i++] != 'S')
        return false;
    while (i < length && !strchr("HAFGIQR", summary->history[i]))
        i++;
    return i < length && summary->history[i] == 'R';
}

static enum tcpstate_conn_state conn_state_of(const struct tcpstate_zeek *zeek,
                                              const struct tcpstate_summary *summary) {
    const struct tcpstate_zeek_end *orig = &zeek->end[zeek->originator], *resp = &zeek->end[!zeek->originator];
    bool orig_unknown = orig->state == INACTIVE || orig->state == PARTIAL;
    bool resp_unknown = resp->state == INACTIVE || resp->state == PARTIAL;

    if (resp->state == RESET) {
        if (orig->state == SYN_SENT || orig->state == SYN_ACK_SENT ||
            (orig->state == RESET && sent_nothing(orig, resp) && sent_nothing(resp, orig)))
            return TCPSTATE_CONN_REJ;
        return orig_unknown ? TCPSTATE_CONN_RSTRH : TCPSTATE_CONN_RSTR;
    }
    if (orig->state == RESET) {
        if (!resp_unknown)
            return TCPSTATE_CONN_RSTO;
        return is_syn_then_reset(summary) ? TCPSTATE_CONN_RSTOS0 : TCPSTATE_CONN_OTH;
    }
    if (orig->state == CLOSED && resp->state == CLOSED)
        return TCPSTATE_CONN_SF;
    if (orig->state == CLOSED)
        return resp_unknown ? TCPSTATE_CONN_SH : TCPSTATE_CONN_S2;
    if (resp->state == CLOSED)
        return orig_unknown ? TCPSTATE_CONN_SHR : TCPSTATE_CONN_S3;
    if (orig->state == SYN_SENT && resp->state == INACTIVE)
        return TCPSTATE_CONN_S0;
    if (orig->state == ESTABLISHED && resp->state == ESTABLISHED)
        return TCPSTATE_CONN_S1;
    return TCPSTATE_CONN_OTH;
}

/* ---- one segment ----------------------------------------------------------------------------------------------- */

static void hear(struct tcpstate_connection *c, const struct tcpstate_segment *s, enum tcpstate_role sender,
                 bool bad_checksum) {
    struct tcpstate_zeek *zeek = &c->zeek;
    struct hearing h = {.zeek = zeek, .summary = &c->summary, .segment = s};
    bool from_originator, ack_usable;

    h.syn = (s->flags & TCPSTATE_SYN) != 0;
    h.ack = (s->flags & TCPSTATE_ACK) != 0;
    h.fin = (s->flags & TCPSTATE_FIN) != 0;
    h.rst = (s->flags & TCPSTATE_RST) != 0;
    h.x = &zeek->end[sender];
    h.y = &zeek->end[!sender];
    if (!zeek->exists)
        begin(&h, sender);
    from_originator = h.from_originator = sender == zeek->originator;
    if (bad_checksum) {
        tell_each_power_of_ten(&h, from_originator, 'C', &h.x->bad_checksums);
        return;
    }
    note_partial(&h);
    note_start(&h);
    tell_flags(&h);
    if (s->window == 0 && !h.rst && h.y->state != CLOSED && h.x->state != RESET)
        tell_each_power_of_ten(&h, from_originator, 'W', &h.x->zero_windows);
    if (h.fin) {
        h.x->sent_fin = true;
        h.x->fin_octet = end_of(&h) - h.x->start - 2;
    }
    ack_usable = h.ack && h.y->state != INACTIVE;
    note_ack_number(&h);
    note_last(&h);
    run_machine(&h);
    if (ack_usable && seq_after(s->ack, h.y->start)) {
        h.from_originator = sender == zeek->originator; /* the roles may have been exchanged */
        note_acked_octets(&h, s->ack - h.y->start - 1);
    }
    zeek->heard[!from_originator] = true;
    note_data(&h);
}

/* Once for each segment, copies and bad checksums included; a candidate SYN is told by the connection that it opens. */
void zeek_note(struct judgement *j) {
    struct tcpstate_connection *c = j->connection;
    const struct tcpstate_segment *syn = &j->conversation->candidate.segment_head;
    bool answers = j->report->started_connection && !(j->syn && !j->ack) && c->summary.syn_frame != 0;

    if (j->candidate)
        return;
    if (answers) /* the SYN was captured before, when nobody could know what it would become */
        hear(c, syn, TCPSTATE_CLIENT, false);
    hear(c, j->segment, j->sender, j->bad_checksum);
    c->summary.conn_state = (uint8_t)conn_state_of(&c->zeek, &c->summary);
}
