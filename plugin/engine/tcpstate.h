/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine: facts of a segment in, what an observer may conclude about both endpoints out.
 *
 * It knows RFC 9293 and nothing of Wireshark. It never allocates, does no I/O, keeps no globals and cannot fail: a
 * broken segment is a finding, a broken caller an assertion. The caller owns all memory; a zeroed struct is valid.
 *
 *   conversation   everything on one pair of (address, port), one tuple
 *   connection     one incarnation of the tuple (RFC 9293 3.4.1), numbered from 0 within the conversation
 *   segment        facts of one TCP header, as captured
 *   report         what the segment showed
 *   summary        what became of a connection so far
 */
#ifndef TCPSTATE_H
#define TCPSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evidence_end.h" /* struct tcpstate_end_facts */

enum tcpstate_state {
#define STATE(id, name, alias) TCPSTATE_##id,
#include "state.def"
#undef STATE
    TCPSTATE_STATES
};

enum tcpstate_event {
#define EVENT(id, text) TCPSTATE_EVENT_##id,
#include "event.def"
#undef EVENT
    TCPSTATE_EVENTS
};

enum tcpstate_kind { TCPSTATE_VIOLATION, TCPSTATE_ANOMALY, TCPSTATE_MILESTONE, TCPSTATE_ARTIFACT, TCPSTATE_KINDS };
enum tcpstate_severity { TCPSTATE_CHAT, TCPSTATE_NOTE, TCPSTATE_WARNING, TCPSTATE_ERROR };
/* EACH segment; ONCE per connection and sender; FINAL: once, known only when the connection or the capture ends. */
enum tcpstate_frequency { TCPSTATE_EACH, TCPSTATE_ONCE, TCPSTATE_FINAL };

enum tcpstate_finding_id {
#define FINDING(id, kind, severity, frequency, rfc, english, chinese) TCPSTATE_FINDING_##id,
#include "finding.def"
#undef FINDING
    TCPSTATE_FINDINGS
};

/* The number of each enumerator is the number of the field's value, see the names below. */
enum tcpstate_role { TCPSTATE_CLIENT, TCPSTATE_SERVER, TCPSTATE_NO_ROLE };
enum tcpstate_certainty { TCPSTATE_NOTHING_TELLS, TCPSTATE_INFERRED, TCPSTATE_ASSUMED, TCPSTATE_PROVED };
enum tcpstate_roles { TCPSTATE_ROLES_SYN, TCPSTATE_ROLES_SYN_ACK, TCPSTATE_ROLES_GUESS };
enum tcpstate_phase {
    TCPSTATE_PHASE_UNKNOWN,
    TCPSTATE_PHASE_OPENING,
    TCPSTATE_PHASE_OPEN,
    TCPSTATE_PHASE_CLOSING,
    TCPSTATE_PHASE_CLOSED,
    TCPSTATE_PHASE_RESET
};
enum tcpstate_vantage {
    TCPSTATE_VANTAGE_UNKNOWN,
    TCPSTATE_VANTAGE_CLIENT_SIDE,
    TCPSTATE_VANTAGE_MIDDLE,
    TCPSTATE_VANTAGE_SERVER_SIDE
};
/* Who opened or closed. NOBODY: not (yet) decided, the field is absent. */
enum tcpstate_party { TCPSTATE_NOBODY, TCPSTATE_BY_CLIENT, TCPSTATE_BY_SERVER, TCPSTATE_BY_BOTH };
enum { TCPSTATE_DEFAULT_MSS = 536 }; /* of who has not sent the option: RFC 9293 3.7.1 MUST-15, for IPv4 */

enum tcpstate_close_kind {
    TCPSTATE_CLOSE_UNDECIDED,
    TCPSTATE_CLOSE_FOUR_WAY,
    TCPSTATE_CLOSE_THREE_SEGMENT,
    TCPSTATE_CLOSE_SIMULTANEOUS,
    TCPSTATE_CLOSE_FIN_RESET,
    TCPSTATE_CLOSE_RESET
};
enum tcpstate_outcome {
    TCPSTATE_OUTCOME_UNKNOWN,
    TCPSTATE_OUTCOME_REFUSED,
    TCPSTATE_OUTCOME_UNANSWERED,
    TCPSTATE_OUTCOME_RESET,
    TCPSTATE_OUTCOME_CLOSED,
    TCPSTATE_OUTCOME_CLOSING,
    TCPSTATE_OUTCOME_HALF_CLOSED,
    TCPSTATE_OUTCOME_ESTABLISHED,
    TCPSTATE_OUTCOME_INCOMPLETE
};
/* Steps as a textbook numbers them; `step_again` marks a repetition. */
enum tcpstate_step {
    TCPSTATE_STEP_NONE,
    TCPSTATE_STEP_HANDSHAKE_1, /* handshake 1/3: first SYN */
    TCPSTATE_STEP_HANDSHAKE_2, /* handshake 2/3: SYN,ACK */
    TCPSTATE_STEP_HANDSHAKE_3, /* handshake 3/3: the segment that completes it */
    TCPSTATE_STEP_SIM_OPEN_2,  /* simultaneous open 2/4: second SYN */
    TCPSTATE_STEP_SIM_OPEN_3,  /* simultaneous open 3/4: first SYN,ACK */
    TCPSTATE_STEP_SIM_OPEN_4,  /* simultaneous open 4/4: second SYN,ACK */
    TCPSTATE_STEP_CLOSE_1,     /* close 1/4: first FIN */
    TCPSTATE_STEP_CLOSE_2,     /* close 2/4: first ACK of it */
    TCPSTATE_STEP_CLOSE_2_3,   /* close 2+3/4: second FIN that is also the first ACK */
    TCPSTATE_STEP_CLOSE_3,     /* close 3/4: second FIN */
    TCPSTATE_STEP_CLOSE_4,     /* close 4/4: first ACK of that */
    TCPSTATE_STEP_SIM_CLOSE_2, /* simultaneous close 2/4: second FIN */
    TCPSTATE_STEP_SIM_CLOSE_3, /* simultaneous close 3/4: an ACK */
    TCPSTATE_STEP_SIM_CLOSE_4, /* simultaneous close 4/4: the other ACK */
    TCPSTATE_STEPS
};
enum tcpstate_answer { TCPSTATE_YES, TCPSTATE_SURELY_NOT, TCPSTATE_CANNOT_TELL };
enum tcpstate_language { TCPSTATE_ENGLISH, TCPSTATE_CHINESE };

/* ---- facts of one segment ------------------------------------------------------------------------------------- */

enum { /* flags, as in the header (RFC 9293 3.1) */
       TCPSTATE_FIN = 0x001,
       TCPSTATE_SYN = 0x002,
       TCPSTATE_RST = 0x004,
       TCPSTATE_PSH = 0x008,
       TCPSTATE_ACK = 0x010,
       TCPSTATE_URG = 0x020,
       TCPSTATE_ECE = 0x040,
       TCPSTATE_CWR = 0x080,
       TCPSTATE_AE = 0x100
};
enum { /* options, `options` of a segment */
       TCPSTATE_OPT_MSS = 0x01,
       TCPSTATE_OPT_WINDOW_SCALE = 0x02,
       TCPSTATE_OPT_SACK_PERMITTED = 0x04,
       TCPSTATE_OPT_SACK = 0x08,
       TCPSTATE_OPT_TIMESTAMPS = 0x10,
       TCPSTATE_OPT_FAST_OPEN = 0x20,        /* kind 34, or 254 with magic F989 */
       TCPSTATE_OPT_FAST_OPEN_COOKIE = 0x40, /* ... with a cookie in it */
       TCPSTATE_OPT_MD5 = 0x80               /* kind 19 */
};
enum {                                   /* `traits` of a segment */
       TCPSTATE_CHECKSUM_BAD = 0x01,     /* Wireshark verified it and found it bad */
       TCPSTATE_HAS_IP_ID = 0x02,        /* IPv4: `ip_id` is meant */
       TCPSTATE_HAS_TTL = 0x04,          /* `ttl` is meant (TTL or hop limit) */
       TCPSTATE_TRUNCATED_HEADER = 0x08, /* the captured octets end inside the TCP header: options may be missing */
       TCPSTATE_LENGTH_UNKNOWN = 0x10,   /* `length` is not known (0) */
       TCPSTATE_BROADCAST = 0x20,        /* source or destination is a broadcast or multicast address */
       TCPSTATE_SELF = 0x40,             /* source and destination, address and port, are equal */
       TCPSTATE_SEEN_AGAIN = 0x80        /* of the engine alone: captured before, one router nearer to its sender */
};

struct tcpstate_sack {
    uint32_t left, right; /* right is the number after the last octet */
};

/* All numbers in host order, nothing points anywhere. Order matters: the part before `sack` plus `sack_count` blocks is
 * the whole of it, so a caller may store just that (tcpstate_segment_size()). */
struct tcpstate_segment {
    int64_t time_ns;        /* capture time since any fixed epoch, above 0; 0: not known */
    uint32_t frame;         /* number of the captured frame, from 1 */
    uint32_t seq, ack;      /* as on the wire */
    uint32_t length;        /* octets of data, by the lengths of the headers, captured or not */
    uint32_t tsval, tsecr;  /* with TCPSTATE_OPT_TIMESTAMPS */
    uint32_t header_digest; /* a hash of the whole TCP header with options, to recognise copies */
    uint16_t flags;
    uint16_t window; /* unscaled, as on the wire */
    uint16_t urgent_pointer;
    uint16_t ip_id;
    uint16_t mss;
    uint16_t sender_port, receiver_port;
    uint8_t direction; /* 0: sent by the first end of the tuple, 1: by the second */
    uint8_t ordinal;   /* n-th TCP header of the frame, from 0 */
    uint8_t ttl;
    uint8_t window_shift; /* with TCPSTATE_OPT_WINDOW_SCALE */
    uint8_t options, traits;
    uint8_t sack_count;           /* 0 to 4 */
    uint8_t place;                /* where it was captured: alike for the same VLAN and interface */
    struct tcpstate_sack sack[4]; /* in the order of the option, RFC 2018 4 */
};

/* Octets of `segment` that matter: up to the last SACK block. */
size_t tcpstate_segment_size(const struct tcpstate_segment *segment);

/* ---- what a segment showed ------------------------------------------------------------------------------------ */

struct tcpstate_end_report {
    uint8_t before, state; /* enum tcpstate_state */
    uint8_t certainty;     /* enum tcpstate_certainty, of `state` */
    bool taken_back;       /* the move from `before` to `state` takes an assumption back */
    uint8_t event_count;
    uint8_t events[5]; /* enum tcpstate_event, in the order in which they moved (or could have moved) the endpoint */
    int64_t dwell_ns;  /* time spent in `before`, when left here and its entry was captured; else -1 */
};

enum { TCPSTATE_VIA = 3 };
struct tcpstate_finding {
    uint8_t id;                       /* enum tcpstate_finding_id */
    bool weak;                        /* lowered one step: the evidence is weak */
    uint32_t cause_frame;             /* the segment at fault or answered, 0 if none or this one; where a story began */
    uint32_t value[2];                /* numbers for the text: {1}, {2} in finding.def */
    uint32_t via_frame[TCPSTATE_VIA]; /* what followed the cause in a story, in order: {via1}... in finding.def */
};

enum { TCPSTATE_REPORT_FINDINGS = 12 };

struct tcpstate_report {
    uint32_t connection;     /* number within the conversation, from 0 */
    bool started_connection; /* this segment opened it: the summary of the one before is in `previous_summary` */
    bool uncertain;          /* tcpstate.uncertain */
    bool step_again;
    bool was_in_flight;   /* the sender is shown as it was when it sent this: it had not yet seen what we had */
    bool was_counted;     /* an ACK of its sender that was captured before has counted this FIN */
    bool tells_of_unseen; /* its sender has perhaps taken something that was not captured */
    uint8_t sender;       /* enum tcpstate_role; NO_ROLE: connection of an endpoint with itself */
    uint8_t step;         /* enum tcpstate_step */
    uint8_t phase;
    uint8_t acceptable;                /* enum tcpstate_answer: RFC 9293 3.10.7.4 first, for the receiver */
    struct tcpstate_end_report end[2]; /* by enum tcpstate_role */
    uint8_t finding_count;
    struct tcpstate_finding findings[TCPSTATE_REPORT_FINDINGS];
    /* what is known so far, as the first pass shows it */
    uint8_t outcome, closed_by, opened_by, close_kind, vantage, conn_state;
    uint16_t history_length;  /* letters of summary.history that are known at this segment */
    bool completes_handshake; /* show the handshake times here */
    bool completes_close;     /* show the close time here */
    bool shows_server_time;   /* show handshake.server_time here */
};

/* ---- what became of a connection ------------------------------------------------------------------------------ */

enum { TCPSTATE_HISTORY = 64 };
enum tcpstate_conn_state { /* Zeek's conn_state */
                           TCPSTATE_CONN_S0,
                           TCPSTATE_CONN_S1,
                           TCPSTATE_CONN_SF,
                           TCPSTATE_CONN_REJ,
                           TCPSTATE_CONN_S2,
                           TCPSTATE_CONN_S3,
                           TCPSTATE_CONN_RSTO,
                           TCPSTATE_CONN_RSTR,
                           TCPSTATE_CONN_RSTOS0,
                           TCPSTATE_CONN_RSTRH,
                           TCPSTATE_CONN_SH,
                           TCPSTATE_CONN_SHR,
                           TCPSTATE_CONN_OTH,
                           TCPSTATE_CONN_STATES
};

enum { TCPSTATE_NUMBERS = 4 };
/* Sequence numbers that were believed, the newest last: each from its frame on. Of more than fit, the last is replaced. */
struct tcpstate_numbers {
    uint8_t count;
    struct {
        uint32_t frame, number;
    } at[TCPSTATE_NUMBERS];
};

/* Frame numbers are 0 and times -1 where there is none. Arrays of two are by enum tcpstate_role. */
struct tcpstate_summary {
    struct tcpstate_numbers isns[2]; /* see tcpstate_isn() */
    bool iss_inferred[2];            /* the newest is not from a captured SYN */
    uint8_t roles, client_direction; /* enum tcpstate_roles; `direction` of the client's segments */
    uint8_t outcome, opened_by, closed_by, close_kind, vantage, conn_state;
    uint16_t history_length;
    char history[TCPSTATE_HISTORY];
    uint32_t first_frame, last_frame, syn_frame, synack_frame, handshake_ack_frame, fin_frame[2];
    /* the first accepted RST; from rst_void_frame on another one is known to be: see tcpstate_rst_frame() */
    uint32_t rst_frame, rst_void_frame, rst_next_frame;
    struct tcpstate_numbers fins[2]; /* captured; those before the last were not sent after all: see tcpstate_fin() */
    bool fin_inferred[2];
    uint32_t segments[2];
    uint64_t octets[2]; /* data octets sent, without repetitions */
    uint32_t violations;
    int64_t first_ns, last_ns, last_sent_ns[2], syn_ns, last_syn_ns, synack_ns, handshake_ns, first_fin_ns, closed_ns;
    int64_t handshake_time_ns, handshake_server_ns, handshake_client_ns, close_time_ns; /* -1: none */
    struct tcpstate_end_facts end_facts;                                                /* findings_final.c */
};

/* ---- the engine ----------------------------------------------------------------------------------------------- */

struct tcpstate_settings {
    int64_t msl_ns;            /* half of the time that TIME-WAIT lasts */
    bool ignore_bad_checksums; /* a segment whose checksum is bad moves no state */
};

#include "conversation.h" /* struct tcpstate_conversation: caller-owned, to be treated as opaque */

/* Judges the next captured segment of a conversation. Segments come in capture order; `conversation` was zeroed before
 * the first. `report` is overwritten. */
void tcpstate_segment(struct tcpstate_conversation *conversation, const struct tcpstate_settings *settings,
                      const struct tcpstate_segment *segment, struct tcpstate_report *report);

/* ---- ICMP errors (icmp.c) ---- */

enum tcpstate_icmp_kind {
    TCPSTATE_ICMP_HARD,    /* destination unreachable for good: protocol, port, unknown, prohibited */
    TCPSTATE_ICMP_SOFT,    /* for the time being: network or host unreachable, time exceeded, parameter problem */
    TCPSTATE_ICMP_TOO_BIG, /* the next link takes no more than `mtu` octets */
    TCPSTATE_ICMP_KINDS
};

/* Facts of an error and of the TCP header that it quotes, in host order. The error itself is no segment: it was sent by
 * somebody on the way or at the end, and only says what became of the quoted one. */
struct tcpstate_icmp {
    int64_t time_ns;
    uint32_t frame;
    uint32_t seq;   /* of the quoted header */
    uint32_t mtu;   /* with TCPSTATE_ICMP_TOO_BIG, 0: it does not say */
    uint32_t size;  /* octets of the quoted TCP header and its data, by the quoted IP header; 0: it does not say */
    uint16_t flags; /* of the quoted header, with `has_flags` */
    uint16_t sender_port, receiver_port;
    uint8_t direction; /* of the quoted header: whose segment it was, and who is told */
    uint8_t kind;      /* enum tcpstate_icmp_kind */
    uint8_t type, code;
    uint8_t header_length; /* of the quoted header, with `has_flags` */
    bool has_flags;        /* 14 octets at least were quoted; 8 reach to the end of `seq` */
    bool is_destination_unreachable;
};

/* What an error says to the connection of the segment that it quotes, if the conversation has one (else false: it is only
 * remembered, should a connection begin). Errors come in capture order with the segments, also when hindsight judges them
 * again. In the report the quoted segment's sender is the sender; there is no step, and only endpoints, findings and
 * `uncertain` are meant. */
bool tcpstate_icmp_error(struct tcpstate_conversation *conversation, const struct tcpstate_settings *settings,
                         const struct tcpstate_icmp *icmp, struct tcpstate_report *report);
/* Has one that came before all segments ended what the first of them opens? */
bool tcpstate_error_ended_opening(const struct tcpstate_conversation *conversation);
/* What is known of the quoted segment, for the texts and wherever one is asked for. */
struct tcpstate_segment tcpstate_icmp_quoted(const struct tcpstate_icmp *icmp);
/* What TCP does with the error in this state, and whether it can have been forged. */
void tcpstate_icmp_explain(const struct tcpstate_icmp *icmp, const struct tcpstate_report *report,
                           const struct tcpstate_summary *summary, enum tcpstate_language language, char *text,
                           size_t size);
/* Where the rule stands. */
const char *tcpstate_icmp_rfc(const struct tcpstate_report *report);

/* Summary of the newest connection, and of the one before it, valid when a report says started_connection and its
 * number is above 0. */
const struct tcpstate_summary *tcpstate_summary(const struct tcpstate_conversation *conversation);
/* The ISN of `role` that is known at `frame`, UINT32_MAX: in the end. False: none. */
bool tcpstate_isn(const struct tcpstate_summary *summary, enum tcpstate_role role, uint32_t frame, uint32_t *isn);
/* The accepted RST that is known at `frame`, 0 if none. */
uint32_t tcpstate_rst_frame(const struct tcpstate_summary *summary, uint32_t frame);
/* The FIN of `role` that is known at `frame`: its frame, 0 if none, and its number. */
uint32_t tcpstate_fin(const struct tcpstate_summary *summary, enum tcpstate_role role, uint32_t frame, uint32_t *fin);
const struct tcpstate_summary *tcpstate_previous_summary(const struct tcpstate_conversation *conversation);

/* The findings that only the end can tell (TCPSTATE_FINAL), of a connection whose capture ended at `end_ns` (when the
 * connection was replaced by a new one: the time of that). Each belongs to the frame in `frame`. Returns how many were
 * written to `findings`, at most TCPSTATE_FINAL_FINDINGS. */
enum { TCPSTATE_FINAL_FINDINGS = 12 };
struct tcpstate_final_finding {
    uint32_t frame;
    struct tcpstate_finding finding;
};
unsigned tcpstate_final_findings(const struct tcpstate_summary *summary, int64_t end_ns,
                                 struct tcpstate_final_finding findings[TCPSTATE_FINAL_FINDINGS]);

/* Hindsight. After the last segment: does the whole capture of this conversation contradict an assumption that was made
 * on the way? If so, the caller zeroes another conversation, calls tcpstate_obey(new, old) and gives it all segments
 * again, up to TCPSTATE_RERUNS times, until tcpstate_has_new_verdicts() is false. The states of the last run are the
 * settled ones. */
enum { TCPSTATE_RERUNS = 8 };
bool tcpstate_has_new_verdicts(const struct tcpstate_conversation *conversation);
void tcpstate_obey(struct tcpstate_conversation *rerun, const struct tcpstate_conversation *earlier);
/* What contradicts the first pass at `frame`, where its states settle otherwise: the later frame that gave the newest
 * verdict on a segment up to there, or else the next verdict, or else `frame` itself. */
uint32_t tcpstate_contradicted_in(const struct tcpstate_conversation *conversation, uint32_t frame);

/* The likeliest course of a conversation (course.c): who sent each segment, and what it did if it arrived, so that all
 * of the capture is explained best. It costs more than a rerun, so it is meant for conversations in which a report was
 * doubtful. Of one direction alone it tells only where somebody else spoke: the verdicts know a lone octet better. */
enum { TCPSTATE_COURSE_SEGMENTS = 5000 }; /* of a longer conversation nothing is told */
#define TCPSTATE_COURSE_LAST UINT32_MAX   /* nothing follows */
struct tcpstate_course_row {
    uint8_t sender, receiver; /* enum tcpstate_state */
    bool genuine;             /* its nominal sender sent it, not somebody else */
    bool arrived;             /* and was read, if only to be dropped */
    bool told;                /* the receiver's part */
    bool moves;               /* its arrival moves its receiver */
    /* it came later than it should have, moved nothing, and found its receiver in `receiver`: the state when it was due */
    bool was_late;
    uint8_t receiver_when_due;
    bool earlier; /* a copy, or overtaken: `sender` is what it was then */
    /* What follows in time on the sending [0] and on the arrival [1] of this segment: 2 * index of the segment that is
     * sent, + 1 of one that arrives; TCPSTATE_COURSE_LAST: nothing. The first to be sent is segment 0. */
    uint32_t next[2];
    /* index of the segment that showed it, the last one if only the end did */
    uint32_t sender_decided, receiver_decided;
};
/* May a later segment show that this report was wrong? */
bool tcpstate_is_doubtful(const struct tcpstate_report *report);
/* Octets of workspace for so many segments. */
size_t tcpstate_course_size(uint32_t count);
/* What is known of a segment before the course is sought, or supposed: enum tcpstate_state, TCPSTATE_STATES if nothing.
 * Sought is then the likeliest course in which the ends were in the supposed states there (CLOSED is LISTEN too). It is
 * told if it is no rarer, against the likeliest of all, than one forged segment more; else the supposition is dropped. */
struct tcpstate_course_premise {
    uint8_t proved; /* of the sender, by the report of the segment */
    uint8_t supposed_sender, supposed_receiver;
};
/* All segments of a conversation in capture order; `premises` has `count`, or is NULL. `workspace` is aligned as for
 * malloc and has `size` octets, at least tcpstate_course_size(count); `rows` has `count`. False: nothing is told. */
bool tcpstate_course(const struct tcpstate_settings *settings, const struct tcpstate_segment *segments,
                     const struct tcpstate_course_premise *premises, uint32_t count, void *workspace, size_t size,
                     struct tcpstate_course_row *rows);
/* The states of a row by role, where a report has `shown` others; `sender` is that of the report. Returns the index of
 * the segment that shows the difference, no later than the row's own if those before tell already; UINT32_MAX: none. */
uint32_t tcpstate_course_states(const struct tcpstate_course_row *row, enum tcpstate_role sender,
                                const uint8_t shown[2], uint8_t settled[2]);
/* What became of one connection as its course tells it: `count` segments of the conversation from `first` on. Overwrites
 * in `summary`, which the last rerun has found, the outcome, who closed it and how, and what tcpstate_final_findings()
 * reads. `rows` and `segments` are those of the whole conversation: an end may stay in a connection while the other has a
 * new one already. */
void tcpstate_course_outcome(const struct tcpstate_course_row *rows, const struct tcpstate_segment *segments,
                             uint32_t first, uint32_t count, struct tcpstate_summary *summary);

/* ---- names and texts ------------------------------------------------------------------------------------------ */

struct tcpstate_finding_info {
    const char *id; /* the last part of the filter name */
    enum tcpstate_kind kind;
    enum tcpstate_severity severity;
    enum tcpstate_frequency frequency;
    const char *rfc, *english, *chinese;
};
const struct tcpstate_finding_info *tcpstate_finding_info(enum tcpstate_finding_id id);
enum tcpstate_severity tcpstate_weak_severity(enum tcpstate_finding_id id); /* one step lower; NOTE and CHAT stay */

const char *tcpstate_state_name(enum tcpstate_state state);
const char *tcpstate_event_name(enum tcpstate_event event);
const char *tcpstate_role_name(enum tcpstate_role role);
const char *tcpstate_certainty_name(enum tcpstate_certainty certainty);
const char *tcpstate_roles_name(enum tcpstate_roles roles);
const char *tcpstate_phase_name(enum tcpstate_phase phase);
const char *tcpstate_vantage_name(enum tcpstate_vantage vantage);
const char *tcpstate_party_name(enum tcpstate_party party);
const char *tcpstate_close_kind_name(enum tcpstate_close_kind kind);
const char *tcpstate_outcome_name(enum tcpstate_outcome outcome);
const char *tcpstate_conn_state_name(enum tcpstate_conn_state state);
const char *tcpstate_kind_name(enum tcpstate_kind kind);
const char *tcpstate_step_name(enum tcpstate_step step); /* "" for NONE */

/* One or two sentences on what the segment did, with its own numbers, for a student. Always terminated, cut at `size`
 * at a character. explain.c. */
void tcpstate_explain(const struct tcpstate_segment *segment, const struct tcpstate_report *report,
                      const struct tcpstate_summary *summary, enum tcpstate_language language, char *text, size_t size);
/* Where the rule of the segment's most notable event stands: "RFC 9293 3.10.7.4"; "" if there is nothing to say. */
const char *tcpstate_rfc(const struct tcpstate_report *report);
/* The text of a finding with the numbers of its segment. */
void tcpstate_finding_text(const struct tcpstate_finding *finding, const struct tcpstate_segment *segment,
                           const struct tcpstate_report *report, const struct tcpstate_summary *summary,
                           enum tcpstate_language language, char *text, size_t size);

#endif
