/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What zeek.c remembers of a connection to tell it in Zeek's words; zeroed with the connection. None of it moves one of
 * our states.
 */
#ifndef TCPSTATE_EVIDENCE_ZEEK_H
#define TCPSTATE_EVIDENCE_ZEEK_H

#include <stdbool.h>
#include <stdint.h>

enum { TCPSTATE_ZEEK_RUNS = 8 /* captured runs of octets beyond a hole, of one end */ };

/* A thing that is told the first, the 10th, the 100th time ... */
struct tcpstate_zeek_tally {
    uint32_t seen, next; /* next: 0 is 1 */
};

/* Octets count from 0 after the SYN; `start`, `last`, `acked` are numbers on the wire. */
struct tcpstate_zeek_end {
    uint8_t state, previous; /* enum zeek_state of zeek.c */
    bool sent_fin;
    bool gave_up;                          /* too much beyond a hole: no more gaps are told */
    uint32_t start;                        /* of its SYN, or one before its first octet */
    uint32_t last, acked;                  /* after the highest number sent; highest acknowledged */
    uint32_t fin_octet;                    /* of the newest FIN */
    uint32_t told_syn, told_fin, told_rst; /* relative numbers of the newest of each */
    uint32_t delivered, trimmed;           /* octets known without a hole, or given up; octets acknowledged */
    struct {
        uint32_t left, right;
    } runs[TCPSTATE_ZEEK_RUNS]; /* beyond `delivered`, in order, apart from each other */
    uint8_t run_count;
    struct tcpstate_zeek_tally bad_checksums, gaps, repetitions, zero_windows;
};

struct tcpstate_zeek {
    bool exists;
    bool partial;                    /* begun without SYN */
    bool heard[2];                   /* the originator, the responder */
    uint8_t originator;              /* role of the end that Zeek takes for the client */
    uint8_t told[2];                 /* letters that are told once, by the originator and the responder */
    struct tcpstate_zeek_end end[2]; /* by role */
};

#endif
