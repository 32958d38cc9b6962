/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Says in words what a segment did. The words stand in explain.def and finding.def; here is
 *
 *   the expander      replaces the variables of a template
 *   the choice        report -> situation: the step first, then events and states, then what is left
 *   the additions     what is only assumed, taken back, or was still on its way
 *
 * Nothing is concluded here: whatever a text says, the report has shown. The texts read nothing of the summary that a
 * later segment can change, so that a segment is explained in the same words in every pass.
 *
 * Templates: {variable} is replaced. [part] is left out if one of its variables is not known, [part|other] then becomes
 * the other. The variables are listed in `variables` below.
 */
#include "explain.h"

#include "seq.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- writing -------------------------------------------------------------------------------------------------- */

struct explain_writer explain_writer(char *text, size_t size) {
    if (size > 0)
        text[0] = '\0';
    return (struct explain_writer){.text = text, .size = size, .full = size == 0};
}

static bool continues_character(char octet) { return ((unsigned char)octet & 0xC0) == 0x80; }

static void put(struct explain_writer *writer, const char *octets, size_t count) {
    size_t room = writer->full ? 0 : writer->size - 1 - writer->length;

    if (writer->full)
        return;
    if (count > room) {
        while (room > 0 && continues_character(octets[room]))
            room--;
        count = room;
        writer->full = true;
    }
    memcpy(writer->text + writer->length, octets, count);
    writer->length += count;
    writer->text[writer->length] = '\0';
}

static void put_text(struct explain_writer *writer, const char *text) { put(writer, text, strlen(text)); }

/* ---- variables ------------------------------------------------------------------------------------------------ */

enum { VALUE_SIZE = 128 };

static bool is_chinese(const struct explain_facts *f) { return f->language == TCPSTATE_CHINESE; }

static const char *role_word(const struct explain_facts *f, bool sender) {
    static const char *const words[2][4] = {{"client", "server", "sender", "receiver"},
                                            {"客户端", "服务器", "发送方", "接收方"}};
    unsigned word;

    if (f->report->sender == TCPSTATE_NO_ROLE)
        word = sender ? 2 : 3;
    else
        word = sender == (f->report->sender == TCPSTATE_CLIENT) ? 0 : 1;
    return words[is_chinese(f)][word];
}

static const struct tcpstate_end_report *end_of(const struct tcpstate_report *report, bool sender) {
    static const struct tcpstate_end_report nobody = {0};

    if (report->sender == TCPSTATE_NO_ROLE)
        return &nobody;
    return &report->end[sender ? report->sender : !report->sender];
}

static bool number(char *value, uint32_t n) {
    snprintf(value, VALUE_SIZE, "%" PRIu32, n);
    return true;
}

static bool known_number(char *value, bool known, uint32_t n) { return number(value, n) && known; }

static bool word(char *value, const char *text) {
    snprintf(value, VALUE_SIZE, "%s", text);
    return true;
}

static bool isn(const struct explain_facts *f, bool sender, uint32_t *n) {
    unsigned role = f->report->sender;

    if (role == TCPSTATE_NO_ROLE || !f->summary)
        return false;
    role = sender ? role : !role;
    *n = f->summary->iss[role];
    return f->summary->has_iss[role];
}

/* The peer's FIN, if it was captured before this segment. */
static bool peer_fin(const struct explain_facts *f, uint32_t *n) {
    unsigned role = f->report->sender;

    if (role == TCPSTATE_NO_ROLE || !f->summary)
        return false;
    *n = f->summary->fin[!role];
    return f->summary->fin_frame[!role] != 0 && f->summary->fin_frame[!role] <= f->segment->frame;
}

static bool cause(const struct explain_facts *f, uint32_t *n) {
    *n = 0;
    if (f->finding)
        *n = f->finding->cause_frame;
    for (unsigned i = 0; !f->finding && *n == 0 && i < f->report->finding_count; i++)
        *n = f->report->findings[i].cause_frame;
    return *n != 0;
}

static uint32_t finding_value(const struct explain_facts *f, unsigned i) {
    return f->finding ? f->finding->value[i] : 0;
}

static bool count_of_octets(char *value, const struct explain_facts *f, uint32_t n) {
    snprintf(value, VALUE_SIZE,
             is_chinese(f) ? "%" PRIu32 " 字节"
             : n == 1      ? "%" PRIu32 " octet"
                           : "%" PRIu32 " octets",
             n);
    return n != 0;
}

static bool octets(char *value, const struct explain_facts *f) {
    if (f->segment->traits & TCPSTATE_LENGTH_UNKNOWN)
        return word(value, is_chinese(f) ? "若干字节" : "some octets");
    return count_of_octets(value, f, f->segment->length);
}

static bool milliseconds(char *value, const struct explain_facts *f, uint32_t n) {
    if (n < 1000)
        snprintf(value, VALUE_SIZE, is_chinese(f) ? "%" PRIu32 " 毫秒" : "%" PRIu32 " ms", n);
    else
        snprintf(value, VALUE_SIZE, is_chinese(f) ? "%" PRIu32 ".%03" PRIu32 " 秒" : "%" PRIu32 ".%03" PRIu32 " s",
                 n / 1000, n % 1000);
    return n != 0;
}

static bool flags(char *value, const struct explain_facts *f) {
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"};
    size_t length = 0;

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (f->segment->flags & (1u << i))
            length += (size_t)snprintf(value + length, VALUE_SIZE - length, "%s%s", length ? "," : "", names[i]);
    return length ? true : word(value, is_chinese(f) ? "无" : "none");
}

/* Options that belong in a SYN. */
static bool options(char *value, const struct explain_facts *f) {
    static const struct {
        unsigned bit;
        const char *english, *chinese;
    } names[] = {
        {TCPSTATE_OPT_MSS, "MSS", "MSS"},
        {TCPSTATE_OPT_WINDOW_SCALE, "window scale", "窗口扩大"},
        {TCPSTATE_OPT_SACK_PERMITTED, "SACK-permitted", "允许 SACK"},
        {TCPSTATE_OPT_FAST_OPEN, "Fast Open", "Fast Open"},
    };
    const char *separator = is_chinese(f) ? "、" : ", ";
    size_t length = 0;

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (f->segment->options & names[i].bit)
            length += (size_t)snprintf(value + length, VALUE_SIZE - length, "%s%s", length ? separator : "",
                                       is_chinese(f) ? names[i].chinese : names[i].english);
    return length ? true : word(value, is_chinese(f) ? "无" : "none");
}

static bool move(char *value, const struct explain_facts *f, bool sender) {
    const struct tcpstate_end_report *end = end_of(f->report, sender);
    const char *who = role_word(f, sender), *to = tcpstate_state_name((enum tcpstate_state)end->state);

    if (end->before == TCPSTATE_UNKNOWN)
        snprintf(value, VALUE_SIZE, is_chinese(f) ? "%s进入 %s" : "the %s is in %s", who, to);
    else
        snprintf(value, VALUE_SIZE, is_chinese(f) ? "%s由 %s 进入 %s" : "the %s goes from %s to %s", who,
                 tcpstate_state_name((enum tcpstate_state)end->before), to);
    return end->before != end->state && end->state != TCPSTATE_UNKNOWN && !end->taken_back &&
           !(sender && f->report->was_in_flight);
}

static bool state(char *value, unsigned state) {
    return word(value, tcpstate_state_name((enum tcpstate_state)state)) && state != TCPSTATE_UNKNOWN;
}

static uint32_t end_number(const struct tcpstate_segment *s) {
    return s->seq + s->length + ((s->flags & TCPSTATE_SYN) != 0) + ((s->flags & TCPSTATE_FIN) != 0);
}

/* The sequence numbers that it uses; one that uses none stands at a number all the same. */
static bool numbers(char *value, const struct explain_facts *f) {
    uint32_t first = f->segment->seq, last = end_number(f->segment) - 1;

    if (last == first - 1 || last == first)
        snprintf(value, VALUE_SIZE, is_chinese(f) ? "序号 %" PRIu32 : "number %" PRIu32, first);
    else
        snprintf(value, VALUE_SIZE, is_chinese(f) ? "序号 %" PRIu32 " 至 %" PRIu32 : "numbers %" PRIu32 " to %" PRIu32,
                 first, last);
    return true;
}

/* clang-format off */
#define VARIABLES(V)                                                                                                   \
    V("seq", SEQ)                              /* sequence number of the segment */                                    \
    V("seq+1", SEQ_NEXT)                       /* what acknowledges its SYN */                                         \
    V("end", END)                              /* SEG.SEQ + SEG.LEN: what acknowledges all of it */                    \
    V("fin", FIN)                              /* number of its FIN */                                                 \
    V("ack", ACK)                              /* its acknowledgment number */                                         \
    V("ack-1", ACK_BEFORE)                     /* the last number acknowledged */                                      \
    V("len", LEN)                              /* octets of data */                                                    \
    V("octets", OCTETS)                        /* the same with the word */                                            \
    V("data", DATA)                            /* the same, known only if there are any */                             \
    V("numbers", NUMBERS)                      /* "number 7" or "numbers 7 to 9": those it uses */                     \
    V("isn", ISN)                              /* of the sender, may be unknown */                                     \
    V("isn+1", ISN_NEXT)                                                                                               \
    V("peer_isn", PEER_ISN)                    /* of the receiver, may be unknown */                                   \
    V("peer_isn+1", PEER_ISN_NEXT)                                                                                     \
    V("acked_isn", ACKED_ISN)                  /* the same, known only if the segment acknowledges exactly it */       \
    V("acked_fin", ACKED_FIN)                  /* number of the receiver's FIN, likewise */                            \
    V("sender", SENDER)                        /* client or server */                                                  \
    V("receiver", RECEIVER)                                                                                            \
    V("sender_before", SENDER_BEFORE)          /* states, known unless UNKNOWN */                                      \
    V("sender_state", SENDER_STATE)                                                                                    \
    V("receiver_before", RECEIVER_BEFORE)                                                                              \
    V("receiver_state", RECEIVER_STATE)                                                                                \
    V("sender_move", SENDER_MOVE)              /* "the client goes from ... to ...", known if the segment moved it */  \
    V("receiver_move", RECEIVER_MOVE)                                                                                  \
    V("port", PORT)                            /* of the sender */                                                     \
    V("flags", FLAGS)                                                                                                  \
    V("options", OPTIONS)                      /* those that belong in a SYN */                                        \
    V("ttl", TTL)                                                                                                      \
    V("tsval", TSVAL)                                                                                                  \
    V("tsecr", TSECR)                                                                                                  \
    V("urgent", URGENT)                        /* urgent pointer */                                                    \
    V("cause", CAUSE)                          /* frame at fault or answered, may be unknown */                        \
    V("1", VALUE_1)                            /* values of the finding, unknown if 0 */                               \
    V("2", VALUE_2)                                                                                                    \
    V("octets_1", OCTETS_1)                    /* the same, with a word */                                             \
    V("octets_2", OCTETS_2)                                                                                            \
    V("ms_1", MS_1)                            /* the same, milliseconds with the unit */                              \
    V("ms_2", MS_2)
/* clang-format on */

enum variable {
#define V(name, id) VARIABLE_##id,
    VARIABLES(V)
#undef V
        VARIABLE_COUNT
};
static const char *const variables[] = {
#define V(name, id) name,
    VARIABLES(V)
#undef V
};

/* Writes the value; false if it is not known. */
static bool value_of(enum variable variable, const struct explain_facts *f, char *value) {
    const struct tcpstate_segment *s = f->segment;
    uint32_t n = 0;
    bool known;

    switch (variable) {
    case VARIABLE_SEQ: return number(value, s->seq);
    case VARIABLE_SEQ_NEXT: return number(value, s->seq + 1);
    case VARIABLE_END: return number(value, end_number(s));
    case VARIABLE_FIN: return number(value, s->seq + s->length + ((s->flags & TCPSTATE_SYN) != 0));
    case VARIABLE_ACK: return number(value, s->ack);
    case VARIABLE_ACK_BEFORE: return number(value, s->ack - 1);
    case VARIABLE_LEN: return number(value, s->length);
    case VARIABLE_OCTETS: octets(value, f); return true;
    case VARIABLE_DATA: return octets(value, f);
    case VARIABLE_NUMBERS: return numbers(value, f);
    case VARIABLE_ISN: known = isn(f, true, &n); return known_number(value, known, n);
    case VARIABLE_ISN_NEXT: known = isn(f, true, &n); return known_number(value, known, n + 1);
    case VARIABLE_PEER_ISN: known = isn(f, false, &n); return known_number(value, known, n);
    case VARIABLE_PEER_ISN_NEXT: known = isn(f, false, &n); return known_number(value, known, n + 1);
    case VARIABLE_ACKED_ISN: known = isn(f, false, &n); return known_number(value, known && s->ack == n + 1, n);
    case VARIABLE_ACKED_FIN: known = peer_fin(f, &n); return known_number(value, known && s->ack == n + 1, n);
    case VARIABLE_SENDER: return word(value, role_word(f, true));
    case VARIABLE_RECEIVER: return word(value, role_word(f, false));
    case VARIABLE_SENDER_BEFORE: return state(value, end_of(f->report, true)->before);
    case VARIABLE_SENDER_STATE: return state(value, end_of(f->report, true)->state);
    case VARIABLE_RECEIVER_BEFORE: return state(value, end_of(f->report, false)->before);
    case VARIABLE_RECEIVER_STATE: return state(value, end_of(f->report, false)->state);
    case VARIABLE_SENDER_MOVE: return move(value, f, true);
    case VARIABLE_RECEIVER_MOVE: return move(value, f, false);
    case VARIABLE_PORT: return number(value, s->sender_port);
    case VARIABLE_FLAGS: return flags(value, f);
    case VARIABLE_OPTIONS: return options(value, f);
    case VARIABLE_TTL: return number(value, s->ttl);
    case VARIABLE_TSVAL: return number(value, s->tsval);
    case VARIABLE_TSECR: return number(value, s->tsecr);
    case VARIABLE_URGENT: return number(value, s->urgent_pointer);
    case VARIABLE_CAUSE: known = cause(f, &n); return known_number(value, known, n);
    case VARIABLE_VALUE_1: n = finding_value(f, 0); return known_number(value, n != 0, n);
    case VARIABLE_VALUE_2: n = finding_value(f, 1); return known_number(value, n != 0, n);
    case VARIABLE_OCTETS_1: return count_of_octets(value, f, finding_value(f, 0));
    case VARIABLE_OCTETS_2: return count_of_octets(value, f, finding_value(f, 1));
    case VARIABLE_MS_1: return milliseconds(value, f, finding_value(f, 0));
    case VARIABLE_MS_2: return milliseconds(value, f, finding_value(f, 1));
    case VARIABLE_COUNT: break;
    }
    assert(!"a variable without a value");
    return false;
}

/* Looks the name up, writes its value, and says whether it is known. A name that does not exist stays as it stands. */
static bool look_up(const char *name, size_t length, const struct explain_facts *f, char *value) {
    for (unsigned i = 0; i < VARIABLE_COUNT; i++)
        if (strlen(variables[i]) == length && memcmp(variables[i], name, length) == 0)
            return value_of((enum variable)i, f, value);
    snprintf(value, VALUE_SIZE, "{%.*s}", (int)length, name);
    return true;
}

/* ---- templates ------------------------------------------------------------------------------------------------ */

/* Text with variables and no brackets. Without a writer it only tells whether all variables are known. */
static bool expand_plain(struct explain_writer *writer, const char *pattern, size_t length,
                         const struct explain_facts *f) {
    bool all_known = true;

    for (size_t at = 0; at < length;) {
        const char *open = memchr(pattern + at, '{', length - at);
        size_t plain = open ? (size_t)(open - pattern) - at : length - at;
        const char *close = open ? memchr(open, '}', length - at - plain) : NULL;
        char value[VALUE_SIZE];

        if (writer)
            put(writer, pattern + at, plain);
        at += plain;
        if (!open)
            break;
        assert(close);
        all_known &= look_up(open + 1, (size_t)(close - open) - 1, f, value);
        if (writer)
            put_text(writer, value);
        at += (size_t)(close - open) + 1;
    }
    return all_known;
}

void explain_expand(struct explain_writer *writer, const char *pattern, const struct explain_facts *facts) {
    while (*pattern) {
        size_t plain = strcspn(pattern, "[");
        const char *group = pattern + plain, *close, *other;
        size_t first, second;

        expand_plain(writer, pattern, plain, facts);
        if (!*group)
            return;
        group++;
        close = strchr(group, ']');
        assert(close);
        other = memchr(group, '|', (size_t)(close - group));
        first = (size_t)((other ? other : close) - group);
        second = other ? (size_t)(close - other) - 1 : 0;
        if (expand_plain(NULL, group, first, facts))
            expand_plain(writer, group, first, facts);
        else if (other && expand_plain(NULL, other + 1, second, facts))
            expand_plain(writer, other + 1, second, facts);
        pattern = close + 1;
    }
}

static const struct explain_text texts[] = {
#define SITUATION(id, rfc, english, chinese) [EXPLAIN_##id] = {#id, rfc, english, chinese},
#include "explain.def"
#undef SITUATION
};

const struct explain_text *explain_text(enum explain_situation situation) {
    assert((size_t)situation < EXPLAIN_SITUATIONS);
    return &texts[situation];
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

struct view {
    const struct tcpstate_report *report;
    const struct tcpstate_end_report *sender, *receiver;
    bool syn, ack, fin, rst, data;
    bool first_ack_of_syn_only; /* the ACK fits the peer's SYN, or this cannot be checked */
    bool ack_beyond_syn;        /* acknowledges the peer's SYN and more */
};

static bool has_event(const struct tcpstate_end_report *end, enum tcpstate_event event) {
    for (unsigned i = 0; i < end->event_count; i++)
        if (end->events[i] == event)
            return true;
    return false;
}

static bool has_finding(const struct tcpstate_report *report, enum tcpstate_finding_id id) {
    for (unsigned i = 0; i < report->finding_count; i++)
        if (report->findings[i].id == id)
            return true;
    return false;
}

#define SENT(view, event)     has_event((view)->sender, TCPSTATE_EVENT_##event)
#define RECEIVED(view, event) has_event((view)->receiver, TCPSTATE_EVENT_##event)
#define FOUND(view, id)       has_finding((view)->report, TCPSTATE_FINDING_##id)

static bool is_moved(const struct tcpstate_end_report *end) { return end->before != end->state; }

static bool stays_closed(const struct tcpstate_end_report *end) {
    return end->before == TCPSTATE_CLOSED && end->state == TCPSTATE_CLOSED;
}

static bool is_open(enum tcpstate_state state) { return state >= TCPSTATE_ESTABLISHED && state < TCPSTATE_TIME_WAIT; }

static void read_flags(struct view *v, const struct tcpstate_segment *segment, const struct tcpstate_summary *summary) {
    struct explain_facts facts = {.segment = segment, .report = v->report, .summary = summary};
    uint32_t peer_isn = 0;

    v->syn = segment->flags & TCPSTATE_SYN;
    v->ack = segment->flags & TCPSTATE_ACK;
    v->fin = segment->flags & TCPSTATE_FIN;
    v->rst = segment->flags & TCPSTATE_RST;
    v->data = segment->length > 0;
    v->first_ack_of_syn_only = true;
    if (v->ack && isn(&facts, false, &peer_isn)) {
        v->first_ack_of_syn_only = segment->ack == peer_isn + 1;
        v->ack_beyond_syn = seq_after(segment->ack, peer_isn + 1);
    }
}

/* What the events and the step tell of the flags. */
static void derive_flags(struct view *v) {
    unsigned step = v->report->step;

    v->rst = SENT(v, snd_rst) || SENT(v, snd_rst_reply) || RECEIVED(v, rcv_rst);
    v->syn =
        SENT(v, snd_syn) || SENT(v, snd_syn_again) || SENT(v, snd_synack) || SENT(v, snd_synack_again) ||
        FOUND(v, syn_in_connection) || FOUND(v, syn_in_window) || FOUND(v, time_wait_reuse_suspect) ||
        (step >= TCPSTATE_STEP_HANDSHAKE_1 && step <= TCPSTATE_STEP_SIM_OPEN_4 && step != TCPSTATE_STEP_HANDSHAKE_3);
    v->fin = SENT(v, snd_fin) || SENT(v, snd_fin_x) || SENT(v, snd_fin_again) || step == TCPSTATE_STEP_CLOSE_1 ||
             step == TCPSTATE_STEP_CLOSE_2_3 || step == TCPSTATE_STEP_CLOSE_3 || step == TCPSTATE_STEP_SIM_CLOSE_2;
    v->ack = !(v->syn || v->rst) || SENT(v, snd_synack) || SENT(v, snd_synack_again) ||
             step == TCPSTATE_STEP_HANDSHAKE_2 || step == TCPSTATE_STEP_SIM_OPEN_3 || step == TCPSTATE_STEP_SIM_OPEN_4;
    v->first_ack_of_syn_only = true;
}

static enum explain_situation choose_rst(const struct view *v) {
    enum tcpstate_state before = (enum tcpstate_state)v->receiver->before;
    bool accepted = RECEIVED(v, rcv_rst);

    if (FOUND(v, rst_orphan))
        return EXPLAIN_RST_ORPHAN;
    if (FOUND(v, rst_answers_unknown_synack))
        return EXPLAIN_RST_UNKNOWN_SYNACK;
    if (FOUND(v, rst_answers_bad_synack))
        return EXPLAIN_RST_TO_OLD_SYN;
    if (FOUND(v, half_open_discovered))
        return EXPLAIN_RST_HALF_OPEN;
    if (SENT(v, snd_rst_reply) && v->sender->state == TCPSTATE_SYN_SENT) {
        if (before == TCPSTATE_SYN_RECEIVED)
            return EXPLAIN_RST_TO_OLD_SYN;
        if (is_open(before))
            return EXPLAIN_RST_HALF_OPEN;
    }
    if (RECEIVED(v, time_2msl))
        return EXPLAIN_RST_TO_CLOSED;
    switch (before) {
    case TCPSTATE_CLOSED: return EXPLAIN_RST_TO_CLOSED;
    case TCPSTATE_LISTEN: return EXPLAIN_RST_TO_LISTEN;
    case TCPSTATE_SYN_SENT: return accepted ? EXPLAIN_RST_REFUSES : EXPLAIN_RST_IN_SYN_SENT_IGNORED;
    case TCPSTATE_SYN_RECEIVED:
        if (!accepted)
            return EXPLAIN_RST_IGNORED;
        return v->receiver->state == TCPSTATE_LISTEN ? EXPLAIN_RST_BACK_TO_LISTEN : EXPLAIN_RST_SYN_RECEIVED;
    case TCPSTATE_TIME_WAIT:
        return v->receiver->state == TCPSTATE_CLOSED ? EXPLAIN_RST_ENDS_TIME_WAIT : EXPLAIN_RST_IGNORED;
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_ESTABLISHED:
    case TCPSTATE_FIN_WAIT_1:
    case TCPSTATE_FIN_WAIT_2:
    case TCPSTATE_CLOSE_WAIT:
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK: return accepted ? EXPLAIN_RST_ACCEPTED : EXPLAIN_RST_IGNORED;
    case TCPSTATE_STATES: break;
    }
    return EXPLAIN_RST_IGNORED;
}

static enum explain_situation choose_syn(const struct view *v) {
    bool again = v->report->step_again;
    bool to_time_wait = v->receiver->before == TCPSTATE_TIME_WAIT;

    if (v->report->step == TCPSTATE_STEP_SIM_OPEN_2 && !again)
        return EXPLAIN_SYN_CROSSED;
    if (FOUND(v, time_wait_reuse) || (to_time_wait && RECEIVED(v, rcv_syn) && is_moved(v->receiver)))
        return EXPLAIN_SYN_REOPENS;
    if (FOUND(v, time_wait_reuse_suspect) || (to_time_wait && !is_moved(v->receiver)))
        return EXPLAIN_SYN_IN_TIME_WAIT;
    if (v->report->step == TCPSTATE_STEP_HANDSHAKE_1 && !again)
        return v->data ? EXPLAIN_SYN_DATA : EXPLAIN_SYN;
    if (v->sender->state == TCPSTATE_SYN_SENT && (again || SENT(v, snd_syn_again) || FOUND(v, syn_retransmitted)))
        return EXPLAIN_SYN_AGAIN;
    if (again)
        return EXPLAIN_SYN_LATE_COPY;
    if (FOUND(v, syn_in_connection) || FOUND(v, syn_in_window) || is_open((enum tcpstate_state)v->receiver->before))
        return EXPLAIN_SYN_IN_CONNECTION;
    if (SENT(v, snd_syn) && is_moved(v->sender))
        return v->data ? EXPLAIN_SYN_DATA : EXPLAIN_SYN;
    return EXPLAIN_SYN_IGNORED;
}

static enum explain_situation choose_synack(const struct view *v) {
    unsigned step = v->report->step;
    bool taken = RECEIVED(v, rcv_syn) || RECEIVED(v, rcv_ack_s);

    if (FOUND(v, synack_ack_unacceptable) ||
        (!v->first_ack_of_syn_only && !v->ack_beyond_syn && !taken && v->receiver->before == TCPSTATE_SYN_SENT &&
         v->receiver->state == TCPSTATE_SYN_SENT))
        return EXPLAIN_SYNACK_UNACCEPTABLE;
    if ((step == TCPSTATE_STEP_HANDSHAKE_2 || step == TCPSTATE_STEP_SIM_OPEN_3 || step == TCPSTATE_STEP_SIM_OPEN_4) &&
        v->report->step_again)
        return is_open((enum tcpstate_state)v->sender->state) && !is_moved(v->sender) ? EXPLAIN_SYNACK_LATE_COPY
                                                                                      : EXPLAIN_SYNACK_AGAIN;
    if (step == TCPSTATE_STEP_SIM_OPEN_3)
        return EXPLAIN_SYNACK_CROSSED_FIRST;
    if (step == TCPSTATE_STEP_SIM_OPEN_4)
        return EXPLAIN_SYNACK_CROSSED_SECOND;
    if (v->fin && !v->report->step_again && (step == TCPSTATE_STEP_HANDSHAKE_2 || step == TCPSTATE_STEP_CLOSE_1))
        return EXPLAIN_SYNACK_FIN;
    if (step == TCPSTATE_STEP_HANDSHAKE_2)
        return v->ack_beyond_syn ? EXPLAIN_SYNACK_OF_DATA : EXPLAIN_SYNACK;
    return SENT(v, snd_synack_again) ? EXPLAIN_SYNACK_AGAIN : EXPLAIN_SYNACK_IGNORED;
}

static enum explain_situation choose_fin_again(const struct view *v) {
    return v->receiver->before == TCPSTATE_TIME_WAIT && v->receiver->state == TCPSTATE_TIME_WAIT
               ? EXPLAIN_FIN_AGAIN_TO_TIME_WAIT
               : EXPLAIN_FIN_AGAIN;
}

/* A repeated step of the handshake or the close. */
static enum explain_situation choose_again(const struct view *v) {
    if (v->fin)
        return choose_fin_again(v);
    if (v->report->step == TCPSTATE_STEP_HANDSHAKE_3)
        return v->data ? EXPLAIN_DATA : EXPLAIN_THIRD_AGAIN;
    if (v->report->step == TCPSTATE_STEP_CLOSE_4 && v->sender->state == TCPSTATE_TIME_WAIT)
        return EXPLAIN_LAST_ACK_AGAIN;
    return EXPLAIN_ACK_AGAIN;
}

/* A step without SYN. EXPLAIN_SITUATIONS if there is none. */
static enum explain_situation choose_step(const struct view *v) {
    if (v->report->step_again && v->report->step >= TCPSTATE_STEP_HANDSHAKE_3)
        return choose_again(v);
    switch ((enum tcpstate_step)v->report->step) {
    case TCPSTATE_STEP_HANDSHAKE_3:
        return v->fin ? EXPLAIN_THIRD_FIN : v->data ? EXPLAIN_THIRD_DATA : EXPLAIN_THIRD_ACK;
    case TCPSTATE_STEP_CLOSE_1:
        if (FOUND(v, handshake_completed))
            return EXPLAIN_THIRD_FIN;
        if (v->sender->before == TCPSTATE_SYN_RECEIVED && v->sender->state == TCPSTATE_FIN_WAIT_1)
            return EXPLAIN_FIN_FROM_SYN_RECEIVED;
        return v->data ? EXPLAIN_FIN_DATA : EXPLAIN_FIN;
    case TCPSTATE_STEP_CLOSE_2: return v->data ? EXPLAIN_ACK_OF_FIN_DATA : EXPLAIN_ACK_OF_FIN;
    case TCPSTATE_STEP_CLOSE_2_3: return EXPLAIN_FIN_WITH_ACK;
    case TCPSTATE_STEP_CLOSE_3: return EXPLAIN_SECOND_FIN;
    case TCPSTATE_STEP_CLOSE_4:
        return v->sender->state == TCPSTATE_TIME_WAIT ? EXPLAIN_LAST_ACK : EXPLAIN_LAST_ACK_OTHER;
    case TCPSTATE_STEP_SIM_CLOSE_2: return EXPLAIN_FIN_CROSSED;
    case TCPSTATE_STEP_SIM_CLOSE_3: return EXPLAIN_FIN_CROSSED_ACK_FIRST;
    case TCPSTATE_STEP_SIM_CLOSE_4: return EXPLAIN_FIN_CROSSED_ACK_SECOND;
    case TCPSTATE_STEP_NONE:
    case TCPSTATE_STEP_HANDSHAKE_1:
    case TCPSTATE_STEP_HANDSHAKE_2:
    case TCPSTATE_STEP_SIM_OPEN_2:
    case TCPSTATE_STEP_SIM_OPEN_3:
    case TCPSTATE_STEP_SIM_OPEN_4:
    case TCPSTATE_STEPS: break;
    }
    return EXPLAIN_SITUATIONS;
}

/* Neither SYN nor RST nor a step. */
static enum explain_situation choose_ordinary(const struct view *v) {
    enum tcpstate_state state = (enum tcpstate_state)v->sender->state;

    if (FOUND(v, syn_answered_by_challenge_ack))
        return EXPLAIN_CHALLENGE_TO_SYN;
    if (SENT(v, pickup) || RECEIVED(v, pickup))
        return EXPLAIN_MIDSTREAM;
    if (FOUND(v, frames_reordered) && !is_moved(v->sender) && !is_moved(v->receiver))
        return EXPLAIN_LATE;
    if (FOUND(v, md5_signature_unexpected) && !is_moved(v->receiver))
        return EXPLAIN_BAD_SIGNATURE;
    if (FOUND(v, handshake_ack_number_wrong) || FOUND(v, handshake_seq_number_wrong))
        return EXPLAIN_THIRD_WRONG;
    if (FOUND(v, challenge_ack))
        return EXPLAIN_CHALLENGE_ACK;
    if (FOUND(v, ack_before_synack) ||
        (v->receiver->before == TCPSTATE_SYN_SENT && v->receiver->state == TCPSTATE_SYN_SENT))
        return EXPLAIN_ACK_IN_SYN_SENT;
    if (v->fin)
        return SENT(v, snd_fin_again) || FOUND(v, fin_retransmitted) ? choose_fin_again(v) : EXPLAIN_FIN_IGNORED;
    if (FOUND(v, keepalive_after_fin) || FOUND(v, keepalive_unanswered))
        return EXPLAIN_KEEP_ALIVE;
    if (stays_closed(v->sender) || stays_closed(v->receiver))
        return EXPLAIN_AFTER_CLOSE;
    if (v->report->acceptable == TCPSTATE_SURELY_NOT)
        return EXPLAIN_UNACCEPTABLE;
    if (!v->data)
        return v->report->acceptable == TCPSTATE_YES && (state == TCPSTATE_ESTABLISHED || state == TCPSTATE_CLOSE_WAIT)
                   ? EXPLAIN_PURE_ACK_BEFORE_DATA
                   : EXPLAIN_PURE_ACK;
    if (state == TCPSTATE_CLOSE_WAIT)
        return EXPLAIN_HALF_CLOSE_DATA;
    return state > TCPSTATE_ESTABLISHED ? EXPLAIN_DATA_AFTER_OWN_FIN : EXPLAIN_DATA;
}

enum explain_situation explain_situation(const struct tcpstate_segment *segment, const struct tcpstate_report *report,
                                         const struct tcpstate_summary *summary) {
    struct view v = {.report = report, .sender = end_of(report, true), .receiver = end_of(report, false)};
    enum explain_situation situation;

    if (segment)
        read_flags(&v, segment, summary);
    else
        derive_flags(&v);
    if (report->sender == TCPSTATE_NO_ROLE)
        return EXPLAIN_SELF;
    if (FOUND(&v, duplicate_frame))
        return EXPLAIN_COPY;
    if (FOUND(&v, checksum_bad) && !is_moved(v.sender) && !is_moved(v.receiver))
        return EXPLAIN_BAD_CHECKSUM;
    if (FOUND(&v, segment_of_old_connection))
        return EXPLAIN_OLD_CONNECTION;
    if (v.rst)
        return choose_rst(&v);
    if (v.syn)
        return v.ack ? choose_synack(&v) : choose_syn(&v);
    if (!v.ack)
        return EXPLAIN_NO_ACK_FLAG;
    situation = choose_step(&v);
    return situation == EXPLAIN_SITUATIONS ? choose_ordinary(&v) : situation;
}

/* ---- the additions -------------------------------------------------------------------------------------------- */

static void add(struct explain_writer *writer, enum explain_situation situation, const struct explain_facts *facts) {
    const struct explain_text *text = explain_text(situation);

    if (writer->length > 0 && facts->language == TCPSTATE_ENGLISH)
        put_text(writer, " ");
    explain_expand(writer, facts->language == TCPSTATE_CHINESE ? text->chinese : text->english, facts);
}

/* The text already tells that the arrival is not known, or it is no matter. */
static bool says_it_itself(enum explain_situation situation) {
    return situation == EXPLAIN_LAST_ACK || situation == EXPLAIN_RST_ENDS_TIME_WAIT ||
           situation == EXPLAIN_RST_TO_CLOSED || situation == EXPLAIN_RST_ORPHAN || situation == EXPLAIN_MIDSTREAM;
}

static void add_notes(struct explain_writer *writer, enum explain_situation situation,
                      const struct explain_facts *facts) {
    const struct tcpstate_report *report = facts->report;
    const struct tcpstate_end_report *sender = end_of(report, true), *receiver = end_of(report, false);

    if (has_event(sender, TCPSTATE_EVENT_time_2msl) || has_event(receiver, TCPSTATE_EVENT_time_2msl))
        add(writer, EXPLAIN_NOTE_2MSL, facts);
    if (has_finding(report, TCPSTATE_FINDING_fin_after_hole))
        add(writer, EXPLAIN_NOTE_FIN_WAITS, facts);
    if (report->was_in_flight)
        add(writer, EXPLAIN_NOTE_IN_FLIGHT, facts);
    else if (sender->taken_back && is_moved(sender))
        add(writer, EXPLAIN_NOTE_SENDER_TAKEN_BACK, facts);
    if (receiver->taken_back && is_moved(receiver))
        add(writer, EXPLAIN_NOTE_RECEIVER_TAKEN_BACK, facts);
    else if ((is_moved(receiver) && receiver->certainty == TCPSTATE_INFERRED) ||
             (is_moved(sender) && sender->certainty == TCPSTATE_INFERRED))
        add(writer, EXPLAIN_NOTE_INFERRED, facts);
    else if (is_moved(receiver) && receiver->certainty == TCPSTATE_ASSUMED && !says_it_itself(situation))
        add(writer, receiver->state == TCPSTATE_CLOSED ? EXPLAIN_NOTE_ASSUMED_CLOSED : EXPLAIN_NOTE_ASSUMED, facts);
}

void tcpstate_explain(const struct tcpstate_segment *segment, const struct tcpstate_report *report,
                      const struct tcpstate_summary *summary, enum tcpstate_language language, char *text,
                      size_t size) {
    struct explain_facts facts = {.segment = segment, .report = report, .summary = summary, .language = language};
    struct explain_writer writer = explain_writer(text, size);
    enum explain_situation situation = explain_situation(segment, report, summary);

    add(&writer, situation, &facts);
    if (situation != EXPLAIN_SELF && situation != EXPLAIN_COPY && situation != EXPLAIN_BAD_CHECKSUM)
        add_notes(&writer, situation, &facts);
}

const char *tcpstate_rfc(const struct tcpstate_report *report) {
    const char *rfc = explain_text(explain_situation(NULL, report, NULL))->rfc;

    for (unsigned i = 0; *rfc == '\0' && i < report->finding_count; i++)
        rfc = tcpstate_finding_info((enum tcpstate_finding_id)report->findings[i].id)->rfc;
    return rfc;
}

/* Why a finding was lowered. A handshake that is still going on lacks nothing. */
static enum explain_situation weakness(const struct explain_facts *f) {
    uint32_t syn = f->summary->syn_frame, synack = f->summary->synack_frame, frame = f->segment->frame;
    bool opened = end_of(f->report, true)->state >= TCPSTATE_ESTABLISHED;

    return syn == 0 || syn > frame || (opened && (synack == 0 || synack > frame)) ? EXPLAIN_WEAK_HANDSHAKE
                                                                                  : EXPLAIN_WEAK_GAP;
}

void tcpstate_finding_text(const struct tcpstate_finding *finding, const struct tcpstate_segment *segment,
                           const struct tcpstate_report *report, const struct tcpstate_summary *summary,
                           enum tcpstate_language language, char *text, size_t size) {
    const struct tcpstate_finding_info *info = tcpstate_finding_info((enum tcpstate_finding_id)finding->id);
    struct explain_facts facts = {
        .segment = segment, .report = report, .summary = summary, .finding = finding, .language = language};
    struct explain_writer writer = explain_writer(text, size);

    explain_expand(&writer, language == TCPSTATE_CHINESE ? info->chinese : info->english, &facts);
    if (finding->weak)
        add(&writer, weakness(&facts), &facts);
}
