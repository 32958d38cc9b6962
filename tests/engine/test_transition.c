/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Laws over every cell of the transition table, the edges of RFC 9293 figure 5 and the figures 6 to 9 and 11 to 13.
 *
 * The figures are replayed here event by event, so they test the table alone; that the events are found in segments
 * is for the scenarios.
 */
#include "transition.h"

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

#define S(state)    TCPSTATE_##state
#define E(event)    TCPSTATE_EVENT_##event
#define BIT(number) (1u << (number))

static const char *const states[] = {
#define STATE(id, name, alias) name,
#include "state.def"
#undef STATE
};
static const char *const events[] = {
#define EVENT(id, text) #id,
#include "event.def"
#undef EVENT
};

/* "Synchronised" as RFC 9293 3.5.2 group 3 lists them. */
static const unsigned synchronised = BIT(S(ESTABLISHED)) | BIT(S(FIN_WAIT_1)) | BIT(S(FIN_WAIT_2)) |
                                     BIT(S(CLOSE_WAIT)) | BIT(S(CLOSING)) | BIT(S(LAST_ACK)) | BIT(S(TIME_WAIT));
static const unsigned unsynchronised = BIT(S(SYN_SENT)) | BIT(S(SYN_RECEIVED)) | BIT(S(LISTEN));

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }
static bool ends_with(const char *text, const char *end) {
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Rows that take an assumed delivery back. */
static bool takes_back(unsigned event) { return ends_with(events[event], "_again") || event == E(snd_nack_fin); }

static bool is_state(unsigned cell) { return cell < TCPSTATE_STATES; }

/* ---- laws ----------------------------------------------------------------------------------------------------- */

static void test_cells_are_states_or_marks(void) {
    for (unsigned event = 0; event < TCPSTATE_EVENTS; event++)
        for (unsigned state = 0; state < TCPSTATE_STATES; state++) {
            unsigned cell = tcpstate_cell(event, state);
            CHECK(is_state(cell) || cell == TCPSTATE_CELL_ORIGIN || cell == TCPSTATE_CELL_IMPOSSIBLE, "%s in %s",
                  events[event], states[state]);
            /* Nothing makes a known state unknown. A cell left out of the table would be UNKNOWN too, being 0. */
            CHECK(cell != S(UNKNOWN) || state == S(UNKNOWN), "%s in %s", events[event], states[state]);
        }
}

/* Whatever arrives, the receiver is in some state after it. */
static void test_receiving_is_never_impossible(void) {
    for (unsigned event = 0; event < TCPSTATE_EVENTS; event++)
        for (unsigned state = 0; state < TCPSTATE_STATES; state++)
            if (starts_with(events[event], "rcv_") || event == E(pickup) || event == E(time_2msl))
                CHECK(tcpstate_cell(event, state) != TCPSTATE_CELL_IMPOSSIBLE, "%s in %s", events[event],
                      states[state]);
}

/* TCPSTATE_CELL_ORIGIN stands where RFC 9293 3.10.7.4 second distinguishes passive and active opens, only there. */
static void test_origin_matters_for_a_reset_in_syn_received_only(void) {
    for (unsigned event = 0; event < TCPSTATE_EVENTS; event++)
        for (unsigned state = 0; state < TCPSTATE_STATES; state++) {
            bool origin = event == E(rcv_rst) && state == S(SYN_RECEIVED);
            CHECK((tcpstate_cell(event, state) == TCPSTATE_CELL_ORIGIN) == origin, "%s in %s", events[event],
                  states[state]);
        }
}

/* RFC 9293 3.3.2: TIME-WAIT ends by a new SYN, by a RST or by time. */
static void test_time_wait_is_left_by_syn_rst_or_time(void) {
    for (unsigned event = 0; event < TCPSTATE_EVENTS; event++) {
        unsigned cell = tcpstate_cell(event, S(TIME_WAIT));
        bool may_leave = event == E(snd_syn) || event == E(rcv_syn) || event == E(snd_rst) ||
                         event == E(snd_rst_reply) || event == E(rcv_rst) || event == E(time_2msl);
        if (!takes_back(event) && !may_leave)
            CHECK(cell == S(TIME_WAIT) || cell == TCPSTATE_CELL_IMPOSSIBLE, "%s", events[event]);
    }
}

static void test_a_synchronised_state_does_not_fall_back(void) {
    for (unsigned event = 0; event < TCPSTATE_EVENTS; event++)
        for (unsigned state = 0; state < TCPSTATE_STATES; state++) {
            unsigned cell = tcpstate_cell(event, state);
            bool reopens = state == S(TIME_WAIT) && (event == E(snd_syn) || event == E(rcv_syn));
            if (takes_back(event) || !(synchronised & BIT(state)) || reopens || !is_state(cell))
                continue;
            CHECK(!(unsynchronised & BIT(cell)), "%s in %s", events[event], states[state]);
        }
}

/* How far a synchronised endpoint has come in closing. */
enum { PEER_FIN = 1, OWN_FIN = 2, OWN_FIN_ACKED = 4 };

static unsigned progress(unsigned state) {
    switch ((enum tcpstate_state)state) {
    case TCPSTATE_UNKNOWN:
    case TCPSTATE_LISTEN:
    case TCPSTATE_SYN_SENT:
    case TCPSTATE_SYN_RECEIVED:
    case TCPSTATE_ESTABLISHED: return 0;
    case TCPSTATE_CLOSE_WAIT: return PEER_FIN;
    case TCPSTATE_FIN_WAIT_1: return OWN_FIN;
    case TCPSTATE_FIN_WAIT_2: return OWN_FIN | OWN_FIN_ACKED;
    case TCPSTATE_CLOSING:
    case TCPSTATE_LAST_ACK: return PEER_FIN | OWN_FIN;
    case TCPSTATE_TIME_WAIT:
    case TCPSTATE_CLOSED:
    case TCPSTATE_STATES: return PEER_FIN | OWN_FIN | OWN_FIN_ACKED;
    }
    return 0;
}

/* Not for cells that no connection reaches: a FIN is not sent again by one who has sent none. */
static void test_taking_back_never_goes_forward(void) {
    for (unsigned event = 0; event < TCPSTATE_EVENTS; event++)
        for (unsigned state = 0; state < TCPSTATE_STATES; state++) {
            unsigned cell = tcpstate_cell(event, state);
            bool reached = event != E(snd_fin_again) || progress(state) & OWN_FIN;
            if (takes_back(event) && is_state(cell) && reached && progress(state))
                CHECK((progress(cell) & ~progress(state)) == 0, "%s in %s goes to %s", events[event], states[state],
                      states[cell]);
        }
}

/* Once is enough: an event that leads to a state leaves that state alone, or it is a way out of it. */
static void test_deliveries_are_idempotent(void) {
    for (unsigned event = 0; event < TCPSTATE_EVENTS; event++)
        for (unsigned state = 0; state < TCPSTATE_STATES; state++) {
            unsigned cell = tcpstate_cell(event, state);
            if (starts_with(events[event], "rcv_") && is_state(cell))
                CHECK(tcpstate_cell(event, cell) == cell ||
                          (event == E(rcv_rst) && tcpstate_cell(event, cell) == TCPSTATE_CELL_ORIGIN),
                      "%s in %s, then in %s", events[event], states[state], states[cell]);
        }
}

static void test_transition_reads_the_table(void) {
    for (unsigned event = 0; event < TCPSTATE_EVENTS; event++)
        for (unsigned state = 0; state < TCPSTATE_STATES; state++)
            for (int active = 0; active < 2; active++) {
                unsigned cell = tcpstate_cell(event, state), expected = cell;
                bool impossible = false;
                unsigned got = tcpstate_transition(event, state, active, &impossible);
                if (cell == TCPSTATE_CELL_ORIGIN)
                    expected = active ? S(CLOSED) : S(LISTEN);
                if (cell == TCPSTATE_CELL_IMPOSSIBLE)
                    expected = state;
                CHECK(got == expected, "%s in %s", events[event], states[state]);
                CHECK(impossible == (cell == TCPSTATE_CELL_IMPOSSIBLE), "%s in %s", events[event], states[state]);
                impossible = true; /* never cleared: a caller may collect */
                tcpstate_transition(event, state, active, &impossible);
                CHECK(impossible, "%s in %s", events[event], states[state]);
            }
}

/* Every state but LISTEN can be reached from CLOSED, and LISTEN from SYN-RECEIVED. */
static void test_every_state_is_reachable(void) {
    unsigned reached = BIT(S(CLOSED)), before = 0;

    while (reached != before) {
        before = reached;
        for (unsigned event = 0; event < TCPSTATE_EVENTS; event++)
            for (unsigned state = 0; state < TCPSTATE_STATES; state++) {
                unsigned cell = tcpstate_cell(event, state);
                if (reached & BIT(state) && !takes_back(event) && is_state(cell))
                    reached |= BIT(cell);
                /* The peer's SYN meets an application that listens: the passive OPEN itself is no segment. */
            }
    }
    for (unsigned state = 0; state < TCPSTATE_STATES; state++)
        if (state != S(UNKNOWN) && state != S(LISTEN))
            CHECK(reached & BIT(state), "%s", states[state]);
    bool impossible = false;
    CHECK(tcpstate_transition(E(rcv_rst), S(SYN_RECEIVED), false, &impossible) == S(LISTEN), "after a passive OPEN");
}

/* ---- RFC 9293 figure 5 ---------------------------------------------------------------------------------------- */

static void test_figure_5(void) {
    static const struct {
        unsigned before, event, after;
        bool active;
        const char *edge;
    } edges[] = {
        {S(CLOSED), E(snd_syn), S(SYN_SENT), true, "active OPEN, snd SYN"},
        {S(LISTEN), E(snd_syn), S(SYN_SENT), true, "SEND, snd SYN"},
        {S(LISTEN), E(rcv_syn), S(SYN_RECEIVED), false, "rcv SYN, snd SYN,ACK"},
        {S(SYN_SENT), E(rcv_syn), S(SYN_RECEIVED), true, "rcv SYN, snd SYN,ACK"},
        {S(SYN_SENT), E(snd_ack_syn), S(ESTABLISHED), true, "rcv SYN,ACK, snd ACK"},
        {S(SYN_RECEIVED), E(rcv_rst), S(LISTEN), false, "rcv RST, note 1"},
        {S(SYN_RECEIVED), E(rcv_rst), S(CLOSED), true, "rcv RST, note 1, not after a passive OPEN"},
        {S(SYN_RECEIVED), E(rcv_ack_s), S(ESTABLISHED), false, "rcv ACK of SYN"},
        {S(SYN_RECEIVED), E(snd_fin), S(FIN_WAIT_1), false, "CLOSE, snd FIN"},
        {S(ESTABLISHED), E(snd_fin), S(FIN_WAIT_1), true, "CLOSE, snd FIN"},
        {S(ESTABLISHED), E(rcv_fin), S(CLOSE_WAIT), true, "rcv FIN, snd ACK"},
        {S(FIN_WAIT_1), E(rcv_ack_f), S(FIN_WAIT_2), true, "rcv ACK of FIN"},
        {S(FIN_WAIT_1), E(rcv_fin), S(CLOSING), true, "rcv FIN, snd ACK"},
        {S(FIN_WAIT_2), E(rcv_fin), S(TIME_WAIT), true, "rcv FIN, snd ACK"},
        {S(CLOSING), E(rcv_ack_f), S(TIME_WAIT), true, "rcv ACK of FIN"},
        {S(CLOSE_WAIT), E(snd_fin), S(LAST_ACK), false, "CLOSE, snd FIN"},
        {S(LAST_ACK), E(rcv_ack_f), S(CLOSED), false, "rcv ACK of FIN"},
        {S(TIME_WAIT), E(time_2msl), S(CLOSED), true, "Timeout=2MSL"},
        {S(SYN_SENT), E(rcv_rst), S(CLOSED), true, "refused: 3.10.7.3 second"},
        {S(ESTABLISHED), E(rcv_rst), S(CLOSED), true, "note 3"},
        {S(ESTABLISHED), E(snd_rst), S(CLOSED), true, "ABORT, 3.10.5"},
    };

    for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++) {
        bool impossible = false;
        unsigned got = tcpstate_transition(edges[i].event, edges[i].before, edges[i].active, &impossible);
        CHECK(got == edges[i].after && !impossible, "%s --%s--> %s, %s: got %s", states[edges[i].before],
              events[edges[i].event], states[edges[i].after], edges[i].edge, states[got]);
    }
}

/* ---- the figures, event by event ------------------------------------------------------------------------------ */

struct endpoint {
    const char *name;
    unsigned state;
    bool active;
};

static void apply(const char *figure, struct endpoint *endpoint, unsigned event, unsigned expected) {
    bool impossible = false;
    unsigned before = endpoint->state;

    endpoint->state = tcpstate_transition(event, before, endpoint->active, &impossible);
    CHECK(endpoint->state == expected && !impossible, "%s: %s: %s in %s goes to %s, not %s", figure, endpoint->name,
          events[event], states[before], states[endpoint->state], states[expected]);
}

#define A(event, expected) apply(figure, &a, E(event), S(expected))
#define B(event, expected) apply(figure, &b, E(event), S(expected))
#define PEERS(a_state, a_active, b_state, b_active)                                                                    \
    struct endpoint a = {"A", S(a_state), a_active}, b = {"B", S(b_state), b_active}

static void test_figure_6(void) {
    const char *figure = "figure 6, three-way handshake";
    PEERS(CLOSED, true, LISTEN, false);

    A(snd_syn, SYN_SENT);
    B(rcv_syn, SYN_RECEIVED);
    B(snd_synack, SYN_RECEIVED);
    A(rcv_syn, SYN_RECEIVED); /* "SYN,ACK" is a SYN, then the ACK of our SYN */
    A(rcv_ack_s, ESTABLISHED);
    A(snd_ack_syn, ESTABLISHED);
    B(rcv_ack_s, ESTABLISHED);
}

static void test_figure_7(void) {
    const char *figure = "figure 7, simultaneous open";
    PEERS(CLOSED, true, CLOSED, true);

    A(snd_syn, SYN_SENT);
    B(snd_syn, SYN_SENT);
    A(rcv_syn, SYN_RECEIVED);
    B(rcv_syn, SYN_RECEIVED);
    A(snd_synack, SYN_RECEIVED);
    B(snd_synack, SYN_RECEIVED);
    A(rcv_syn, SYN_RECEIVED);
    A(rcv_ack_s, ESTABLISHED);
    B(rcv_syn, SYN_RECEIVED);
    B(rcv_ack_s, ESTABLISHED);
}

/* The same as a passive observer sees it: B is taken to have received A's SYN until its own SYN shows otherwise. */
static void test_figure_7_observed(void) {
    const char *figure = "figure 7, observed";
    PEERS(CLOSED, true, LISTEN, true);

    A(snd_syn, SYN_SENT);
    B(rcv_syn, SYN_RECEIVED);
    B(snd_syn, SYN_RECEIVED);
    A(rcv_syn, SYN_RECEIVED);
    A(snd_synack, SYN_RECEIVED);
    B(rcv_syn, SYN_RECEIVED);
    B(rcv_ack_s, ESTABLISHED);
    B(snd_synack, ESTABLISHED); /* sent before A's arrived: the first SYN,ACK of an active opener */
    A(rcv_syn, SYN_RECEIVED);
    A(rcv_ack_s, ESTABLISHED);
}

static void test_figure_8(void) {
    const char *figure = "figure 8, old duplicate SYN";
    PEERS(CLOSED, true, LISTEN, false);

    A(snd_syn, SYN_SENT);
    B(rcv_syn, SYN_RECEIVED); /* the old one */
    B(snd_synack, SYN_RECEIVED);
    A(snd_rst_reply, SYN_SENT);
    B(rcv_rst, LISTEN);
    B(rcv_syn, SYN_RECEIVED);
    B(snd_synack, SYN_RECEIVED);
    A(rcv_syn, SYN_RECEIVED);
    A(rcv_ack_s, ESTABLISHED);
    A(snd_ack_syn, ESTABLISHED);
    B(rcv_ack_s, ESTABLISHED);
}

static void test_figure_9(void) {
    const char *figure = "figure 9, half-open connection";
    PEERS(CLOSED, true, ESTABLISHED, false);

    A(snd_syn, SYN_SENT);
    B(rcv_syn, ESTABLISHED); /* answered by an ACK */
    A(snd_rst_reply, SYN_SENT);
    B(rcv_rst, CLOSED);
    A(snd_syn_again, SYN_SENT);
}

static void test_figure_10(void) {
    const char *figure = "figure 10, half-open connection, the other way";
    PEERS(CLOSED, true, ESTABLISHED, false);

    A(snd_rst_reply, CLOSED);
    B(rcv_rst, CLOSED);
}

static void test_figure_11(void) {
    const char *figure = "figure 11, old duplicate SYN on two passive sockets";
    PEERS(LISTEN, false, LISTEN, false);

    B(rcv_syn, SYN_RECEIVED);
    B(snd_synack, SYN_RECEIVED);
    A(snd_rst_reply, LISTEN);
    B(rcv_rst, LISTEN);
}

static void test_figure_12(void) {
    const char *figure = "figure 12, normal close";
    PEERS(ESTABLISHED, true, ESTABLISHED, false);

    A(snd_fin, FIN_WAIT_1);
    B(rcv_fin, CLOSE_WAIT);
    B(snd_ack_fin, CLOSE_WAIT);
    A(rcv_ack_f, FIN_WAIT_2);
    B(snd_fin, LAST_ACK);
    A(rcv_fin, TIME_WAIT);
    A(snd_ack_fin, TIME_WAIT);
    B(rcv_ack_f, CLOSED);
    A(time_2msl, CLOSED);
}

/* Figure 5 note 2: the FIN also acknowledges ours. */
static void test_three_segment_close(void) {
    const char *figure = "three-segment close";
    PEERS(ESTABLISHED, true, ESTABLISHED, false);

    A(snd_fin, FIN_WAIT_1);
    B(rcv_fin, CLOSE_WAIT);
    B(snd_fin, LAST_ACK);
    A(rcv_ack_f, FIN_WAIT_2);
    A(rcv_fin, TIME_WAIT);
    A(snd_ack_fin, TIME_WAIT);
    B(rcv_ack_f, CLOSED);
}

static void test_figure_13(void) {
    const char *figure = "figure 13, simultaneous close";
    PEERS(ESTABLISHED, true, ESTABLISHED, false);

    A(snd_fin, FIN_WAIT_1);
    B(snd_fin, FIN_WAIT_1);
    A(rcv_fin, CLOSING);
    B(rcv_fin, CLOSING);
    A(snd_ack_fin, CLOSING);
    B(snd_ack_fin, CLOSING);
    A(rcv_ack_f, TIME_WAIT);
    B(rcv_ack_f, TIME_WAIT);
    A(time_2msl, CLOSED);
    B(time_2msl, CLOSED);
}

/* As observed: B is taken to have received A's FIN until its own FIN stops short of it. */
static void test_figure_13_observed(void) {
    const char *figure = "figure 13, observed";
    PEERS(ESTABLISHED, true, ESTABLISHED, false);

    A(snd_fin, FIN_WAIT_1);
    B(rcv_fin, CLOSE_WAIT);
    B(snd_fin_x, CLOSING);
    A(rcv_fin, CLOSING);
    A(snd_ack_fin, CLOSING);
    B(rcv_ack_f, TIME_WAIT);
    B(snd_ack_fin, TIME_WAIT);
    A(rcv_ack_f, TIME_WAIT);
}

/* What was assumed and is taken back when a segment is sent again (RFC 9293 3.8.1). */
static void test_losses(void) {
    const char *figure = "losses";
    PEERS(ESTABLISHED, true, SYN_RECEIVED, false);

    A(snd_syn_again, SYN_SENT); /* the SYN,ACK was lost */
    A(rcv_syn, SYN_RECEIVED);
    A(rcv_ack_s, ESTABLISHED);
    B(rcv_ack_s, ESTABLISHED);
    B(snd_synack_again, SYN_RECEIVED); /* the third segment was lost */
    B(rcv_ack_s, ESTABLISHED);
    A(snd_fin, FIN_WAIT_1);
    B(rcv_fin, CLOSE_WAIT);
    B(snd_nack_fin, ESTABLISHED); /* the FIN was lost */
    B(rcv_fin, CLOSE_WAIT);
    A(rcv_ack_f, FIN_WAIT_2);
    A(snd_fin_again, FIN_WAIT_1); /* its ACK was lost */
    A(rcv_ack_f, FIN_WAIT_2);
    B(snd_fin, LAST_ACK);
    A(rcv_fin, TIME_WAIT);
    B(rcv_ack_f, CLOSED);
    B(snd_fin_again, LAST_ACK); /* the last ACK was lost */
    A(rcv_fin, TIME_WAIT);
    B(rcv_ack_f, CLOSED);
}

int main(void) {
    test_cells_are_states_or_marks();
    test_receiving_is_never_impossible();
    test_origin_matters_for_a_reset_in_syn_received_only();
    test_time_wait_is_left_by_syn_rst_or_time();
    test_a_synchronised_state_does_not_fall_back();
    test_taking_back_never_goes_forward();
    test_deliveries_are_idempotent();
    test_transition_reads_the_table();
    test_every_state_is_reachable();
    test_figure_5();
    test_figure_6();
    test_figure_7();
    test_figure_7_observed();
    test_figure_8();
    test_figure_9();
    test_figure_10();
    test_figure_11();
    test_figure_12();
    test_three_segment_close();
    test_figure_13();
    test_figure_13_observed();
    test_losses();
    printf("transition: %u checks, %u failures\n", checks, failures);
    return failures != 0;
}
