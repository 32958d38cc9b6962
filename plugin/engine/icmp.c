/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ICMP errors that quote a segment of a connection: what its TCP does with them, and whether they can have been forged.
 *
 *   quoted number never sent         anybody can have made it, a careful TCP ignores it (RFC 5927 4.1): icmp_suspect
 *   quoted number not in flight      late; ignored likewise: icmp_late
 *   packet too big                   smaller segments, no state moves (RFC 1191, RFC 8201)
 *   destination unreachable, the SYN or SYN,ACK of an endpoint in SYN-SENT or SYN-RECEIVED
 *                                    CLOSED, as every measured stack does (RFC 5461 2.2); assumed until it speaks again
 *   anything else                    no state moves (RFC 1122 4.2.3.9, RFC 5461 2.1)
 *
 * Of an end that was not captured a quote tells where its text ends, or that its SYN did not arrive, also if it comes before
 * everything else. That the peer acknowledges just this number shows that it was not guessed.
 *
 * An error takes an index of the conversation like a segment, so that hindsight can find that it was not taken. It does
 * not let time pass: TIME-WAIT stays until the next segment.
 */
#include "explain.h"
#include "judgement.h"

#include <assert.h>
#include <string.h>

/* ---- the quoted number ---------------------------------------------------------------------------------------- */

enum quoted { QUOTED_IN_FLIGHT, QUOTED_OLD, QUOTED_NEVER_SENT };

/* The lowest number that can still be in flight. False if nothing tells. */
static bool lowest_in_flight(const struct tcpstate_endpoint *x, uint32_t *lowest) {
    *lowest = x->has_una ? x->una : x->iss;
    return x->has_una || x->has_iss;
}

/* RFC 5927 4.1: SND.UNA =< SEG.SEQ < SND.NXT; SND.NXT itself counts too, for a segment that was not captured. Of an end
 * whose segments are not captured nobody knows what it has sent. */
static enum quoted place(const struct judgement *j, uint32_t seq) {
    const struct tcpstate_conversation *conversation = j->conversation;
    const struct tcpstate_endpoint *x = j->x;
    uint32_t lowest;

    if (!x->captured || !x->has_smax || !lowest_in_flight(x, &lowest))
        return QUOTED_IN_FLIGHT;
    if (seq_at_least(seq, lowest) && seq_at_most(seq, x->smax))
        return QUOTED_IN_FLIGHT;
    if (seq_before(seq, lowest) && (!x->has_iss || seq_at_least(seq, x->iss)))
        return QUOTED_OLD;
    if (conversation->has_previous) { /* of the connection before, which may have ended a moment ago */
        int32_t distance = seq_distance(conversation->previous_smax[j->segment->direction], seq);
        if (distance >= 0 && distance < NUMBERS_FAR)
            return QUOTED_OLD;
    }
    return QUOTED_NEVER_SENT;
}

/* ---- what it does --------------------------------------------------------------------------------------------- */

static bool quotes_opening(const struct judgement *j, const struct tcpstate_icmp *icmp) {
    const struct tcpstate_endpoint *x = j->x;

    return (x->state == TCPSTATE_SYN_SENT || x->state == TCPSTATE_SYN_RECEIVED) && x->has_iss && icmp->seq == x->iss &&
           (!icmp->has_flags || (icmp->flags & TCPSTATE_SYN));
}

/* It tells what the capture lacks: where the text ends that an ACK counts. Where only the numbers are quoted, its header
 * is taken to have no options, or timestamps. */
static void note_quoted(const struct judgement *j, const struct tcpstate_icmp *icmp) {
    enum { HEADER = 20, TIMESTAMPS = 12 };
    struct tcpstate_endpoint *x = j->x;
    uint32_t header = icmp->has_flags ? icmp->header_length : HEADER;

    if (x->captured || icmp->size <= header || header < HEADER ||
        (icmp->flags & (TCPSTATE_SYN | TCPSTATE_RST | TCPSTATE_FIN)))
        return;
    x->has_quoted = true;
    x->quoted_end = icmp->seq + (icmp->size - header);
    x->quoted_options = !icmp->has_flags && icmp->size > HEADER + TIMESTAMPS ? TIMESTAMPS : 0;
}

static bool aborts_opening(const struct tcpstate_icmp *icmp) {
    return icmp->is_destination_unreachable && icmp->kind != TCPSTATE_ICMP_TOO_BIG;
}

static void note_early(struct tcpstate_conversation *conversation, const struct tcpstate_icmp *icmp) {
    uint32_t index = conversation->index++;

    if (!aborts_opening(icmp) ||
        (icmp->has_flags && (icmp->flags & (TCPSTATE_SYN | TCPSTATE_ACK | TCPSTATE_RST)) != TCPSTATE_SYN))
        return;
    conversation->ended_syn.is = true;
    conversation->ended_syn.direction = icmp->direction;
    conversation->ended_syn.seq = icmp->seq;
    conversation->ended_syn.frame = icmp->frame;
    conversation->ended_syn.index = index;
    conversation->ended_syn.time_ns = icmp->time_ns;
}

bool tcpstate_error_ended_opening(const struct tcpstate_conversation *conversation) {
    return conversation->ended_syn.ended && !conversation->ended_syn.by_reset;
}

/* The only SYN of x since the last error has not arrived after all. */
static void take_delivery_back(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    const struct tcpstate_endpoint *y = j->y;
    const struct tcpstate_path *path = j->y_path;

    if (x->undo.state != TCPSTATE_SYN_SENT || x->syns_under_way != 1 || y->captured ||
        y->state != TCPSTATE_SYN_RECEIVED)
        return;
    if (path->bare.is && path->bare.end == x->smax)
        hindsight_note(j, path->bare.index, path->bare.frame, TCPSTATE_VERDICT_NOT_TAKEN);
    engine_restore(j, j->receiver, TCPSTATE_LISTEN, TCPSTATE_ASSUMED);
    x->syns_under_way = 0;
}

/* No segment moves it, so there is no event: as for a RST that was taken, x is alive again as soon as it speaks. */
static void give_up(struct judgement *j) {
    struct tcpstate_endpoint *x = j->x;
    struct tcpstate_end_report *told = &j->report->end[j->sender];

    if (hindsight_says(j, j->index, TCPSTATE_VERDICT_NOT_TAKEN))
        return;
    x->undo = (struct tcpstate_undo){.cause = TCPSTATE_UNDO_RST_TAKEN,
                                     .state = x->state,
                                     .certainty = x->certainty,
                                     .frame = j->segment->frame,
                                     .index = j->index,
                                     .rnxt = x->rnxt,
                                     .rst_seq = j->segment->seq,
                                     .time_ns = j->segment->time_ns};
    engine_restore(j, j->sender, TCPSTATE_CLOSED, TCPSTATE_ASSUMED);
    told->taken_back = false;
    if (x->entered_captured && !j->conversation->clock_jumped)
        told->dwell_ns = j->segment->time_ns - x->entered_ns;
    x->entered_captured = true;
    x->entered_ns = j->segment->time_ns;
    take_delivery_back(j);
}

/* Nobody has just shown its state by a transmission; only ESTABLISHED lasts until something else is captured. */
static uint8_t certainty_of(const struct tcpstate_endpoint *end) {
    if (end->state == TCPSTATE_UNKNOWN)
        return TCPSTATE_NOTHING_TELLS;
    if (end->certainty == TCPSTATE_PROVED && end->state != TCPSTATE_ESTABLISHED)
        return TCPSTATE_ASSUMED;
    return end->certainty;
}

static void tell(struct judgement *j, const struct tcpstate_icmp *icmp, enum quoted quoted) {
    const struct tcpstate_summary *summary = &j->connection->summary;
    uint32_t lowest = 0, cause = 0;

    if (j->x->has_iss && icmp->seq == j->x->iss)
        cause = j->x->sent_synack ? summary->synack_frame : summary->syn_frame;
    if (quoted != QUOTED_IN_FLIGHT) {
        lowest_in_flight(j->x, &lowest);
        if (quoted == QUOTED_OLD)
            findings_tell(j, TCPSTATE_FINDING_icmp_late, cause, lowest, 0);
        else if (j->x->smax == lowest)
            findings_tell(j, TCPSTATE_FINDING_icmp_suspect, cause, 0, 0);
        else
            findings_tell(j, TCPSTATE_FINDING_icmp_suspect, cause, lowest, j->x->smax - 1);
        return;
    }
    switch ((enum tcpstate_icmp_kind)icmp->kind) {
    case TCPSTATE_ICMP_HARD: findings_tell(j, TCPSTATE_FINDING_icmp_hard_error, cause, icmp->type, icmp->code); return;
    case TCPSTATE_ICMP_SOFT: findings_tell(j, TCPSTATE_FINDING_icmp_soft_error, cause, icmp->type, icmp->code); return;
    case TCPSTATE_ICMP_TOO_BIG:
        findings_tell(j, TCPSTATE_FINDING_icmp_fragmentation_needed, cause, icmp->mtu, 0);
        return;
    case TCPSTATE_ICMP_KINDS: return;
    }
}

struct tcpstate_segment tcpstate_icmp_quoted(const struct tcpstate_icmp *icmp) {
    return (struct tcpstate_segment){
        .time_ns = icmp->time_ns,
        .frame = icmp->frame,
        .seq = icmp->seq,
        .flags = icmp->has_flags ? icmp->flags : 0,
        .sender_port = icmp->sender_port,
        .receiver_port = icmp->receiver_port,
        .direction = icmp->direction,
        .traits = TCPSTATE_LENGTH_UNKNOWN | TCPSTATE_TRUNCATED_HEADER,
    };
}

bool tcpstate_icmp_error(struct tcpstate_conversation *conversation, const struct tcpstate_settings *settings,
                         const struct tcpstate_icmp *icmp, struct tcpstate_report *report) {
    const struct tcpstate_segment segment = tcpstate_icmp_quoted(icmp);
    struct judgement j = {.conversation = conversation,
                          .settings = settings,
                          .segment = &segment,
                          .report = report,
                          .index = conversation->index};
    enum quoted quoted;

    assert(icmp->direction <= 1 && icmp->kind < TCPSTATE_ICMP_KINDS);
    memset(report, 0, sizeof *report);
    if (!conversation->current.exists) {
        note_early(conversation, icmp);
        return false;
    }
    if (conversation->current.self)
        return false;
    incarnation_bind(&j);
    report->connection = conversation->connections - 1;
    report->sender = (uint8_t)j.sender;
    report->acceptable = TCPSTATE_CANNOT_TELL;
    for (unsigned role = 0; role < 2; role++) {
        report->end[role].before = j.connection->end[role].state;
        report->end[role].dwell_ns = -1;
    }
    quoted = place(&j, icmp->seq);
    if (quoted == QUOTED_IN_FLIGHT)
        note_quoted(&j, icmp);
    if (quoted == QUOTED_IN_FLIGHT && aborts_opening(icmp) && quotes_opening(&j, icmp))
        give_up(&j);
    for (unsigned role = 0; role < 2; role++) {
        report->end[role].state = j.connection->end[role].state;
        report->end[role].certainty = certainty_of(&j.connection->end[role]);
    }
    tell(&j, icmp, quoted);
    conversation->index++;
    return true;
}

/* ---- in words ------------------------------------------------------------------------------------------------- */

struct words {
    const char *english, *chinese;
};

static const struct words GIVEN_UP = {
    "An ICMP error tells the {sender} that its SYN, number {seq}, cannot be delivered. Opening a connection, most "
    "stacks abort on any such error, hard or soft, though RFC 1122 asks them only for hard ones[: {sender_move}]. "
    "This is assumed until the {sender} sends something on this connection again. The quoted number is the right "
    "one: whoever forged this would have to see the SYN.",
    "ICMP 差错告诉{sender}：它的 SYN（序号 {seq}）无法送达。在建立连接时，多数协议栈遇到这种差错就放弃，无论硬差错还"
    "是软差错，尽管 RFC 1122 只要求对硬差错这样做[：{sender_move}]。在{sender}再次于此连接上发送之前，这只是假定。引"
    "用的序号正确：要伪造它必须看到过 SYN。"};
static const struct words SYN_NEVER_CAME = {
    "An ICMP error tells the {sender} that its SYN, number {seq}, cannot be delivered. Opening a connection, most "
    "stacks abort on any such error, hard or soft, though RFC 1122 asks them only for hard ones[: {sender_move}]. "
    "The {receiver} had been shown in {receiver_before} on the assumption that the SYN arrived, so {receiver_state} is "
    "right. All this is assumed until something more of this connection is captured. The quoted number is the right "
    "one: whoever forged this would have to see the SYN.",
    "ICMP 差错告诉{sender}：它的 SYN（序号 {seq}）无法送达。在建立连接时，多数协议栈遇到这种差错就放弃，无论硬差错还"
    "是软差错，尽管 RFC 1122 只要求对硬差错这样做[：{sender_move}]。{receiver}此前显示为 {receiver_before}，只是假定该 "
    "SYN 已到达；因此应为 {receiver_state}。在捕获到此连接的更多报文段之前，这些都只是假定。引用的序号正确：要伪造它必"
    "须看到过 SYN。"};
static const struct words OPENING = {
    "An ICMP error quotes segment {seq} of the {sender}, which is in {sender_state}. This error is no reason to "
    "abort: the {sender} sends the segment again until it is answered or gives up. Some stacks, Linux among them, "
    "abort a connection that is being opened on it all the same. The quoted number is in flight: to forge this one "
    "must see the traffic.",
    "ICMP 差错引用了{sender}的报文段 {seq}，{sender}处于 {sender_state}。这种差错不是放弃的理由：{sender}会重传该报文"
    "段，直到得到应答或放弃。包括 Linux 在内的一些协议栈在建立连接时仍会因此放弃。引用的序号在途中：要伪造它必须看到"
    "过流量。"};
static const struct words KEPT = {
    "An ICMP error quotes segment {seq} of the {sender}, which is in {sender_state}. Most stacks keep a synchronised "
    "connection, whatever the error: they remember it, send the segment again, and tell the application only if they "
    "give up at last. No state moves. The quoted number is in flight, so this is genuine, or forged by somebody who "
    "sees or guesses the numbers.",
    "ICMP 差错引用了{sender}的报文段 {seq}，{sender}处于 {sender_state}。无论哪种差错，多数协议栈都会保留已同步的连"
    "接：记下差错、重传该报文段，最终放弃时才告诉应用程序。状态不变。引用的序号在途中，因此差错是真实的，或由能看到或"
    "猜到序号的人伪造。"};
static const struct words SMALLER = {
    "A link on the way is too small for segment {seq} of the {sender}[: it takes packets of {1} octets]. The "
    "{sender}, in {sender_state}, notes the path MTU, cuts its segments accordingly and repeats this one. No state "
    "moves. The quoted number is in flight; forged with a small MTU such an error would only make the connection "
    "slow.",
    "途中的一条链路容不下{sender}的报文段 {seq}[：它最多承载 {1} 字节的分组]。处于 {sender_state} 的{sender}记下路径 "
    "MTU，缩小报文段并重传这一个。状态不变。引用的序号在途中；伪造成很小的 MTU 只会使连接变慢。"};
static const struct words AT_REST = {
    "An ICMP error quotes segment {seq} of the {sender}, which is in {sender_state}: there is nothing left to abort, "
    "and no state moves.",
    "ICMP 差错引用了{sender}的报文段 {seq}，{sender}处于 {sender_state}：已没有可放弃的连接，状态不变。"};
static const struct words LATE = {
    "An ICMP error quotes number {seq} of the {sender}, which is no longer in flight: it comes late or was forged. "
    "The {sender}, in {sender_state}, ignores it if it checks the number. No state moves.",
    "ICMP 差错引用了{sender}的序号 {seq}，它已不在途中：差错迟到或是伪造的。处于 {sender_state} 的{sender}若检查序号"
    "就会忽略它。状态不变。"};
static const struct words SUSPECT = {
    "An ICMP error quotes number {seq}, which the {sender} was not seen to send: it can have been forged by anybody "
    "who knows addresses and ports. The {sender}, in {sender_state}, ignores it if it checks the number, as most "
    "stacks do. No state moves.",
    "ICMP 差错引用了序号 {seq}，而没有看到{sender}发送过它：任何知道地址和端口的人都可能伪造。处于 {sender_state} 的"
    "{sender}若检查序号就会忽略它，多数协议栈都这样做。状态不变。"};

static const struct words *words_for(const struct tcpstate_icmp *icmp, const struct tcpstate_report *report) {
    const struct tcpstate_end_report *end = &report->end[report->sender], *other = &report->end[1 - report->sender];
    uint8_t finding = report->finding_count > 0 ? report->findings[0].id : (uint8_t)TCPSTATE_FINDING_icmp_soft_error;

    if (finding == TCPSTATE_FINDING_icmp_suspect)
        return &SUSPECT;
    if (finding == TCPSTATE_FINDING_icmp_late)
        return &LATE;
    if (end->before != end->state)
        return other->before != other->state ? &SYN_NEVER_CAME : &GIVEN_UP;
    if (end->state == TCPSTATE_CLOSED || end->state == TCPSTATE_LISTEN)
        return &AT_REST;
    if (icmp->kind == TCPSTATE_ICMP_TOO_BIG)
        return &SMALLER;
    return end->state == TCPSTATE_SYN_SENT || end->state == TCPSTATE_SYN_RECEIVED ? &OPENING : &KEPT;
}

void tcpstate_icmp_explain(const struct tcpstate_icmp *icmp, const struct tcpstate_report *report,
                           const struct tcpstate_summary *summary, enum tcpstate_language language, char *text,
                           size_t size) {
    const struct tcpstate_segment segment = tcpstate_icmp_quoted(icmp);
    const struct explain_facts facts = {.segment = &segment,
                                        .report = report,
                                        .summary = summary,
                                        .language = language,
                                        .finding = report->finding_count > 0 ? &report->findings[0] : NULL};
    struct explain_writer writer = explain_writer(text, size);
    const struct words *words = words_for(icmp, report);

    explain_expand(&writer, language == TCPSTATE_CHINESE ? words->chinese : words->english, &facts);
}

const char *tcpstate_icmp_rfc(const struct tcpstate_report *report) {
    if (report->finding_count == 0)
        return "";
    return tcpstate_finding_info((enum tcpstate_finding_id)report->findings[0].id)->rfc;
}
