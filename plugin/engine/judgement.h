/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to the engine: what is known while one segment is being judged, and what the modules offer each other.
 *
 *   connection.c      the order of work; the only writer of endpoint states
 *   incarnation.c     which connection a segment belongs to
 *   capture.c         copies, checksums, clocks: what the capture did
 *   acceptability.c   sequence, window, ACK, RST and timestamp checks; what a receiver must have
 *   midstream.c       captures that start in the middle: which numbers are right
 *   knowledge.c       what x's acknowledgements say about what has reached it
 *   unseen.c          the end that was not captured, by the words of the other
 *   sender.c          what a transmission proves about its sender
 *   sender_open.c     ... when it opens a connection: SYN, SYN,ACK, the end of the handshake
 *   sender_fin.c      ... when it is a FIN, and what is sent before and after one
 *   sender_reset.c    ... when it is a RST, and when its sender was believed closed
 *   receiver.c        what a delivery does to its receiver
 *   summary.c         steps, outcome, times, history
 *   zeek.c            conn_state and history in the words of Zeek
 *   hindsight.c       verdicts on earlier segments
 *   course*.c         the likeliest course of a whole conversation: course.h
 *   icmp.c            ICMP errors that quote a segment
 *   findings.c        everything else that is worth telling; findings_*.c: one file for each group of finding.def
 */
#ifndef TCPSTATE_JUDGEMENT_H
#define TCPSTATE_JUDGEMENT_H

#include "seq.h"
#include "tcpstate.h"

enum {
    NUMBERS_FAR = 1 << 24,     /* sequence numbers this far apart are of different incarnations */
    FEW_NUMBERS = 1 << 16,     /* an ISN is hardly as near to those of another connection by chance: RFC 9293 3.4.1 */
    REORDERED_NS = 10000000,   /* by so much segments of one end overtake each other */
    REPETITION_NS = 200000000, /* stacks wait this long before they repeat data unasked, RFC 6298 2.4 asks for more */
    KEEP_ALIVE_IDLE_NS = 900000000 /* ... and at least a second before a keep-alive */
};

static inline bool numbers_near(uint32_t a, uint32_t b) {
    int32_t distance = seq_distance(a, b);
    return distance < NUMBERS_FAR && distance > -NUMBERS_FAR;
}

/* x sent the segment, y is to receive it. */
struct judgement {
    struct tcpstate_conversation *conversation;
    const struct tcpstate_settings *settings;
    const struct tcpstate_segment *segment;
    struct tcpstate_report *report;
    struct tcpstate_connection *connection;
    struct tcpstate_endpoint *x, *y;
    struct tcpstate_path *x_path, *y_path;
    enum tcpstate_role sender, receiver;
    uint32_t index;        /* of the segment within the conversation */
    uint32_t end;          /* SEG.SEQ + SEG.LEN, SYN and FIN counted */
    int64_t emitted_ns;    /* no later than this the sender sent it */
    int64_t challenged_ns; /* it answers a RST captured then that did not have the expected number */
    int64_t tolerance_ns;  /* what was captured this long before may not have reached the sender */
    bool syn, ack, fin, rst;
    bool ordinary; /* neither SYN nor RST */
    bool pure_ack; /* ordinary, ACK, no data, no FIN */
    bool copy;     /* a duplicate of the capture: it says nothing new about its sender */
    bool bad_checksum;
    bool stale;            /* older than something already captured of x */
    bool overtaken_by_fin; /* text that x has sent before its FIN */
    bool fin_believed;     /* a FIN of x that was doubted is its own */
    bool candidate;        /* a SYN that may open another connection, or was sent by nobody */
    bool candidate_again;  /* ... for the second time */
    bool numberless;       /* its numbers are not those of x, whoever sent it */
    bool alien;            /* its nominal sender did not send it: it says nothing about x */
    bool ack_unsent;       /* acknowledges what y was never seen to send: x cannot know that */
    bool ack_refused;      /* ... nor did y send it: y drops the segment */
    bool first_fin, fin_again, synack_again, syn_again, covers_fin_first;
    bool handshake_done; /* this segment established y, or both */
    bool fin_ack_first;  /* this segment is the first to acknowledge y's FIN */
    bool rst_accepted, rst_reply, rst_too_low, rst_challenged, rst_outside;
    bool bears_out_abort; /* text up to the number of a RST of x that was doubted */
    bool rst_was_taken;   /* x shows by its RST that it had taken one that it seemed to ignore */
    bool half_open_reset; /* a RST of SYN-SENT that answers a challenge ACK */
    bool refuses_syn;     /* a RST,ACK of CLOSED that answers a SYN: nothing that was not captured tells that state */
    bool bridged;         /* an unseen segment was inferred */
    bool echoes_seen_fin; /* it counts a FIN of y that nobody thought taken, and echoes its timestamp */
    bool fin_not_received, last_ack_lost, revived;
    uint8_t receiver_had; /* y's state before */
    /* what the sender is shown as, where that differs from what is believed now */
    int64_t newest_acked_ns;  /* capture time of the newest octet of y that this segment is the first to acknowledge */
    int64_t newest_sacked_ns; /* ... the first to report in its first SACK block, the newest arrival: RFC 2018 4 */
    bool has_shown;
    uint8_t shown, shown_before;
    bool proves; /* the transmission proves the state shown */
    enum tcpstate_answer acceptable;
};

/* connection.c */
void engine_move(struct judgement *j, enum tcpstate_role role, enum tcpstate_event event,
                 enum tcpstate_certainty certainty);
enum tcpstate_state engine_peek(enum tcpstate_event event, enum tcpstate_state state);
void engine_restore(struct judgement *j, enum tcpstate_role role, enum tcpstate_state state,
                    enum tcpstate_certainty certainty);
/* Shows the sender in `state` for this segment only: what it had not yet seen when it sent it. */
void engine_show(struct judgement *j, enum tcpstate_state state);
bool engine_has_event(const struct tcpstate_end_report *end, enum tcpstate_event event);

/* incarnation.c */
enum incarnation {
    INCARNATION_CURRENT,
    INCARNATION_NEW,
    INCARNATION_NEW_OF_CANDIDATE,
    INCARNATION_CANDIDATE,
    INCARNATION_PREVIOUS
};
enum incarnation incarnation_of(struct judgement *j);
void incarnation_open(struct judgement *j, enum incarnation how);
void incarnation_note_candidate(struct judgement *j);
void incarnation_bind(struct judgement *j);
/* With other options or another TTL than x's own stack has put into its SYN or SYN,ACK. */
bool incarnation_syn_is_unlike(const struct tcpstate_endpoint *x, const struct tcpstate_segment *s);
/* Has it the numbers that x was to use next, and to expect, in the connection before? */
bool incarnation_goes_on_before(const struct judgement *j);
/* An ACK with the numbers with which x ended the connection before: it is in TIME-WAIT still (RFC 9293 3.10.7.4). */
bool incarnation_is_still_waiting(const struct judgement *j);
/* A RST that y took in the TIME-WAIT of the connection before: it ends that, not this one (RFC 9293 3.10.7.4 second). */
bool incarnation_reset_before(const struct judgement *j);

/* capture.c */
bool capture_is_copy(struct judgement *j, uint8_t *shown_state, uint8_t *shown_certainty);
void capture_remember(struct judgement *j, uint8_t shown_state, uint8_t shown_certainty);
/* Identifications of IPv4, where x counts them: was this sent after the segment with that one? False if nothing tells. */
void capture_note_ip_id(struct judgement *j);
bool capture_was_overtaken(const struct judgement *j); /* ... before the newest so far of x */
bool capture_was_sent_after(const struct judgement *j, uint16_t ip_id);
bool capture_checksum_is_bad(struct judgement *j);
int64_t capture_lag_ns(const struct judgement *j);
bool capture_clock_jumps(const struct judgement *j);
bool capture_clock_leaves_echo(const struct judgement *j);
void capture_note_echo(struct judgement *j);
bool capture_clock_came_back_to_echo(const struct judgement *j);
bool capture_clock_came_back(const struct judgement *j);
bool capture_is_alien(struct judgement *j);
bool capture_timestamps_agreed(const struct judgement *j);
void capture_read_clocks(struct judgement *j);            /* after `alien` was decided */
int64_t capture_leg_ns(const struct tcpstate_path *path); /* -1: no sample */
/* It is captured sooner after `time_ns` than x has ever answered: it was under way then. False if nothing tells. */
bool capture_cannot_answer(const struct judgement *j, int64_t time_ns);
void capture_add_leg(struct tcpstate_path *path, int64_t sample_ns);
void capture_new_incarnation(struct tcpstate_path *path);

/* acceptability.c */
enum tcpstate_answer acceptable_segment(const struct judgement *j);
bool acceptable_by_timestamp(const struct judgement *j);
bool acceptable_rst(struct judgement *j);
bool acceptable_old_ack(const struct judgement *j);
bool answers_without_connection(const struct judgement *j);
/* It is nowhere near the numbers of x, by its own or its peer's word, and no stack without a connection makes such a one. */
bool rst_is_elsewhere(const struct judgement *j);
bool plausible_rst(const struct judgement *j);
void ranges_add(struct tcpstate_endpoint *x, uint32_t left, uint32_t right, const struct judgement *j);
void ranges_add_unseen(struct tcpstate_endpoint *x, uint32_t left, uint32_t right, int64_t time_ns);
void ranges_drop_acknowledged(struct tcpstate_endpoint *x, uint32_t acked);
/* RCV.NXT of `receiver` if every range of `sender` that is not lost arrived; `*fin`: what it reached is a FIN. */
uint32_t ranges_reach(const struct tcpstate_endpoint *sender, const struct tcpstate_endpoint *receiver, bool *fin);
uint32_t unscaled_window(const struct judgement *j, bool *known);

/* knowledge.c */
void knowledge_rebase(struct judgement *j);
void knowledge_of_peer_fin(struct judgement *j);
void knowledge_deny_inferred_fin(struct judgement *j);
/* x acknowledges up to the end of text that was captured, though it did not seem to be y's; and no FIN of that number was. */
bool knowledge_took_doubted_text(const struct judgement *j);
void knowledge_of_unseen_fin(struct judgement *j);
void knowledge_note_fin_ack(struct judgement *j);
bool knowledge_echoes_fin_ack(const struct judgement *j);

/* Does x acknowledge one octet of y more than `acked`, and echo what is older than that octet as it was captured? Then x
 * has taken it from another segment, for what is next in line is echoed: RFC 7323 4.3. Without timestamps: would it be by
 * far the quickest answer of x? */
bool knowledge_takes_octet_of_other(const struct judgement *j, uint32_t acked);
void knowledge_of_maybe_fin(struct judgement *j, struct tcpstate_endpoint *end, enum tcpstate_role role);
/* The FIN of `end` was never sent by it: back to where it was. */
void knowledge_forget_fin(struct judgement *j, struct tcpstate_endpoint *end, enum tcpstate_role role,
                          enum tcpstate_certainty certainty);

/* midstream.c */
bool midstream_numbers_known(const struct judgement *j, const struct tcpstate_endpoint *end);
bool midstream_start_is_false(struct judgement *j);
void midstream_note(struct judgement *j);

/* unseen.c */
bool unseen_synack_is_sure(struct judgement *j);
bool unseen_ack_is_impossible(const struct judgement *j);
void unseen_ack_was_false(struct judgement *j);
void unseen_handshake(struct judgement *j);
void unseen_fin(struct judgement *j);
void unseen_read_lag(struct judgement *j);
void unseen_refused_fin(struct judgement *j);
void unseen_rst(struct judgement *j);
bool unseen_fin_was_octet(struct judgement *j);
void unseen_last_words(struct judgement *j);

/* Was the segment sent so late that what was captured at `time_ns` must have reached its sender? */
static inline bool engine_later_than(const struct judgement *j, int64_t time_ns) {
    return j->emitted_ns > time_ns + j->tolerance_ns;
}

/* sender_fin.c */
void sender_judge_fin(struct judgement *j);
/* What lies beyond this FIN lies beyond a hole as well, while the FIN is what comes next of all that y has: so x ends there,
 * and that text is more likely somebody else's than the FIN. */
bool sender_comes_next_before_hole(const struct judgement *j);
/* Its number is where x's last word ended, by x's clock: what lies beyond was not x's. */
bool sender_goes_on_from_last_word(const struct judgement *j);
/* The FIN lies further ahead of what was captured than any sender goes without an ACK. */
bool sender_fin_is_beyond_flight(const struct judgement *j);
/* What was taken for the FIN of x, which was not captured, was an octet. */
void sender_fin_was_octet(struct judgement *j);
/* x goes on as if it had sent no FIN: with text or ACKs; or, without timestamps, by filling the hole before it in order. */
bool sender_goes_on_after_fin(const struct judgement *j);
bool sender_fin_fills_hole_in_order(struct judgement *j);
bool sender_fin_ends_text_in_hole(const struct judgement *j);
/* ... or with text far behind it, and more that follows on that. */
bool sender_sends_on_beyond_fin(struct judgement *j);
/* What x says of the hole before y's FIN, and whether x repeats what lies before that of its own. */
void sender_notes_hole(struct judgement *j);
/* The number of a pure ACK is the edge of y's window, which lies below SND.NXT. */
bool sender_is_at_shrunken_edge(const struct judgement *j);
/* This segment has the FIN of its sender, which was in `before` until then. */
void sender_note_fin(struct judgement *j, enum tcpstate_state before);
/* x counts a FIN of its that was doubted: it is believed. Or it had sent none before a RST: it is forgotten. */
void sender_believe_fin(struct judgement *j, bool another_denied);
void sender_forget_fin_before_end(struct judgement *j);
/* The segment was sent before the FIN of x that was captured before it. */
bool sender_was_overtaken_by_fin(const struct judgement *j);
bool sender_was_before_own_fin(const struct judgement *j);
bool sender_is_older_than_counted_fin(const struct judgement *j);
void sender_show_before_own_fin(struct judgement *j);

/* sender.c, sender_open.c, sender_reset.c, receiver.c */
void sender_judge(struct judgement *j);
void sender_judge_syn(struct judgement *j);
void sender_judge_synack(struct judgement *j);
void sender_believe_syn(struct judgement *j);
void sender_deny_syn(struct judgement *j);
void sender_show_previous(struct judgement *j);
void sender_choose_synack(struct judgement *j);
void sender_judge_handshake(struct judgement *j);
bool sender_judge_older_connection(struct judgement *j); /* true: nothing more can be told */
void sender_judge_rst(struct judgement *j);
bool sender_revive(struct judgement *j); /* true: x, believed CLOSED, goes on as if it had never been */
void receiver_judge(struct judgement *j);

/* hindsight.c */
bool hindsight_says(const struct judgement *j, uint32_t index, enum tcpstate_verdict_kind kind);
void hindsight_note(struct judgement *j, uint32_t index, uint32_t frame, enum tcpstate_verdict_kind kind);
void hindsight_note_established(struct judgement *j, uint32_t from_index, uint32_t index, uint32_t frame);
bool hindsight_too_early(const struct judgement *j, uint32_t from_index);
void hindsight_note_unacked(struct judgement *j);
bool hindsight_unacked(const struct judgement *j);
void hindsight_let_stand(struct tcpstate_conversation *conversation);
void hindsight_withdraw(struct judgement *j, uint32_t index, enum tcpstate_verdict_kind kind);

/* unseen_opening.c: the opener, whose SYN was not captured but quoted by an error before this SYN,ACK, was told of that. */
void unseen_end_opening(struct judgement *j, struct tcpstate_endpoint *client);
/* A RST with ACK and number 0 does the same: it answers a SYN (RFC 9293 3.10.7.1). */
void unseen_note_refusal(struct judgement *j);
/* A SYN follows where there were only resets of its sender, x: if it is answered, y had no connection before. */
void unseen_note_lone_rst(struct judgement *j);
void unseen_syn_was_answered(struct judgement *j);
/* y, not captured, has gone on after that. */
void unseen_take_back(struct judgement *j);

/* summary.c */
void summary_open(struct judgement *j);
void summary_note(struct judgement *j);

/* zeek.c */
void zeek_note(struct judgement *j);

/* findings.c */
void findings_tell(struct judgement *j, enum tcpstate_finding_id id, uint32_t cause_frame, uint32_t value1,
                   uint32_t value2);
void findings_judge(struct judgement *j);
void findings_handshake(struct judgement *j);
void findings_synchronized(struct judgement *j);
void findings_close(struct judgement *j);
void findings_reset(struct judgement *j);
void findings_time_wait(struct judgement *j);
void findings_capture(struct judgement *j);
void findings_ignored(struct judgement *j);
void findings_story(struct judgement *j);

static inline bool state_is_synchronized(enum tcpstate_state state) { return state >= TCPSTATE_ESTABLISHED; }

#endif
