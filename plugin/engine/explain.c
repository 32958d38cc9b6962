/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Says in words what a segment did. The words stand in explain.def and finding.def, situation.c chooses; here is
 *
 *   the expander      replaces the variables of a template
 *   the additions     what is only assumed, taken back, or was still on its way
 *
 * Nothing is concluded here: whatever a text says, the report has shown. The texts read nothing of the summary that a
 * later segment can change, so that a segment is explained in the same words in every pass.
 *
 * Templates: {variable} is replaced. [part] is left out if one of its variables is not known, [part|other] then becomes
 * the other. The variables are listed in `variables` below.
 */
#include "explain.h"

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

const struct tcpstate_end_report *explain_end(const struct tcpstate_report *report, bool sender) {
    static const struct tcpstate_end_report nobody = {0};

    if (report->sender == TCPSTATE_NO_ROLE)
        return &nobody;
    return &report->end[sender ? report->sender : !report->sender];
}

bool explain_has_event(const struct tcpstate_end_report *end, enum tcpstate_event event) {
    for (unsigned i = 0; i < end->event_count; i++)
        if (end->events[i] == event)
            return true;
    return false;
}

bool explain_has_finding(const struct tcpstate_report *report, enum tcpstate_finding_id id) {
    for (unsigned i = 0; i < report->finding_count; i++)
        if (report->findings[i].id == id)
            return true;
    return false;
}

bool explain_is_moved(const struct tcpstate_end_report *end) { return end->before != end->state; }

static bool number(char *value, uint32_t n) {
    snprintf(value, VALUE_SIZE, "%" PRIu32, n);
    return true;
}

static bool known_number(char *value, bool known, uint32_t n) { return number(value, n) && known; }

static bool word(char *value, const char *text) {
    snprintf(value, VALUE_SIZE, "%s", text);
    return true;
}

bool explain_isn(const struct explain_facts *f, bool sender, uint32_t *n) {
    unsigned role = f->report->sender;

    if (role == TCPSTATE_NO_ROLE || !f->summary)
        return false;
    *n = 0;
    return tcpstate_isn(f->summary, (enum tcpstate_role)(sender ? role : !role), f->segment->frame, n);
}

/* The peer's FIN, if it was captured before this segment. */
static bool peer_fin(const struct explain_facts *f, uint32_t *n) {
    unsigned role = f->report->sender;

    if (role == TCPSTATE_NO_ROLE || !f->summary)
        return false;
    *n = 0;
    return tcpstate_fin(f->summary, (enum tcpstate_role) !role, f->segment->frame, n) != 0;
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
    const struct tcpstate_end_report *end = explain_end(f->report, sender);
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
    V("via1", VIA_1)                           /* the frames that followed the cause in a story, may be unknown */       \
    V("via2", VIA_2)                                                                                                   \
    V("via3", VIA_3)                                                                                                   \
    V("1", VALUE_1)                            /* values of the finding, unknown if 0 */                               \
    V("2", VALUE_2)                                                                                                    \
    V("octets_1", OCTETS_1)                    /* the same, with a word */                                             \
    V("octets_2", OCTETS_2)                                                                                            \
    V("ms_1", MS_1)                            /* the same, milliseconds with the unit */                              \
    V("ms_2", MS_2)                                                                                                    \
    V("code", CODE)                            /* {2}, be it 0, known with {1}: of an ICMP error */
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
    case VARIABLE_FIN:
        return known_number(value, (s->flags & TCPSTATE_FIN) != 0,
                            s->seq + s->length + ((s->flags & TCPSTATE_SYN) != 0));
    case VARIABLE_ACK: return number(value, s->ack);
    case VARIABLE_ACK_BEFORE: return number(value, s->ack - 1);
    case VARIABLE_LEN: return number(value, s->length);
    case VARIABLE_OCTETS: octets(value, f); return true;
    case VARIABLE_DATA: return octets(value, f);
    case VARIABLE_NUMBERS: return numbers(value, f);
    case VARIABLE_ISN: known = explain_isn(f, true, &n); return known_number(value, known, n);
    case VARIABLE_ISN_NEXT: known = explain_isn(f, true, &n); return known_number(value, known, n + 1);
    case VARIABLE_PEER_ISN: known = explain_isn(f, false, &n); return known_number(value, known, n);
    case VARIABLE_PEER_ISN_NEXT: known = explain_isn(f, false, &n); return known_number(value, known, n + 1);
    case VARIABLE_ACKED_ISN: known = explain_isn(f, false, &n); return known_number(value, known && s->ack == n + 1, n);
    case VARIABLE_ACKED_FIN: known = peer_fin(f, &n); return known_number(value, known && s->ack == n + 1, n);
    case VARIABLE_SENDER: return word(value, role_word(f, true));
    case VARIABLE_RECEIVER: return word(value, role_word(f, false));
    case VARIABLE_SENDER_BEFORE: return state(value, explain_end(f->report, true)->before);
    case VARIABLE_SENDER_STATE: return state(value, explain_end(f->report, true)->state);
    case VARIABLE_RECEIVER_BEFORE: return state(value, explain_end(f->report, false)->before);
    case VARIABLE_RECEIVER_STATE: return state(value, explain_end(f->report, false)->state);
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
    case VARIABLE_VIA_1:
    case VARIABLE_VIA_2:
    case VARIABLE_VIA_3:
        n = f->finding ? f->finding->via_frame[variable - VARIABLE_VIA_1] : 0;
        return known_number(value, n != 0, n);
    case VARIABLE_VALUE_1: n = finding_value(f, 0); return known_number(value, n != 0, n);
    case VARIABLE_VALUE_2: n = finding_value(f, 1); return known_number(value, n != 0, n);
    case VARIABLE_OCTETS_1: return count_of_octets(value, f, finding_value(f, 0));
    case VARIABLE_OCTETS_2: return count_of_octets(value, f, finding_value(f, 1));
    case VARIABLE_MS_1: return milliseconds(value, f, finding_value(f, 0));
    case VARIABLE_MS_2: return milliseconds(value, f, finding_value(f, 1));
    case VARIABLE_CODE: return known_number(value, finding_value(f, 0) != 0, finding_value(f, 1));
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

/* ---- the additions -------------------------------------------------------------------------------------------- */

static void add(struct explain_writer *writer, enum explain_situation situation, const struct explain_facts *facts) {
    const struct explain_text *text = explain_text(situation);

    if (writer->length > 0 && facts->language == TCPSTATE_ENGLISH)
        put_text(writer, " ");
    explain_expand(writer, facts->language == TCPSTATE_CHINESE ? text->chinese : text->english, facts);
}

/* The sender of such a reset has had a connection until now. */
static bool ends_the_sender(enum explain_situation situation) {
    return situation >= EXPLAIN_RST_BACK_TO_LISTEN && situation <= EXPLAIN_RST_IGNORED;
}

/* Texts of segments that seldom move anything, and then for reasons that lie elsewhere. */
static bool leaves_moves_to_notes(enum explain_situation situation) {
    return situation == EXPLAIN_SYNACK_IGNORED || situation == EXPLAIN_FIN_IGNORED ||
           situation == EXPLAIN_THIRD_WRONG ||
           (situation >= EXPLAIN_CHALLENGE_TO_SYN && situation <= EXPLAIN_PURE_ACK &&
            situation != EXPLAIN_DATA_AFTER_OWN_FIN);
}

static void add_moves(struct explain_writer *writer, enum explain_situation situation,
                      const struct explain_facts *facts) {
    const struct tcpstate_report *report = facts->report;
    bool left = leaves_moves_to_notes(situation);
    char value[VALUE_SIZE];

    if (explain_has_finding(report, TCPSTATE_FINDING_fin_inferred)) {
        add(writer, left ? EXPLAIN_NOTE_FIN_INFERRED_MOVES : EXPLAIN_NOTE_FIN_INFERRED, facts);
        return;
    }
    if ((left || ends_the_sender(situation)) && move(value, facts, true) &&
        !explain_has_event(explain_end(report, true), TCPSTATE_EVENT_time_2msl))
        add(writer, EXPLAIN_NOTE_SENDER_MOVES, facts);
    if (left && move(value, facts, false) && !explain_has_event(explain_end(report, false), TCPSTATE_EVENT_time_2msl))
        add(writer, EXPLAIN_NOTE_RECEIVER_MOVES, facts);
}

/* The text already tells that the arrival is not known, or it is no matter. */
static bool says_it_itself(enum explain_situation situation) {
    return situation == EXPLAIN_LAST_ACK || situation == EXPLAIN_RST_ENDS_TIME_WAIT ||
           situation == EXPLAIN_RST_TO_CLOSED || situation == EXPLAIN_RST_ORPHAN || situation == EXPLAIN_MIDSTREAM;
}

/* What was shown before was an assumption, and no longer holds. UNKNOWN assumes nothing. */
static bool is_taken_back(const struct tcpstate_end_report *end) {
    return end->taken_back && end->before != TCPSTATE_UNKNOWN && explain_is_moved(end);
}

static void add_notes(struct explain_writer *writer, enum explain_situation situation,
                      const struct explain_facts *facts) {
    const struct tcpstate_report *report = facts->report;
    const struct tcpstate_end_report *sender = explain_end(report, true), *receiver = explain_end(report, false);

    add_moves(writer, situation, facts);
    if ((facts->segment->traits & TCPSTATE_LENGTH_UNKNOWN) && (facts->segment->flags & TCPSTATE_FIN))
        add(writer, EXPLAIN_NOTE_LENGTH_UNKNOWN, facts);
    if (explain_has_event(sender, TCPSTATE_EVENT_time_2msl) || explain_has_event(receiver, TCPSTATE_EVENT_time_2msl))
        add(writer, EXPLAIN_NOTE_2MSL, facts);
    if (explain_has_finding(report, TCPSTATE_FINDING_fin_after_hole))
        add(writer, EXPLAIN_NOTE_FIN_WAITS, facts);
    if (report->was_in_flight && situation != EXPLAIN_SYN_SPLIT && situation != EXPLAIN_FIN_CROSSED_RESET)
        add(writer, EXPLAIN_NOTE_IN_FLIGHT, facts);
    else if (is_taken_back(sender))
        add(writer, EXPLAIN_NOTE_SENDER_TAKEN_BACK, facts);
    if (is_taken_back(receiver))
        add(writer, EXPLAIN_NOTE_RECEIVER_TAKEN_BACK, facts);
    else if ((explain_is_moved(receiver) && receiver->certainty == TCPSTATE_INFERRED) ||
             (explain_is_moved(sender) && sender->certainty == TCPSTATE_INFERRED))
        add(writer, EXPLAIN_NOTE_INFERRED, facts);
    else if (explain_is_moved(receiver) && receiver->certainty == TCPSTATE_ASSUMED && !says_it_itself(situation))
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
    bool opened = explain_end(f->report, true)->state >= TCPSTATE_ESTABLISHED;

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
