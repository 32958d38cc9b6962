/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The memory of a conversation. Included by tcpstate.h only, so that callers can own it; they treat it as opaque.
 * Every quantity is zero before its `has_` flag or its count says otherwise. `_ns`: capture time, `_frame`: 0 is none.
 */
#ifndef TCPSTATE_CONVERSATION_H
#define TCPSTATE_CONVERSATION_H

#include "evidence_end.h"
#include "evidence_open.h"
#include "evidence_story.h"
#include "evidence_zeek.h"

enum {
    TCPSTATE_RANGES = 16,   /* captured, not yet acknowledged runs of one sender */
    TCPSTATE_COPIES = 16,   /* recent segments of one sender, to recognise copies */
    TCPSTATE_TICKS = 16,    /* recent distinct timestamps of one sender */
    TCPSTATE_LEGS = 8,      /* recent samples of the way from the capture point to one end and back */
    TCPSTATE_VERDICTS = 48, /* what hindsight has found out about single segments */
    TCPSTATE_EARLY = 16,    /* first segments of a connection that was captured from the middle */
    TCPSTATE_ACKS = 32      /* recent segments of one end that acknowledged, for resets that answer them */
};

/* Octets that were captured and can have arrived, [left, right); SYN and FIN count. */
struct tcpstate_range {
    uint32_t left, right;
    uint32_t tsval, frame, index;
    int64_t time_ns; /* of the newest copy */
    uint8_t copies;
    bool sacked, lost, fin; /* fin: its last number is a FIN */
    bool joined;            /* of several, for want of room: where these ended is forgotten */
};

/* Why an endpoint is believed CLOSED, so that it can be believed alive again: whoever speaks was not closed. */
enum tcpstate_undo_cause {
    TCPSTATE_UNDO_NONE,
    TCPSTATE_UNDO_RST_TAKEN,
    TCPSTATE_UNDO_RST_SENT,
    TCPSTATE_UNDO_TIMER,
    TCPSTATE_UNDO_LAST_ACK
};
struct tcpstate_undo {
    uint8_t cause, state, certainty;
    uint32_t frame, index, rnxt, rst_seq, rst_tsval, rst_ack;
    bool has_rst_tsval, rst_is_in_time, has_rst_ack;
    bool is_abort;       /* it has ACK, so it answers no segment that had one (RFC 9293 3.10.7.1) */
    bool no_window;      /* ... and no window, as a stack answers where it has no connection (3.10.7.1) */
    bool ack_unsent;     /* ... and acknowledges what y was never seen to send */
    bool bears_next;     /* a RST that answers nothing: its number was SND.NXT (RFC 9293 3.10.5) */
    bool answers_nobody; /* ... and not of one that was captured, nor of a number in flight */
    int64_t time_ns;
};

/* What a SYN,ACK tells about its sender. */
struct tcpstate_synack {
    uint32_t iss, end, ack, index, frame, tsval;
    int64_t time_ns;
    uint16_t mss;
    uint8_t options, shift, ttl;
    bool scale_is_cut;
};

/* One endpoint in one connection, `x` in the comments; `y` is its peer. */
struct tcpstate_endpoint {
    uint8_t state, certainty; /* believed, if all that was captured arrived */
    uint8_t entered_captured; /* the entry into `state` was captured at entered_ns */
    bool active_open;         /* has sent a SYN of its own before it answered one */
    bool syn_doubted;         /* its SYN is not as its own stack makes it: it stays where it was until it speaks */
    bool sent_mss_before;     /* its SYNs had the MSS option in a connection before */
    bool captured;            /* a segment of it was captured */
    bool spoke;               /* has sent an ordinary segment: no SYN, no RST; that showed it established */
    bool heard;               /* an ordinary segment of it was captured at all */
    bool fast_open;           /* as a server: SYN with a cookie, or SYN data acknowledged: data may precede the ACK */
    bool ignores_acks;        /* acceptable ACKs did not establish it: established only when it speaks */
    bool refuses_later_echo;  /* ... nor did one that echoes what it sent after its SYN,ACK: Linux from 6.15 on */
    uint8_t early;            /* text it seemed to send before it was acknowledged */
    uint8_t ignored_acks;     /* ACKs that were taken back by a repeated SYN,ACK */
    int64_t entered_ns;

    /* what it sent */
    bool has_iss, has_smax, has_dmax, has_fin, fin_inferred, iss_inferred, sent_syn, sent_synack, synack_acked;
    uint32_t smax_tsval;
    bool smax_is_next; /* a pure ACK has told SND.NXT, less than what was captured */
    uint32_t text_end; /* end of the highest octet that was captured, and when: while it equals smax */
    int64_t text_ns;
    bool text_is_stale; /* it acknowledged less than x had before */
    bool sacks;         /* it has sent a SACK block */
    bool has_own_end;   /* mid-stream smax may be the peer's word, and the peer may have taken what it did not send */
    uint32_t own_end;   /* end of the highest octet that was captured */
    uint32_t iss, smax, dmax; /* smax: end of the highest octet, SYN and FIN counted; dmax: data only */
    bool fin_acked_before;    /* y had acknowledged its number before it was captured: that proves nothing about y */
    bool fin_shadowed;        /* y had taken somebody else's octet of that number before */
    uint32_t fin;             /* sequence number of its FIN */
    uint32_t fin_frame, fin_index, fin_ack, fin_tsval, fin_tsecr;
    int64_t fin_ns;
    bool has_refused_fin; /* it cannot have sent this FIN, as it seems */
    uint32_t refused_fin;
    int64_t refused_fin_ns;
    bool has_text_beyond; /* text behind its FIN was captured, ending there */
    uint32_t text_beyond;
    bool repairs;          /* since its FIN it has repeated what lies before the hole that the FIN leaves */
    bool fin_leaves_hole;  /* text between before_fin and its FIN was not captured */
    uint32_t before_fin;   /* smax then */
    uint8_t hole_reported; /* segments of y since that ask for it: from three on it may be repeated */
    uint32_t hole_tsval;   /* of the last of them */
    uint32_t hole_seq;     /* its number */
    uint32_t hole_next;    /* where the next segment begins if it is filled in order ... */
    uint8_t hole_filled;   /* ... as by so many */
    int64_t fin_sent_ns;   /* the last time that it sent its FIN, or repeated what came before */
    uint8_t state_before_fin;
    /* a FIN of its that was captured, whoever sent it: what y can have received */
    bool has_wire_fin, has_seen_fin; /* seen_fin: captured, but not thought to be taken or sent */
    uint32_t seen_fin, seen_fin_frame, seen_fin_index, seen_fin_tsval;
    bool has_doubted_abort; /* a RST with ACK in its name, that was not believed to be its own */
    uint32_t doubted_abort_seq;
    int64_t doubted_abort_ns;
    bool has_ignored_rst; /* it did not seem to take a RST of y, and has said nothing since that had reached it */
    int64_t ignored_rst_ns;
    uint32_t ignored_rst_frame, ignored_rst_index;
    bool refused; /* a REFUSED verdict was given because of its RST */
    uint32_t refused_index;
    uint32_t wire_fin, wire_fin_frame, wire_fin_index;
    uint32_t una; /* highest acceptable ACK from y, assumed delivered */
    bool has_una, fin_acked;
    bool answered_closed;  /* CLOSED, it has answered with a RST */
    bool spares_time_wait; /* a RST that should have ended its TIME-WAIT did not: RFC 1337 fix F1 */
    uint8_t revivals;      /* segments since that say otherwise */
    bool sends_octets;     /* what looked like its FIN was one octet of text */
    bool took_unseen;      /* it has echoed what was not captured: nothing that it shows is proved any more */
    bool maybe_fin;        /* y acknowledged one number beyond smax: a FIN or an octet, at `maybe` */
    bool maybe_text;       /* ... and text that was captured just before ended there */
    bool maybe_own;        /* ... and it has sent an octet of its own there since, with this TSval */
    uint32_t maybe_own_tsval;
    uint8_t maybe_stuck; /* ... and text beyond, which y does not take: so often */
    int64_t maybe_beyond_ns;
    bool maybe_denied; /* ... and its own SND.NXT says that it sent neither: it was somebody else's */
    uint32_t maybe, maybe_frame, maybe_index;
    int64_t maybe_denied_ns; /* by text sent then; 0: by its SND.NXT, before */
    bool has_octet;          /* y's ACK of one number was one of an octet, as hindsight knows; it ended at `octet` */
    uint32_t octet;
    bool has_seen_text; /* text of its nominal sending was captured, whoever sent it; ends at `seen_text` */
    uint32_t seen_text, seen_text_index, seen_text_tsval;
    bool has_refused_text; /* ... in a segment that acknowledged what y was not yet captured to send */
    uint32_t refused_text;
    bool has_closed_rst; /* the number of its newest RST that answered something when it was closed */
    uint32_t closed_rst;
    bool has_quoted; /* it was not captured, but an ICMP error quotes text of it, which ends there or so much before */
    uint8_t quoted_options;
    uint32_t quoted_end;
    uint8_t answer_count; /* not captured, and closed as it seems: so often y answers it in TIME-WAIT, since then */
    int64_t answers_ns;
    bool has_sacked, has_lone; /* it was not captured: what y has SACKed of it, and a number that came alone */
    uint32_t sacked, lone;
    /* ... and by the timestamps that y echoed: its clock, and when the newest of them arrived at the latest */
    bool has_echo, echo_in_ms;
    uint32_t first_echo, newest_echo;
    int64_t first_echo_ns, echo_base_ns, arrived_ns;
    bool has_lag; /* ... and by both clocks, since then, how soon y answers it */
    uint32_t lag_tsval, lag_tsecr, least_lag;
    int64_t lag_ns;
    int64_t asked_ns;   /* when y sent text that it has not answered, 0: none */
    int64_t rtt_ns;     /* its quickest answer, 0: none */
    int64_t opening_ns; /* from its SYN to its ACK of y's SYN,ACK, by its clock; 0: not known */
    bool has_pure;      /* its newest pure ACK: SEG.SEQ was SND.NXT */
    uint32_t pure_seq, pure_ack, pure_tsval;
    bool crossed; /* y's FIN reached it only after it had sent its own, not captured yet */
    uint32_t fin_inferred_index, fin_inferred_frame;
    uint32_t fin_ack_frame, fin_ack_index; /* the segment of y that acknowledged the FIN */
    int64_t fin_ack_ns;
    uint32_t fin_ack_tsval;
    bool fin_ack_tells; /* ... which no earlier one had */
    uint16_t fin_ip_id; /* the identification of the datagram with the FIN, 0: none */
    uint32_t first_synack_index;
    uint32_t synack_frame, synack_index, synack_ack, synack_echo;
    uint32_t synack_tsval; /* of the last one */
    bool has_rival; /* before the one believed it sent a SYN,ACK with another ISN: which is true, an ACK will tell */
    struct tcpstate_synack rival;
    bool synack_repeated, fin_repeated; /* ... and not acknowledged again since */
    bool was_established, told_step_close_ack;
    int64_t synack_ns, first_syn_ns, last_syn_ns;
    uint8_t syns_under_way; /* SYNs of it of which no ICMP error says that they have not arrived */
    uint32_t syn_length;    /* data octets in its SYN */
    struct tcpstate_range ranges[TCPSTATE_RANGES];
    uint8_t range_count;
    uint8_t shift; /* window shift it announced */
    bool has_shift;
    bool scale_is_cut; /* ... or perhaps announced: not all options of its SYN were captured */
    uint8_t syn_options;
    uint16_t syn_mss;
    bool opens_like_linux; /* its newest SYN: segment_opens_like_linux() */
    uint8_t syn_ttl;

    /* what it acknowledged and what it must have */
    bool has_acked, has_rnxt, has_redge, peer_fin_taken;
    uint32_t acked;                    /* highest number it acknowledged */
    uint32_t acked_frame, acked_index; /* ... and the first segment that did, after the handshake */
    uint32_t acked_before;             /* what it had acknowledged before that */
    bool acks_one_of_more;             /* `acked` is one number into a longer run of y: a FIN in its place counts so */
    uint8_t lower_acks;                /* segments since that acknowledge less, though sent later */
    uint8_t acks_alike;                /* ... and the same */
    int64_t acked_ns;
    bool answers;                /* has sent text since */
    uint32_t rnxt;               /* RCV.NXT, if everything captured arrived */
    uint32_t redge;              /* highest right edge it announced */
    bool has_edge;               /* `edge` is known: by how much its window is scaled */
    uint32_t edge;               /* the right edge that it announced last */
    uint32_t edge_seq, edge_ack; /* ... in this segment: SND.WL1 and SND.WL2 of its peer */
    uint32_t max_window;         /* largest window it announced, octets */
    uint16_t window;             /* the field of its last ordinary segment */
    bool has_repeated_ack;       /* its newest ordinary segment is a pure ACK, repeated so often since repeated_ns */
    uint8_t repeated_acks;
    uint16_t repeated_window;
    uint32_t repeated_ack;
    int64_t repeated_ns;
    bool has_unsent_ack;
    uint32_t unsent_ack;    /* it acknowledged what y was not seen to send: believed the second time */
    bool unsent_ack_denied; /* ... and y's SND.NXT says that y did not */
    bool has_far_seq;
    uint32_t far_seq; /* it sent this, far from all that was captured of it: believed the second time */
    bool has_plain_ack;
    uint32_t plain_ack, plain_ack_index, plain_ack_frame; /* it offered timestamps, and acknowledged this without any */
    bool has_bad_ack;
    uint32_t bad_ack; /* last unacceptable ACK that it got: it answers with a RST of that number */
    uint32_t bad_ack_frame;
    bool has_ts_recent, sent_ts;
    uint32_t ts_recent, ts_newest, first_syn_tsval;
    uint32_t ts_recent_before, ts_recent_index; /* what ts_recent was before segment ts_recent_index */
    uint32_t ts_recent_seq;                     /* number of that segment */
    uint32_t newest_tsecr;                      /* the timestamp that its newest segment echoes */
    bool ts_jumped; /* ts_newest is far ahead of ts_before: its clock, or somebody else's segment */
    uint32_t ts_before, ts_jump_frame, ts_jump_index, smax_before_jump;
    int64_t ts_newest_ns;
    bool has_newest_end; /* where the segment with that timestamp ended */
    uint32_t newest_end;
    bool has_echoed; /* y has echoed this timestamp of it, last */
    uint32_t echoed;
    int64_t echoed_ns;
    int64_t echoed_sent_ns;                            /* when it was captured first; INT64_MIN if it was not */
    uint32_t handshake_ack_frame, handshake_ack_index; /* the segment of y that established it */
    int64_t handshake_ack_ns;
    uint32_t handshake_ack_tsval;    /* 0: it had none */
    bool handshake_ack_echoes_later; /* ... and echoed what this end has sent after its SYN,ACK */
    struct tcpstate_undo undo;
    int64_t last_sent_ns, last_word_ns;           /* word: no RST */
    struct tcpstate_evidence_open evidence_open;  /* of the findings of groups H and E */
    struct tcpstate_evidence_end evidence_end;    /* of groups C, R, T and F */
    uint32_t once[(TCPSTATE_FINDINGS + 31) / 32]; /* findings told once already */
};

/* A SYN that may or may not open a new connection: it must be answered first. */
struct tcpstate_candidate {
    bool pending;
    bool may_be_refused; /* its sender goes on, but the other end, of which nothing is captured, may have taken it */
    uint8_t direction;
    bool genuine;           /* it has the options that the sender's own SYN had */
    bool false_isn;         /* ... not even the MSS, and its ISN goes back, which no clock does: RFC 9293 3.4.1 */
    bool challenged;        /* the other end answered with an ACK: challenge_ack */
    bool challenged_purely; /* ... by an ACK without text */
    uint32_t challenge_ack;
    struct tcpstate_segment segment_head; /* facts of the SYN, without SACK */
};

/* A segment of a connection whose start was not captured, until both ends agree on numbers: midstream.c */
struct tcpstate_early {
    int64_t time_ns;
    uint32_t seq, end, ack, tsval, index, frame;
    uint8_t direction;
    bool has_ack, syn, fin, pure, has_timestamp;
};

struct tcpstate_connection {
    bool exists, self;
    bool empty;                      /* nothing but segments with bad checksums */
    struct tcpstate_endpoint end[2]; /* by role */
    bool end_seen;                   /* a FIN or RST was captured, whoever sent it */
    bool disputed;                   /* something was captured that its nominal sender may not have sent */
    bool phase_reset;                /* an accepted RST was seen */
    bool refused, reset, closed;     /* reset: before both FINs were acknowledged; closed: both were */
    bool simultaneous_open, simultaneous_close, three_segment;
    uint32_t pickup_index, rst_index;       /* rst_index: of the RST that `reset` rests on */
    bool picked_up;                         /* the capture started in the middle: the first numbers are taken */
    uint32_t first_index, first_frame;      /* bad checksums included */
    bool numbers_agreed, timestamps_agreed; /* segments of both ends acknowledge each other; and carry timestamps */
    struct tcpstate_early early[TCPSTATE_EARLY];
    uint8_t early_count, early_next;
    bool early_judged[2];   /* by direction: its own SND.NXT since then has judged them too */
    uint8_t first_fin_role; /* of a captured or inferred FIN */
    bool any_fin;
    int64_t rst_ns, closed_ns, time_wait_ns; /* time_wait_ns: last restart of the 2MSL timer */
    struct tcpstate_summary summary;
    struct tcpstate_zeek zeek; /* zeek.c */
};

/* The path and the clocks: these outlive a connection. By direction. */
struct tcpstate_path {
    struct {
        uint32_t digest, length, frame;
        uint16_t ip_id;
        uint8_t ttl, shown_state, shown_certainty, traits, flags;
        int64_t time_ns;
    } copies[TCPSTATE_COPIES];
    struct {
        uint32_t tsval;
        bool is_echoed;
        int64_t time_ns;
    } ticks[TCPSTATE_TICKS];
    int64_t legs_ns[TCPSTATE_LEGS];
    int64_t offset_ns, first_tick_ns;
    uint32_t first_tsval, offset_tsval;
    double best_ratio;
    uint8_t copy_next, tick_next, leg_next, copy_count, tick_count, leg_count;
    bool has_first_tick;
    uint8_t bad_checksums_acked;
    uint32_t bad_checksum_end[3];
    uint8_t bad_checksum_count;
    struct {
        uint32_t ack, frame, index;
        int64_t time_ns;
        uint8_t traits; /* 1: carried data or FIN */
    } acks[TCPSTATE_ACKS];
    uint8_t ack_next, ack_count;
    uint16_t ip_id;      /* of the newest segment that is no RST and has one, 0: none */
    uint8_t ip_id_steps; /* ... after so many in a row that each count on from the one before */
    struct {
        bool is;
        uint32_t end, frame, index;
        int64_t time_ns;
    } bare; /* its newest segment without ACK that was no RST */
    bool has_place;
    uint8_t place; /* where its newest segment was captured */
};

enum tcpstate_verdict_kind {
    TCPSTATE_VERDICT_NOT_TAKEN = 1, /* it did not reach the receiver, or the receiver did not take it */
    TCPSTATE_VERDICT_NOT_SENT,      /* its nominal sender never sent it */
    TCPSTATE_VERDICT_TAKEN,         /* a RST that looked too low was accepted */
    TCPSTATE_VERDICT_REFUSED,       /* its receiver had no connection any more */
    TCPSTATE_VERDICT_NOT_LOST,      /* it arrived late */
    TCPSTATE_VERDICT_CROSSED,       /* a FIN that was taken only after the receiver's own FIN */
    TCPSTATE_VERDICT_NO_FIN,        /* it acknowledges an octet, not a FIN */
    TCPSTATE_VERDICT_FIRST_FIN,     /* the capture starts with this FIN, and no other FIN was before it */
    TCPSTATE_VERDICT_MIDSTREAM,     /* the capture starts with it, and both ends were in ESTABLISHED then */
    TCPSTATE_VERDICT_ESTABLISHES,   /* the first segment that an endpoint in SYN-RECEIVED took: nothing before it was */
    TCPSTATE_VERDICT_TOOK_FIN,      /* its sender had taken a FIN of this number, not sent by the peer nor captured */
    TCPSTATE_VERDICT_COUNTS_FIN,    /* it acknowledges text and a FIN of an end that was not captured */
    TCPSTATE_VERDICT_SENT,          /* its nominal sender sent it, though it lacks the timestamps that the SYN had */
    TCPSTATE_VERDICT_UNACKED        /* a FIN that was not acknowledged until its sender had repeated it */
};
struct tcpstate_verdict {
    uint32_t index; /* of the segment within the conversation, from 0 */
    uint32_t frame, by_frame;
    uint32_t other_index; /* ESTABLISHES: the SYN,ACK; UNACKED: the last repetition */
    uint8_t kind;
    bool withdrawn; /* found to be wrong by a later segment still: it is not given again, but acts on nothing */
};

struct tcpstate_conversation {
    uint32_t index;       /* of the next segment */
    uint32_t connections; /* opened so far */
    struct tcpstate_connection current;
    struct tcpstate_summary previous;
    uint32_t previous_smax[2], previous_rnxt[2]; /* by direction, of the connection before */
    uint8_t previous_state[2];                   /* ... before a RST closed it */
    bool has_previous;
    bool has_intruder; /* somebody else has spoken here, and may again where it is not captured */
    struct {
        bool is, by_reset, ended; /* ended: that SYN was answered later */
        uint8_t direction;
        uint32_t seq, frame, index;
        int64_t time_ns;
    } ended_syn; /* that was not captured: an early ICMP error quotes it, perhaps, or a RST answers it */
    struct {
        bool is;
        uint8_t direction;
        uint32_t seq, frame, index; /* seq: of the last */
    } lone_rst;      /* the first of those before the SYN of their sender: nothing else was heard of either end */
    bool listens[2]; /* by direction: it has answered a SYN that it did not ask for */
    struct tcpstate_candidate candidate;
    bool has_stray; /* a segment on a closed connection that does not fit it: is there an answer? */
    uint8_t stray_direction;
    uint32_t stray_end, stray_ack;
    bool clock_jumped;            /* back, further than any order of capture explains: no interval is known any more */
    struct tcpstate_path path[2]; /* by direction */
    bool has_places; /* one direction was captured in several: perhaps two networks with the same addresses */
    struct tcpstate_story half_open, ignored_reset; /* findings_story.c */
    int64_t last_ns;
    struct tcpstate_verdict verdicts[TCPSTATE_VERDICTS];
    uint8_t verdict_count, verdict_next;
    bool new_verdicts;
    struct tcpstate_verdict standing; /* holds if nothing more is captured of this connection; kind 0: none */
};

#endif
