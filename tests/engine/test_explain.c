/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The texts: the expander, the laws that every text of both languages obeys, and the words chosen for the segments of
 * ordinary connections.
 *
 * Reports are made by hand here; that the engine makes them so is for the scenarios.
 */
#include "explain.h"

#include <stdio.h>
#include <string.h>

static unsigned checks, failures;

#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        checks++;                                                                                                      \
        if (!(condition)) {                                                                                            \
            failures++;                                                                                                \
            printf("%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                     \
            printf(__VA_ARGS__);                                                                                       \
            putchar('\n');                                                                                             \
        }                                                                                                              \
    } while (0)

#define S(state)         TCPSTATE_##state
#define EVENT(name)      TCPSTATE_EVENT_##name
#define STEP(name)       TCPSTATE_STEP_##name
#define SITUATION_(name) EXPLAIN_##name

enum { CLIENT = TCPSTATE_CLIENT, SERVER = TCPSTATE_SERVER, TEXT_SIZE = 2048 };
enum { SYN = TCPSTATE_SYN, ACK = TCPSTATE_ACK, FIN = TCPSTATE_FIN, RST = TCPSTATE_RST };

/* ---- helpers -------------------------------------------------------------------------------------------------- */

static bool contains(const char *text, const char *part) { return strstr(text, part) != NULL; }

static bool is_utf8(const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        unsigned more = *c < 0x80 ? 0 : *c >= 0xF0 ? 3 : *c >= 0xE0 ? 2 : *c >= 0xC0 ? 1 : 9;
        if (more == 9)
            return false;
        for (; more > 0; more--)
            if ((*++c & 0xC0) != 0x80)
                return false;
    }
    return true;
}

static bool has_chinese(const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c >= 0xE4 && *c <= 0xE9)
            return true;
    return false;
}

/* Everything known, each variable with a number of its own. */
static struct tcpstate_segment segment;
static struct tcpstate_report report;
static struct tcpstate_summary summary;
static struct tcpstate_finding finding;

static void know_everything(void) {
    segment = (struct tcpstate_segment){.frame = 40,
                                        .seq = 1001,
                                        .ack = 5001,
                                        .length = 20,
                                        .flags = ACK | FIN,
                                        .ttl = 63,
                                        .tsval = 7001,
                                        .tsecr = 7002,
                                        .urgent_pointer = 9,
                                        .options = TCPSTATE_OPT_MSS | TCPSTATE_OPT_WINDOW_SCALE,
                                        .sender_port = 49152,
                                        .receiver_port = 80};
    report = (struct tcpstate_report){.sender = CLIENT};
    report.end[CLIENT] = (struct tcpstate_end_report){.before = S(ESTABLISHED), .state = S(FIN_WAIT_1)};
    report.end[SERVER] = (struct tcpstate_end_report){.before = S(ESTABLISHED), .state = S(CLOSE_WAIT)};
    summary = (struct tcpstate_summary){.isns = {{1, {{1, 1000}}}, {1, {{2, 5000}}}},
                                        .fins = {[SERVER] = {1, {{39, 5000}}}},
                                        .syn_frame = 1,
                                        .synack_frame = 2};
    finding = (struct tcpstate_finding){.cause_frame = 33, .value = {111, 222}, .via_frame = {34, 35, 36}};
}

/* Nothing known that may be unknown. */
static void know_nothing(void) {
    know_everything();
    summary = (struct tcpstate_summary){0};
    finding = (struct tcpstate_finding){0};
    for (unsigned role = 0; role < 2; role++)
        report.end[role] = (struct tcpstate_end_report){0};
}

static const char *expand(const char *pattern, enum tcpstate_language language) {
    static char text[TEXT_SIZE];
    struct explain_writer writer = explain_writer(text, sizeof(text));
    struct explain_facts facts = {
        .segment = &segment, .report = &report, .summary = &summary, .finding = &finding, .language = language};

    explain_expand(&writer, pattern, &facts);
    return text;
}

static void check_expansion(const char *pattern, enum tcpstate_language language, const char *expected) {
    const char *text = expand(pattern, language);

    CHECK(strcmp(text, expected) == 0, "%s became: %s, not: %s", pattern, text, expected);
}

/* ---- the expander --------------------------------------------------------------------------------------------- */

static void test_variables(void) {
    static const struct {
        const char *pattern, *english, *chinese;
    } cases[] = {
        {"{seq} {seq+1}", "1001 1002", "1001 1002"},
        {"{end} {fin}", "1022 1021", "1022 1021"},
        {"{ack} {ack-1}", "5001 5000", "5001 5000"},
        {"{len}", "20", "20"},
        {"{octets} {data}", "20 octets 20 octets", "20 字节 20 字节"},
        {"{numbers}", "numbers 1001 to 1021", "序号 1001 至 1021"},
        {"{isn} {isn+1}", "1000 1001", "1000 1001"},
        {"{peer_isn} {peer_isn+1}", "5000 5001", "5000 5001"},
        {"{acked_isn} {acked_fin}", "5000 5000", "5000 5000"},
        {"{sender},{receiver}", "client,server", "客户端,服务器"},
        {"{sender_before} {sender_state}", "ESTABLISHED FIN-WAIT-1", "ESTABLISHED FIN-WAIT-1"},
        {"{receiver_before} {receiver_state}", "ESTABLISHED CLOSE-WAIT", "ESTABLISHED CLOSE-WAIT"},
        {"{sender_move}", "the client goes from ESTABLISHED to FIN-WAIT-1", "客户端由 ESTABLISHED 进入 FIN-WAIT-1"},
        {"{receiver_move}", "the server goes from ESTABLISHED to CLOSE-WAIT", "服务器由 ESTABLISHED 进入 CLOSE-WAIT"},
        {"{port} {ttl} {urgent}", "49152 63 9", "49152 63 9"},
        {"{flags}", "FIN,ACK", "FIN,ACK"},
        {"{options}", "MSS, window scale", "MSS、窗口扩大"},
        {"{tsval} {tsecr}", "7001 7002", "7001 7002"},
        {"{cause} {1} {2}", "33 111 222", "33 111 222"},
        {"{via1} {via2} {via3}", "34 35 36", "34 35 36"},
        {"{octets_1} {octets_2}", "111 octets 222 octets", "111 字节 222 字节"},
        {"{ms_1} {ms_2}", "111 ms 222 ms", "111 毫秒 222 毫秒"},
    };

    know_everything();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_expansion(cases[i].pattern, TCPSTATE_ENGLISH, cases[i].english);
        check_expansion(cases[i].pattern, TCPSTATE_CHINESE, cases[i].chinese);
    }
    segment.flags = 0;
    segment.length = 1;
    segment.options = 0;
    check_expansion("{flags}, {options}, {octets}, {end}", TCPSTATE_ENGLISH, "none, none, 1 octet, 1002");
    check_expansion("{numbers}", TCPSTATE_ENGLISH, "number 1001");
    finding.value[0] = 1;
    finding.value[1] = 61020;
    check_expansion("{octets_1}, {ms_2}", TCPSTATE_ENGLISH, "1 octet, 61.020 s");
    check_expansion("{ms_2}", TCPSTATE_CHINESE, "61.020 秒");
    segment.length = 0;
    check_expansion("{numbers}[, {data}]", TCPSTATE_ENGLISH, "number 1001");
    segment.length = 1;
    segment.traits = TCPSTATE_LENGTH_UNKNOWN;
    check_expansion("{octets}", TCPSTATE_ENGLISH, "some octets");
    report.sender = SERVER;
    check_expansion("{sender} {isn} {peer_isn}", TCPSTATE_ENGLISH, "server 5000 1000");
    report.sender = TCPSTATE_NO_ROLE;
    check_expansion("{sender} {receiver} {sender_state}[ {isn}]", TCPSTATE_ENGLISH, "sender receiver UNKNOWN");
}

static void test_numbers_wrap(void) {
    know_everything();
    segment.seq = 4294967295u;
    segment.length = 0;
    segment.flags = SYN;
    segment.ack = 0;
    summary.isns[SERVER].at[0].number = 4294967295u;
    check_expansion("{seq} {seq+1} {end} {ack-1}[ {acked_isn}]", TCPSTATE_ENGLISH,
                    "4294967295 0 0 4294967295 4294967295");
}

static void test_brackets(void) {
    know_everything();
    check_expansion("a[ {cause}] b[ {1}|x]", TCPSTATE_ENGLISH, "a 33 b 111");
    check_expansion("a[|x]b[]c[d]", TCPSTATE_ENGLISH, "abcd");
    know_nothing();
    check_expansion("a[ {cause}] b[ {1}|x]", TCPSTATE_ENGLISH, "a bx");
    check_expansion("[{isn} {seq}|{seq}]", TCPSTATE_ENGLISH, "1001");
    check_expansion("[{isn}|{cause}].", TCPSTATE_ENGLISH, ".");
    check_expansion("[; {sender_move}][; {receiver_move}].", TCPSTATE_ENGLISH, ".");
}

/* A move that this segment has not caused: an assumption taken back, or the state when it was sent. */
static void test_moves_of_another_segment(void) {
    know_everything();
    report.end[SERVER].taken_back = true;
    report.was_in_flight = true;
    check_expansion("[{sender_move}][{receiver_move}].", TCPSTATE_ENGLISH, ".");
    know_nothing();
    check_expansion("[{sender_before}][{receiver_state}].", TCPSTATE_ENGLISH, ".");
}

/* The numbers that a later segment may add to the summary must not show before. */
static void test_acknowledged_numbers(void) {
    know_everything();
    segment.ack = 5002;
    check_expansion("[{acked_isn}][{acked_fin}].", TCPSTATE_ENGLISH, ".");
    know_everything();
    summary.fins[SERVER].at[0].frame = 41;
    check_expansion("[{acked_fin}].", TCPSTATE_ENGLISH, ".");
}

static void test_cut_at_a_character(void) {
    static const char pattern[] = "a字{sender}é{seq}";
    static const char whole[] = "a字客户端é1001";
    char text[TEXT_SIZE];

    know_everything();
    for (size_t size = 0; size <= sizeof(whole) + 1; size++) {
        struct explain_facts facts = {
            .segment = &segment, .report = &report, .summary = &summary, .language = TCPSTATE_CHINESE};
        struct explain_writer writer;
        size_t guard = size;

        memset(text, '#', sizeof(text));
        writer = explain_writer(text, size);
        explain_expand(&writer, pattern, &facts);
        CHECK(text[guard] == '#', "size %zu: written beyond the end", size);
        if (size == 0)
            continue;
        CHECK(memchr(text, '\0', size) != NULL, "size %zu: not terminated", size);
        CHECK(is_utf8(text), "size %zu: cut within a character", size);
        CHECK(strncmp(text, whole, strlen(text)) == 0, "size %zu: %s", size, text);
        CHECK(size < 4 || strlen(text) + 4 > (size < sizeof(whole) ? size : sizeof(whole)), "size %zu: cut early",
              size);
    }
}

/* ---- laws of all texts ---------------------------------------------------------------------------------------- */

static void check_template(const char *id, const char *pattern, enum tcpstate_language language) {
    bool in_group = false, in_variable = false, has_other = false, balanced = true;
    size_t length = strlen(pattern);

    CHECK(length > 0, "%s has no text", id);
    CHECK(is_utf8(pattern), "%s is no UTF-8", id);
    CHECK(has_chinese(pattern) == (language == TCPSTATE_CHINESE), "%s is in the wrong language", id);
    for (const char *c = pattern; *c; c++) {
        balanced &= *c != '[' || (!in_group && !in_variable);
        balanced &= *c != ']' || (in_group && !in_variable);
        balanced &= *c != '{' || !in_variable;
        balanced &= *c != '}' || in_variable;
        balanced &= *c != '|' || (in_group && !has_other);
        in_group = *c == '[' || (in_group && *c != ']');
        has_other = in_group && (has_other || *c == '|');
        in_variable = *c == '{' || (in_variable && *c != '}');
    }
    CHECK(balanced && !in_group && !in_variable, "%s: brackets do not match", id);
    size_t end = length - (length > 0 && pattern[length - 1] == ']'); /* the last sentence may be optional */
    CHECK(end > 3 && (pattern[end - 1] == '.' || strncmp(pattern + end - 3, "。", 3) == 0),
          "%s does not end a sentence", id);
}

/* Unknown names stay in braces, so none may be left. */
static void check_result(const char *id, const char *text) {
    static const char *const bad[] = {"{",  "}",  "[",   "]",   "|",  "?",   "  ",
                                      " .", " ,", " 。", " ，", "((", " ()", "（）"};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!contains(text, bad[i]), "%s contains '%s': %s", id, bad[i], text);
    CHECK(strlen(text) < 900, "%s is too long: %zu", id, strlen(text));
}

/* What may be unknown stands in brackets: else nothing would differ when the words around it are known to be there. */
static void check_unknowns_are_bracketed(const char *id, const char *pattern) {
    static const char *const unsure[] = {"{isn",         "{peer_isn",      "{acked_", "{cause}",  "{1}",  "{2}",
                                         "{sender_move", "{receiver_move", "{data}",  "{octets_", "{ms_", "{via"};
    bool in_group = false, in_other = false;

    for (const char *c = pattern; *c; c++) {
        in_group = *c == '[' || (in_group && *c != ']');
        in_other = in_group && (in_other || *c == '|');
        for (unsigned i = 0; i < sizeof(unsure) / sizeof(unsure[0]); i++)
            if (strncmp(c, unsure[i], strlen(unsure[i])) == 0)
                CHECK(in_group && !in_other, "%s: %s may be unknown and stands outside of brackets", id, unsure[i]);
    }
}

static bool is_chinese_character(const char *c) { return has_chinese((const char[]){c[0], c[1], c[2], '\0'}); }

/* Beside a Chinese character stands Chinese punctuation. */
static void check_punctuation(const char *id, const char *text) {
    for (const char *c = text; *c; c++)
        if (strchr(",:;()?!", *c))
            CHECK(!(c >= text + 3 && is_chinese_character(c - 3)) && !is_chinese_character(c + 1),
                  "%s: '%c' beside a Chinese character: %s", id, *c, text);
}

/* Sentences that can be read at one go. */
static void check_sentences(const char *id, const char *english) {
    unsigned words = 0;

    for (const char *c = english; *c; c++) {
        words += *c == ' ';
        if ((*c == '.' || *c == ':' || *c == ';') && (c[1] == ' ' || c[1] == '\0'))
            words = 0;
        CHECK(words <= 40, "%s: more than 40 words in a row: %s", id, english);
        if (words > 40)
            return;
    }
}

static void check_both(const char *id, const char *english, const char *chinese) {
    check_template(id, english, TCPSTATE_ENGLISH);
    check_template(id, chinese, TCPSTATE_CHINESE);
    check_unknowns_are_bracketed(id, english);
    check_unknowns_are_bracketed(id, chinese);
    know_everything();
    check_result(id, expand(english, TCPSTATE_ENGLISH));
    check_sentences(id, expand(english, TCPSTATE_ENGLISH));
    check_result(id, expand(chinese, TCPSTATE_CHINESE));
    check_punctuation(id, expand(chinese, TCPSTATE_CHINESE));
    finding.value[0] = finding.value[1] = segment.length = 1;
    CHECK(!contains(expand(english, TCPSTATE_ENGLISH), " 1 octets"), "%s: one is no plural", id);
    know_nothing();
    check_result(id, expand(english, TCPSTATE_ENGLISH));
    check_result(id, expand(chinese, TCPSTATE_CHINESE));
}

static bool is_reference(const char *rfc) {
    while (*rfc) {
        size_t digits;
        if (strncmp(rfc, "RFC ", 4) != 0)
            return false;
        rfc += 4;
        digits = strspn(rfc, "0123456789");
        if (digits != 4)
            return false;
        rfc += digits;
        if (*rfc == ' ') {
            size_t section = strspn(rfc + 1, "0123456789.A");
            if (section == 0 || rfc[section] == '.')
                return false;
            rfc += 1 + section;
        }
        if (strncmp(rfc, "; ", 2) == 0 && rfc[2])
            rfc += 2;
        else if (*rfc)
            return false;
    }
    return true;
}

/* Both languages speak of the same numbers. */
static void check_same_variables(const char *id, const char *english, const char *chinese) {
    for (const char *c = strchr(english, '{'); c; c = strchr(c + 1, '{')) {
        char name[32] = "";
        size_t length = strcspn(c, "}") + 1;

        if (length >= sizeof(name))
            continue;
        memcpy(name, c, length);
        if (strcmp(name, "{sender}") != 0 && strcmp(name, "{receiver}") != 0)
            CHECK(contains(chinese, name), "%s: %s is in one language only", id, name);
    }
}

static void test_every_finding(void) {
    unsigned kinds[TCPSTATE_KINDS] = {0};

    for (unsigned i = 0; i < TCPSTATE_FINDINGS; i++) {
        const struct tcpstate_finding_info *info = tcpstate_finding_info((enum tcpstate_finding_id)i);

        kinds[info->kind]++;
        check_both(info->id, info->english, info->chinese);
        check_same_variables(info->id, info->english, info->chinese);
        check_same_variables(info->id, info->chinese, info->english);
        CHECK(is_reference(info->rfc), "%s: %s", info->id, info->rfc);
        CHECK(info->rfc[0] || info->kind != TCPSTATE_VIOLATION, "%s: a violation of what?", info->id);
        CHECK(info->kind != TCPSTATE_VIOLATION || info->severity >= TCPSTATE_WARNING, "%s: severity", info->id);
        CHECK(info->kind != TCPSTATE_MILESTONE || info->severity == TCPSTATE_CHAT, "%s: severity", info->id);
        CHECK(info->kind == TCPSTATE_VIOLATION || info->severity != TCPSTATE_ERROR, "%s: severity", info->id);
        CHECK(tcpstate_weak_severity((enum tcpstate_finding_id)i) == info->severity - (info->severity > TCPSTATE_NOTE),
              "%s: weak severity", info->id);
    }
    CHECK(TCPSTATE_FINDINGS == 155, "%d findings", TCPSTATE_FINDINGS);
    CHECK(kinds[TCPSTATE_VIOLATION] == 20, "%u", kinds[TCPSTATE_VIOLATION]);
    CHECK(kinds[TCPSTATE_ANOMALY] == 108, "%u", kinds[TCPSTATE_ANOMALY]);
    CHECK(kinds[TCPSTATE_MILESTONE] == 9, "%u", kinds[TCPSTATE_MILESTONE]);
    CHECK(kinds[TCPSTATE_ARTIFACT] == 18, "%u", kinds[TCPSTATE_ARTIFACT]);
}

static void test_every_situation(void) {
    for (unsigned i = 0; i < EXPLAIN_SITUATIONS; i++) {
        const struct explain_text *text = explain_text((enum explain_situation)i);

        check_both(text->id, text->english, text->chinese);
        check_same_variables(text->id, text->english, text->chinese);
        check_same_variables(text->id, text->chinese, text->english);
        CHECK(is_reference(text->rfc) && !strchr(text->rfc, ';'), "%s: %s", text->id, text->rfc);
    }
}

static void test_weak_findings_say_so(void) {
    char strong[TEXT_SIZE], weak[TEXT_SIZE];

    for (unsigned language = TCPSTATE_ENGLISH; language <= TCPSTATE_CHINESE; language++) {
        know_everything();
        finding.id = TCPSTATE_FINDING_fin_moved;
        tcpstate_finding_text(&finding, &segment, &report, &summary, language, strong, sizeof(strong));
        finding.weak = true;
        tcpstate_finding_text(&finding, &segment, &report, &summary, language, weak, sizeof(weak));
        CHECK(strncmp(strong, weak, strlen(strong)) == 0 && strlen(weak) > strlen(strong), "%s", weak);
        strcpy(strong, weak);
        summary.synack_frame = 0;
        tcpstate_finding_text(&finding, &segment, &report, &summary, language, weak, sizeof(weak));
        CHECK(strcmp(strong, weak) != 0, "%s", weak);
    }
}

static void test_names(void) {
    CHECK(strcmp(tcpstate_state_name(TCPSTATE_TIME_WAIT), "TIME-WAIT") == 0, "state");
    CHECK(strcmp(tcpstate_event_name(TCPSTATE_EVENT_rcv_ack_f), "rcv_ack_f") == 0, "event");
    CHECK(strcmp(tcpstate_role_name(TCPSTATE_SERVER), "server") == 0, "role");
    CHECK(strcmp(tcpstate_certainty_name(TCPSTATE_NOTHING_TELLS), "unknown") == 0, "certainty");
    CHECK(strcmp(tcpstate_roles_name(TCPSTATE_ROLES_SYN_ACK), "syn-ack") == 0, "roles");
    CHECK(strcmp(tcpstate_phase_name(TCPSTATE_PHASE_OPENING), "opening") == 0, "phase");
    CHECK(strcmp(tcpstate_vantage_name(TCPSTATE_VANTAGE_CLIENT_SIDE), "client side") == 0, "vantage");
    CHECK(strcmp(tcpstate_party_name(TCPSTATE_BY_BOTH), "both") == 0, "party");
    CHECK(strcmp(tcpstate_close_kind_name(TCPSTATE_CLOSE_FIN_RESET), "fin-reset") == 0, "close kind");
    CHECK(strcmp(tcpstate_outcome_name(TCPSTATE_OUTCOME_HALF_CLOSED), "half-closed") == 0, "outcome");
    CHECK(strcmp(tcpstate_conn_state_name(TCPSTATE_CONN_RSTOS0), "RSTOS0") == 0, "conn_state");
    CHECK(strcmp(tcpstate_kind_name(TCPSTATE_ARTIFACT), "artifact") == 0, "kind");
    CHECK(strcmp(tcpstate_step_name(TCPSTATE_STEP_CLOSE_2_3), "close 2+3/4") == 0, "step");
    CHECK(strcmp(tcpstate_step_name(TCPSTATE_STEP_NONE), "") == 0, "step");
}

/* ---- the choice ----------------------------------------------------------------------------------------------- */

struct sample {
    enum explain_situation expected;
    unsigned flags, length;
    enum tcpstate_step step;
    bool again;
    unsigned before[2], state[2]; /* sender, receiver */
    unsigned events[2];           /* one each; NO_EVENT */
    int finding;                  /* NO_FINDING */
};
enum { NO_EVENT = TCPSTATE_EVENTS, NO_FINDING = -1 };

#define FINDING_(id) ((int)TCPSTATE_FINDING_##id)

/* clang-format off */
static const struct sample samples[] = {
/*   situation                         flags     len  step                      again   sender, receiver before                       after                                         events                                     finding */
    {SITUATION_(SYN),                  SYN,        0, STEP(HANDSHAKE_1),        false, {S(CLOSED), S(LISTEN)},              {S(SYN_SENT), S(SYN_RECEIVED)},      {EVENT(snd_syn), EVENT(rcv_syn)},          NO_FINDING},
    {SITUATION_(SYN_DATA),             SYN,      100, STEP(HANDSHAKE_1),        false, {S(CLOSED), S(LISTEN)},              {S(SYN_SENT), S(SYN_RECEIVED)},      {EVENT(snd_syn), EVENT(rcv_syn)},          NO_FINDING},
    {SITUATION_(SYN_AGAIN),            SYN,        0, STEP(HANDSHAKE_1),        true,  {S(SYN_SENT), S(SYN_RECEIVED)},      {S(SYN_SENT), S(SYN_RECEIVED)},      {EVENT(snd_syn_again), NO_EVENT},          FINDING_(syn_retransmitted)},
    {SITUATION_(SYN_AGAIN),            SYN,        0, STEP(HANDSHAKE_1),        true,  {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(SYN_SENT), S(SYN_RECEIVED)},      {EVENT(snd_syn_again), NO_EVENT},          FINDING_(syn_retransmitted)},
    {SITUATION_(SYN_LATE_COPY),        SYN,        0, STEP(HANDSHAKE_1),        true,  {S(ESTABLISHED), S(ESTABLISHED)},    {S(ESTABLISHED), S(ESTABLISHED)},    {NO_EVENT, NO_EVENT},                      NO_FINDING},
    {SITUATION_(SYN_CROSSED),          SYN,        0, STEP(SIM_OPEN_2),         false, {S(SYN_SENT), S(SYN_SENT)},          {S(SYN_SENT), S(SYN_RECEIVED)},      {EVENT(snd_syn), EVENT(rcv_syn)},          FINDING_(simultaneous_open)},
    {SITUATION_(SYN_REOPENS),          SYN,        0, STEP(HANDSHAKE_1),        false, {S(CLOSED), S(TIME_WAIT)},           {S(SYN_SENT), S(SYN_RECEIVED)},      {EVENT(snd_syn), EVENT(rcv_syn)},          FINDING_(time_wait_reuse)},
    {SITUATION_(SYN_BY_ANOTHER),       SYN,        0, STEP(HANDSHAKE_1),        false, {S(CLOSED), S(TIME_WAIT)},           {S(CLOSED), S(SYN_RECEIVED)},        {NO_EVENT, EVENT(rcv_syn)},                FINDING_(time_wait_reuse)},
    {SITUATION_(SYN_IN_TIME_WAIT),     SYN,        0, STEP(NONE),               false, {S(CLOSED), S(TIME_WAIT)},           {S(CLOSED), S(TIME_WAIT)},           {NO_EVENT, NO_EVENT},                      FINDING_(time_wait_reuse_suspect)},
    {SITUATION_(SYN_IN_CONNECTION),    SYN,        0, STEP(NONE),               false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(ESTABLISHED), S(ESTABLISHED)},    {NO_EVENT, NO_EVENT},                      FINDING_(syn_in_connection)},
    {SITUATION_(SYNACK),               SYN|ACK,    0, STEP(HANDSHAKE_2),        false, {S(SYN_RECEIVED), S(SYN_SENT)},      {S(SYN_RECEIVED), S(ESTABLISHED)},   {EVENT(snd_synack), EVENT(rcv_ack_s)},     NO_FINDING},
    {SITUATION_(SYNACK_FIN),           SYN|ACK|FIN,0, STEP(HANDSHAKE_2),        false, {S(SYN_RECEIVED), S(SYN_SENT)},      {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {EVENT(snd_synack), EVENT(rcv_ack_s)},     FINDING_(synack_fin)},
    {SITUATION_(SYNACK_FIN),           SYN|ACK|FIN,9, STEP(CLOSE_1),            false, {S(SYN_RECEIVED), S(SYN_SENT)},      {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {EVENT(snd_synack), EVENT(rcv_fin)},       FINDING_(synack_fin)},
    {SITUATION_(SYNACK_LATE_COPY),     SYN|ACK,    0, STEP(HANDSHAKE_2),        true,  {S(ESTABLISHED), S(ESTABLISHED)},    {S(ESTABLISHED), S(ESTABLISHED)},    {EVENT(snd_synack_again), NO_EVENT},       NO_FINDING},
    {SITUATION_(SYNACK_UNACCEPTABLE),  SYN|ACK,    0, STEP(NONE),               false, {S(SYN_RECEIVED), S(SYN_SENT)},      {S(SYN_RECEIVED), S(SYN_SENT)},      {EVENT(snd_synack), NO_EVENT},             FINDING_(synack_ack_unacceptable)},
    {SITUATION_(SYNACK_AGAIN),         SYN|ACK,    0, STEP(HANDSHAKE_2),        true,  {S(ESTABLISHED), S(ESTABLISHED)},    {S(SYN_RECEIVED), S(ESTABLISHED)},   {EVENT(snd_synack_again), NO_EVENT},       FINDING_(synack_retransmitted_after_ack)},
    {SITUATION_(SYNACK_CROSSED_FIRST), SYN|ACK,    0, STEP(SIM_OPEN_3),         false, {S(SYN_RECEIVED), S(SYN_RECEIVED)},  {S(SYN_RECEIVED), S(ESTABLISHED)},   {EVENT(snd_synack), EVENT(rcv_ack_s)},     NO_FINDING},
    {SITUATION_(SYNACK_CROSSED_SECOND),SYN|ACK,    0, STEP(SIM_OPEN_4),         false, {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(ESTABLISHED), S(ESTABLISHED)},    {EVENT(snd_synack), EVENT(rcv_ack_s)},     FINDING_(handshake_completed)},
    {SITUATION_(THIRD_ACK),            ACK,        0, STEP(HANDSHAKE_3),        false, {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(ESTABLISHED), S(ESTABLISHED)},    {EVENT(snd_ack_syn), EVENT(rcv_ack_s)},    FINDING_(handshake_completed)},
    {SITUATION_(THIRD_DATA),           ACK,       50, STEP(HANDSHAKE_3),        false, {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(ESTABLISHED), S(ESTABLISHED)},    {EVENT(snd_ack_syn), EVENT(rcv_ack_s)},    FINDING_(handshake_completed_by_data)},
    {SITUATION_(THIRD_FIN),            ACK|FIN,    0, STEP(HANDSHAKE_3),        false, {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {EVENT(snd_fin), EVENT(rcv_fin)},          NO_FINDING},
    {SITUATION_(THIRD_FIN),            ACK|FIN,   20, STEP(CLOSE_1),            false, {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {EVENT(snd_fin), EVENT(rcv_fin)},          FINDING_(handshake_completed)},
    {SITUATION_(THIRD_WRONG),          ACK,        0, STEP(NONE),               false, {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(ESTABLISHED), S(SYN_RECEIVED)},   {NO_EVENT, NO_EVENT},                      FINDING_(handshake_ack_number_wrong)},
    {SITUATION_(THIRD_AGAIN),          ACK,        0, STEP(HANDSHAKE_3),        true,  {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(ESTABLISHED), S(ESTABLISHED)},    {NO_EVENT, EVENT(rcv_ack_s)},              NO_FINDING},
    {SITUATION_(DATA),                 ACK,       50, STEP(NONE),               false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(ESTABLISHED), S(ESTABLISHED)},    {NO_EVENT, NO_EVENT},                      NO_FINDING},
    {SITUATION_(PURE_ACK),             ACK,        0, STEP(NONE),               false, {S(FIN_WAIT_2), S(CLOSE_WAIT)},      {S(FIN_WAIT_2), S(CLOSE_WAIT)},      {NO_EVENT, NO_EVENT},                      NO_FINDING},
    {SITUATION_(PURE_ACK_BEFORE_DATA), ACK,        0, STEP(NONE),               false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(ESTABLISHED), S(ESTABLISHED)},    {NO_EVENT, NO_EVENT},                      NO_FINDING},
    {SITUATION_(FIN),                  ACK|FIN,    0, STEP(CLOSE_1),            false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {EVENT(snd_fin), EVENT(rcv_fin)},          FINDING_(active_close)},
    {SITUATION_(FIN_DATA),             ACK|FIN,   20, STEP(CLOSE_1),            false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {EVENT(snd_fin), EVENT(rcv_fin)},          FINDING_(active_close)},
    {SITUATION_(FIN_FROM_SYN_RECEIVED),ACK|FIN,    0, STEP(CLOSE_1),            false, {S(SYN_RECEIVED), S(ESTABLISHED)},   {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {EVENT(snd_fin), EVENT(rcv_fin)},          NO_FINDING},
    {SITUATION_(ACK_OF_FIN),           ACK,        0, STEP(CLOSE_2),            false, {S(CLOSE_WAIT), S(FIN_WAIT_1)},      {S(CLOSE_WAIT), S(FIN_WAIT_2)},      {EVENT(snd_ack_fin), EVENT(rcv_ack_f)},    FINDING_(fin_acknowledged)},
    {SITUATION_(ACK_OF_FIN_DATA),      ACK,        9, STEP(CLOSE_2),            false, {S(CLOSE_WAIT), S(FIN_WAIT_1)},      {S(CLOSE_WAIT), S(FIN_WAIT_2)},      {EVENT(snd_ack_fin), EVENT(rcv_ack_f)},    FINDING_(fin_acknowledged)},
    {SITUATION_(HALF_CLOSE_DATA),      ACK,        9, STEP(NONE),               false, {S(CLOSE_WAIT), S(FIN_WAIT_2)},      {S(CLOSE_WAIT), S(FIN_WAIT_2)},      {NO_EVENT, NO_EVENT},                      FINDING_(half_close_data)},
    {SITUATION_(DATA_AFTER_OWN_FIN),   ACK,        9, STEP(NONE),               false, {S(FIN_WAIT_1), S(ESTABLISHED)},     {S(FIN_WAIT_1), S(ESTABLISHED)},     {NO_EVENT, NO_EVENT},                      NO_FINDING},
    {SITUATION_(FIN_WITH_ACK),         ACK|FIN,    0, STEP(CLOSE_2_3),          false, {S(CLOSE_WAIT), S(FIN_WAIT_1)},      {S(LAST_ACK), S(TIME_WAIT)},         {EVENT(snd_fin), EVENT(rcv_fin)},          FINDING_(three_segment_close)},
    {SITUATION_(SECOND_FIN),           ACK|FIN,    0, STEP(CLOSE_3),            false, {S(CLOSE_WAIT), S(FIN_WAIT_2)},      {S(LAST_ACK), S(TIME_WAIT)},         {EVENT(snd_fin), EVENT(rcv_fin)},          FINDING_(passive_close)},
    {SITUATION_(LAST_ACK),             ACK,        0, STEP(CLOSE_4),            false, {S(TIME_WAIT), S(LAST_ACK)},         {S(TIME_WAIT), S(CLOSED)},           {EVENT(snd_ack_fin), EVENT(rcv_ack_f)},    FINDING_(close_completed)},
    {SITUATION_(SECOND_FIN),           ACK|FIN,    0, STEP(CLOSE_1),            false, {S(CLOSE_WAIT), S(FIN_WAIT_2)},      {S(LAST_ACK), S(TIME_WAIT)},         {EVENT(snd_fin), EVENT(rcv_fin)},          FINDING_(passive_close)},
    {SITUATION_(LAST_ACK),             ACK,        0, STEP(CLOSE_2),            false, {S(TIME_WAIT), S(LAST_ACK)},         {S(TIME_WAIT), S(CLOSED)},           {EVENT(snd_ack_fin), EVENT(rcv_ack_f)},    FINDING_(fin_acknowledged)},
    {SITUATION_(LAST_ACK_OTHER),       ACK,        0, STEP(SIM_CLOSE_4),        false, {S(CLOSED), S(LAST_ACK)},            {S(CLOSED), S(CLOSED)},              {NO_EVENT, EVENT(rcv_ack_f)},              FINDING_(fin_acknowledged)},
    {SITUATION_(LAST_ACK_AGAIN),       ACK,        0, STEP(CLOSE_4),            true,  {S(TIME_WAIT), S(LAST_ACK)},         {S(TIME_WAIT), S(CLOSED)},           {EVENT(snd_ack_fin), EVENT(rcv_ack_f)},    NO_FINDING},
    {SITUATION_(FIN_AGAIN),            ACK|FIN,    0, STEP(CLOSE_1),            true,  {S(FIN_WAIT_2), S(CLOSE_WAIT)},      {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {EVENT(snd_fin_again), EVENT(rcv_fin)},    FINDING_(fin_retransmitted)},
    {SITUATION_(FIN_AGAIN),            ACK|FIN,    0, STEP(CLOSE_3),            true,  {S(LAST_ACK), S(FIN_WAIT_2)},        {S(LAST_ACK), S(TIME_WAIT)},         {EVENT(snd_fin_again), EVENT(rcv_fin)},    FINDING_(fin_retransmitted)},
    {SITUATION_(FIN_AGAIN_TO_TIME_WAIT),ACK|FIN,   0, STEP(CLOSE_3),            true,  {S(CLOSED), S(TIME_WAIT)},           {S(LAST_ACK), S(TIME_WAIT)},         {EVENT(snd_fin_again), EVENT(rcv_fin)},    FINDING_(last_ack_not_received)},
    {SITUATION_(FIN_CROSSED),          ACK|FIN,    0, STEP(SIM_CLOSE_2),        false, {S(CLOSE_WAIT), S(FIN_WAIT_1)},      {S(FIN_WAIT_1), S(CLOSING)},         {EVENT(snd_fin_x), EVENT(rcv_fin)},        FINDING_(simultaneous_close)},
    {SITUATION_(FIN_CROSSED_ACK_FIRST),ACK,        0, STEP(SIM_CLOSE_3),        false, {S(CLOSING), S(CLOSING)},            {S(CLOSING), S(TIME_WAIT)},          {EVENT(snd_ack_fin), EVENT(rcv_ack_f)},    FINDING_(fin_acknowledged)},
    {SITUATION_(FIN_CROSSED_ACK_SECOND),ACK,       0, STEP(SIM_CLOSE_4),        false, {S(TIME_WAIT), S(CLOSING)},          {S(TIME_WAIT), S(TIME_WAIT)},        {EVENT(snd_ack_fin), EVENT(rcv_ack_f)},    FINDING_(close_completed)},
    {SITUATION_(RST_REFUSES),          RST|ACK,    0, STEP(NONE),               false, {S(LISTEN), S(SYN_SENT)},            {S(CLOSED), S(CLOSED)},              {EVENT(snd_rst), EVENT(rcv_rst)},          FINDING_(connection_refused)},
    {SITUATION_(RST_TO_OLD_SYN),       RST,        0, STEP(NONE),               false, {S(SYN_SENT), S(SYN_RECEIVED)},      {S(SYN_SENT), S(LISTEN)},            {EVENT(snd_rst_reply), EVENT(rcv_rst)},    FINDING_(rst_answers_bad_synack)},
    {SITUATION_(RST_HALF_OPEN),        RST,        0, STEP(NONE),               false, {S(SYN_SENT), S(ESTABLISHED)},       {S(SYN_SENT), S(CLOSED)},            {EVENT(snd_rst_reply), EVENT(rcv_rst)},    FINDING_(half_open_discovered)},
    {SITUATION_(RST_BACK_TO_LISTEN),   RST,        0, STEP(NONE),               false, {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(CLOSED), S(LISTEN)},              {EVENT(snd_rst), EVENT(rcv_rst)},          FINDING_(handshake_aborted_by_client)},
    {SITUATION_(RST_SYN_RECEIVED),     RST,        0, STEP(NONE),               false, {S(ESTABLISHED), S(SYN_RECEIVED)},   {S(CLOSED), S(CLOSED)},              {EVENT(snd_rst), EVENT(rcv_rst)},          NO_FINDING},
    {SITUATION_(RST_ACCEPTED),         RST,        0, STEP(NONE),               false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(CLOSED), S(CLOSED)},              {EVENT(snd_rst), EVENT(rcv_rst)},          FINDING_(connection_aborted)},
    {SITUATION_(RST_BY_ANOTHER),        RST,        0, STEP(NONE),               false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(ESTABLISHED), S(CLOSED)},         {NO_EVENT, EVENT(rcv_rst)},                NO_FINDING},
    {SITUATION_(RST_IGNORED),          RST,        0, STEP(NONE),               false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(CLOSED), S(ESTABLISHED)},         {EVENT(snd_rst), NO_EVENT},                FINDING_(rst_behind_window)},
    {SITUATION_(RST_SPARES_TIME_WAIT), RST,        0, STEP(NONE),               false, {S(CLOSED), S(TIME_WAIT)},           {S(CLOSED), S(TIME_WAIT)},           {EVENT(snd_rst), NO_EVENT},                FINDING_(rst_inexact)},
    {SITUATION_(RST_ENDS_TIME_WAIT),   RST,        0, STEP(NONE),               false, {S(CLOSED), S(TIME_WAIT)},           {S(CLOSED), S(CLOSED)},              {EVENT(snd_rst), EVENT(rcv_rst)},          FINDING_(rst_after_close)},
    {SITUATION_(RST_TO_CLOSED),        RST,        0, STEP(NONE),               false, {S(CLOSED), S(TIME_WAIT)},           {S(CLOSED), S(CLOSED)},              {NO_EVENT, EVENT(time_2msl)},              FINDING_(time_wait_expired)},
    {SITUATION_(RST_IN_SYN_SENT_IGNORED),RST,      0, STEP(NONE),               false, {S(LISTEN), S(SYN_SENT)},            {S(LISTEN), S(SYN_SENT)},            {EVENT(snd_rst), NO_EVENT},                FINDING_(rst_to_syn_unacceptable)},
    {SITUATION_(RST_ORPHAN),           RST,        0, STEP(NONE),               false, {S(UNKNOWN), S(UNKNOWN)},            {S(CLOSED), S(CLOSED)},              {EVENT(snd_rst), EVENT(rcv_rst)},          FINDING_(rst_orphan)},
    {SITUATION_(CHALLENGE_TO_SYN),     ACK,        0, STEP(NONE),               false, {S(ESTABLISHED), S(SYN_SENT)},       {S(ESTABLISHED), S(SYN_SENT)},       {NO_EVENT, NO_EVENT},                      FINDING_(syn_answered_by_challenge_ack)},
    {SITUATION_(CHALLENGE_TO_SYN),     ACK,        0, STEP(NONE),               false, {S(SYN_RECEIVED), S(SYN_SENT)},      {S(ESTABLISHED), S(SYN_SENT)},       {EVENT(pickup), NO_EVENT},                 FINDING_(syn_answered_by_challenge_ack)},
    {SITUATION_(BAD_SIGNATURE),        ACK,        9, STEP(NONE),               false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(ESTABLISHED), S(ESTABLISHED)},    {NO_EVENT, NO_EVENT},                      FINDING_(md5_signature_unexpected)},
    {SITUATION_(MIDSTREAM),            ACK,        9, STEP(NONE),               false, {S(UNKNOWN), S(UNKNOWN)},            {S(ESTABLISHED), S(ESTABLISHED)},    {EVENT(pickup), EVENT(pickup)},            FINDING_(midstream_start)},
    {SITUATION_(COPY),                 ACK|FIN,    0, STEP(NONE),               false, {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {S(FIN_WAIT_1), S(CLOSE_WAIT)},      {NO_EVENT, NO_EVENT},                      FINDING_(duplicate_frame)},
    {SITUATION_(AFTER_CLOSE),          ACK,        9, STEP(NONE),               false, {S(CLOSED), S(CLOSED)},              {S(CLOSED), S(CLOSED)},              {NO_EVENT, NO_EVENT},                      FINDING_(segment_after_close)},
    {SITUATION_(NO_ACK_FLAG),          0,          0, STEP(NONE),               false, {S(ESTABLISHED), S(ESTABLISHED)},    {S(ESTABLISHED), S(ESTABLISHED)},    {NO_EVENT, NO_EVENT},                      FINDING_(ack_flag_missing)},
};
/* clang-format on */

static void set_up(const struct sample *sample) {
    know_everything();
    segment.flags = (uint16_t)sample->flags;
    segment.length = sample->length;
    report.step = (uint8_t)sample->step;
    report.step_again = sample->again;
    for (unsigned end = 0; end < 2; end++) {
        struct tcpstate_end_report *e = &report.end[end];

        *e = (struct tcpstate_end_report){.before = (uint8_t)sample->before[end],
                                          .state = (uint8_t)sample->state[end],
                                          .certainty = end == 0 ? TCPSTATE_PROVED : TCPSTATE_ASSUMED};
        if (sample->events[end] != NO_EVENT)
            e->events[e->event_count++] = (uint8_t)sample->events[end];
    }
    if (sample->finding != NO_FINDING) {
        report.findings[0].id = (uint8_t)sample->finding;
        report.finding_count = 1;
    }
}

static void test_choice(void) {
    char text[TEXT_SIZE];

    for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const char *expected = explain_text(samples[i].expected)->id;
        enum explain_situation situation;

        set_up(&samples[i]);
        situation = explain_situation(&segment, &report, &summary);
        CHECK(situation == samples[i].expected, "sample %u: %s, not %s", i, explain_text(situation)->id, expected);
        if (explain_text(situation)->rfc[0])
            CHECK(strcmp(tcpstate_rfc(&report), explain_text(situation)->rfc) == 0 || report.finding_count > 0,
                  "%s: %s", expected, tcpstate_rfc(&report));
        for (unsigned language = TCPSTATE_ENGLISH; language <= TCPSTATE_CHINESE; language++) {
            tcpstate_explain(&segment, &report, &summary, language, text, sizeof(text));
            check_result(expected, text);
            CHECK(strlen(text) > 0 && is_utf8(text), "%s", expected);
        }
    }
}

static void explain_sample(enum explain_situation situation, char *text) {
    for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        if (samples[i].expected == situation) {
            set_up(&samples[i]);
            tcpstate_explain(&segment, &report, &summary, TCPSTATE_ENGLISH, text, TEXT_SIZE);
            return;
        }
    CHECK(false, "no sample of %s", explain_text(situation)->id);
}

static void test_arithmetic(void) {
    char text[TEXT_SIZE];

    explain_sample(EXPLAIN_SYN, text);
    CHECK(contains(text, "ISN 1001") && contains(text, "acknowledge 1002"), "%s", text);
    explain_sample(EXPLAIN_SYNACK, text);
    CHECK(contains(text, "5001 = ISN 5000 + 1") && contains(text, "acknowledgment 1002"), "%s", text);
    explain_sample(EXPLAIN_THIRD_ACK, text);
    CHECK(contains(text, "5001 = ISN 5000 + 1") && contains(text, "same number 1001"), "%s", text);
    explain_sample(EXPLAIN_FIN, text);
    CHECK(contains(text, "number 1001") && contains(text, "acknowledge 1002"), "%s", text);
    explain_sample(EXPLAIN_FIN_DATA, text);
    CHECK(contains(text, "number 1021") && contains(text, "acknowledge 1022"), "%s", text);
    explain_sample(EXPLAIN_ACK_OF_FIN, text);
    CHECK(contains(text, "5001 = 5000 + 1"), "%s", text);
    summary.isns[SERVER].count = 0;
    summary.fins[SERVER].count = 0;
    tcpstate_explain(&segment, &report, &summary, TCPSTATE_ENGLISH, text, sizeof(text));
    CHECK(!contains(text, "5000"), "%s", text);
}

static void test_additions(void) {
    char text[TEXT_SIZE];

    explain_sample(EXPLAIN_FIN, text);
    CHECK(contains(text, "is assumed until the server"), "%s", text);
    report.end[SERVER].certainty = TCPSTATE_PROVED;
    tcpstate_explain(&segment, &report, &summary, TCPSTATE_ENGLISH, text, sizeof(text));
    CHECK(!contains(text, "assumed"), "%s", text);
    report.end[SERVER].certainty = TCPSTATE_INFERRED;
    tcpstate_explain(&segment, &report, &summary, TCPSTATE_ENGLISH, text, sizeof(text));
    CHECK(contains(text, "deduced"), "%s", text);
    report.was_in_flight = true;
    tcpstate_explain(&segment, &report, &summary, TCPSTATE_ENGLISH, text, sizeof(text));
    CHECK(contains(text, "as it was when it sent this"), "%s", text);
    explain_sample(EXPLAIN_RST_ACCEPTED, text);
    CHECK(contains(text, "With this segment the client goes from ESTABLISHED to CLOSED."), "%s", text);
    explain_sample(EXPLAIN_PURE_ACK, text);
    CHECK(!contains(text, "goes from"), "%s", text);
    report.end[SERVER].before = S(SYN_RECEIVED);
    report.end[SERVER].state = S(ESTABLISHED);
    tcpstate_explain(&segment, &report, &summary, TCPSTATE_ENGLISH, text, sizeof(text));
    CHECK(contains(text, "On arrival the server goes from SYN-RECEIVED to ESTABLISHED."), "%s", text);
    explain_sample(EXPLAIN_FIN_AGAIN, text);
    report.end[CLIENT].taken_back = true;
    tcpstate_explain(&segment, &report, &summary, TCPSTATE_ENGLISH, text, sizeof(text));
    CHECK(contains(text, "shown in FIN-WAIT-2 on an assumption"), "%s", text);
    explain_sample(EXPLAIN_SYN, text);
    report.end[SERVER].events[report.end[SERVER].event_count++] = TCPSTATE_EVENT_time_2msl;
    tcpstate_explain(&segment, &report, &summary, TCPSTATE_ENGLISH, text, sizeof(text));
    CHECK(contains(text, "2MSL"), "%s", text);
}

static void test_reference(void) {
    set_up(&samples[0]);
    CHECK(strcmp(tcpstate_rfc(&report), "RFC 9293 3.5") == 0, "%s", tcpstate_rfc(&report));
    report = (struct tcpstate_report){.sender = CLIENT};
    report.end[CLIENT] = report.end[SERVER] =
        (struct tcpstate_end_report){.before = S(ESTABLISHED), .state = S(ESTABLISHED)};
    CHECK(strcmp(tcpstate_rfc(&report), "") == 0, "%s", tcpstate_rfc(&report));
    report.findings[report.finding_count++].id = TCPSTATE_FINDING_window_shrunk;
    CHECK(strcmp(tcpstate_rfc(&report), "RFC 9293 3.8.6; RFC 7323 2.4") == 0, "%s", tcpstate_rfc(&report));
}

/* Any report, however odd, gets a terminated text of whole characters, at any size. */
static void test_odd_reports(void) {
    uint32_t random = 1;
    char text[256];

    for (unsigned round = 0; round < 20000; round++) {
        unsigned char *octets[] = {(unsigned char *)&segment, (unsigned char *)&summary};
        size_t sizes[] = {sizeof(segment), sizeof(summary)}, size;

#define RANDOM(n) ((random = random * 1664525u + 1013904223u) >> 8) % (n)
        for (unsigned part = 0; part < 2; part++)
            for (size_t i = 0; i < sizes[part]; i++)
                octets[part][i] = (unsigned char)(RANDOM(256u));
        for (unsigned role = 0; role < 2; role++)
            summary.isns[role].count = summary.fins[role].count = (uint8_t)(RANDOM(TCPSTATE_NUMBERS + 1u));
        report = (struct tcpstate_report){.sender = (uint8_t)(RANDOM(3u)), .step = (uint8_t)(RANDOM(TCPSTATE_STEPS))};
        report.step_again = RANDOM(2u);
        report.was_in_flight = RANDOM(2u);
        report.finding_count = 1;
        report.findings[0].id = (uint8_t)(RANDOM(TCPSTATE_FINDINGS));
        for (unsigned role = 0; role < 2; role++) {
            report.end[role].before = (uint8_t)(RANDOM(TCPSTATE_STATES));
            report.end[role].state = (uint8_t)(RANDOM(TCPSTATE_STATES));
            report.end[role].taken_back = RANDOM(2u);
            report.end[role].event_count = 1;
            report.end[role].events[0] = (uint8_t)(RANDOM(TCPSTATE_EVENTS));
        }
        size = 1 + RANDOM(sizeof(text));
#undef RANDOM
        memset(text, '#', sizeof(text));
        tcpstate_explain(&segment, &report, &summary, round % 2, text, size);
        CHECK(memchr(text, '\0', size) != NULL && is_utf8(text), "round %u", round);
        tcpstate_finding_text(&report.findings[0], &segment, &report, &summary, round % 2, text, size);
        CHECK(memchr(text, '\0', size) != NULL && is_utf8(text), "round %u", round);
        CHECK(tcpstate_rfc(&report) != NULL, "round %u", round);
    }
}

int main(void) {
    test_variables();
    test_numbers_wrap();
    test_brackets();
    test_moves_of_another_segment();
    test_acknowledged_numbers();
    test_cut_at_a_character();
    test_every_finding();
    test_every_situation();
    test_weak_findings_say_so();
    test_names();
    test_choice();
    test_arithmetic();
    test_additions();
    test_reference();
    test_odd_reports();
    printf("explain: %u checks, %u failures\n", checks, failures);
    return failures != 0;
}
