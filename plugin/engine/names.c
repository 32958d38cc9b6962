/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The words of the public face: one per enumerator, each table in one place, indexed by the enumerator. The states,
 * events and findings come from their .def files.
 */
#include "tcpstate.h"

#include <assert.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const state_names[] = {
#define STATE(id, name, alias) [TCPSTATE_##id] = name,
#include "state.def"
#undef STATE
};

static const char *const event_names[] = {
#define EVENT(id, text) [TCPSTATE_EVENT_##id] = #id,
#include "event.def"
#undef EVENT
};

static const struct tcpstate_finding_info finding_infos[] = {
#define FINDING(id, kind, severity, frequency, rfc, english, chinese)                                                  \
    [TCPSTATE_FINDING_##id] = {#id, TCPSTATE_##kind, TCPSTATE_##severity, TCPSTATE_##frequency, rfc, english, chinese},
#include "finding.def"
#undef FINDING
};

static const char *const role_names[] = {
    [TCPSTATE_CLIENT] = "client",
    [TCPSTATE_SERVER] = "server",
    [TCPSTATE_NO_ROLE] = "",
};

static const char *const certainty_names[] = {
    [TCPSTATE_NOTHING_TELLS] = "unknown",
    [TCPSTATE_INFERRED] = "inferred",
    [TCPSTATE_ASSUMED] = "assumed",
    [TCPSTATE_PROVED] = "proved",
};

static const char *const roles_names[] = {
    [TCPSTATE_ROLES_SYN] = "syn",
    [TCPSTATE_ROLES_SYN_ACK] = "syn-ack",
    [TCPSTATE_ROLES_GUESS] = "guess",
};

static const char *const phase_names[] = {
    [TCPSTATE_PHASE_UNKNOWN] = "unknown", [TCPSTATE_PHASE_OPENING] = "opening", [TCPSTATE_PHASE_OPEN] = "open",
    [TCPSTATE_PHASE_CLOSING] = "closing", [TCPSTATE_PHASE_CLOSED] = "closed",   [TCPSTATE_PHASE_RESET] = "reset",
};

static const char *const vantage_names[] = {
    [TCPSTATE_VANTAGE_UNKNOWN] = "unknown",
    [TCPSTATE_VANTAGE_CLIENT_SIDE] = "client side",
    [TCPSTATE_VANTAGE_MIDDLE] = "middle",
    [TCPSTATE_VANTAGE_SERVER_SIDE] = "server side",
};

static const char *const party_names[] = {
    [TCPSTATE_NOBODY] = "",
    [TCPSTATE_BY_CLIENT] = "client",
    [TCPSTATE_BY_SERVER] = "server",
    [TCPSTATE_BY_BOTH] = "both",
};

static const char *const close_kind_names[] = {
    [TCPSTATE_CLOSE_UNDECIDED] = "",
    [TCPSTATE_CLOSE_FOUR_WAY] = "four-way",
    [TCPSTATE_CLOSE_THREE_SEGMENT] = "three-segment",
    [TCPSTATE_CLOSE_SIMULTANEOUS] = "simultaneous",
    [TCPSTATE_CLOSE_FIN_RESET] = "fin-reset",
    [TCPSTATE_CLOSE_RESET] = "reset",
};

static const char *const outcome_names[] = {
    [TCPSTATE_OUTCOME_UNKNOWN] = "unknown",         [TCPSTATE_OUTCOME_REFUSED] = "refused",
    [TCPSTATE_OUTCOME_UNANSWERED] = "unanswered",   [TCPSTATE_OUTCOME_RESET] = "reset",
    [TCPSTATE_OUTCOME_CLOSED] = "closed",           [TCPSTATE_OUTCOME_CLOSING] = "closing",
    [TCPSTATE_OUTCOME_HALF_CLOSED] = "half-closed", [TCPSTATE_OUTCOME_ESTABLISHED] = "established",
    [TCPSTATE_OUTCOME_INCOMPLETE] = "incomplete",
};

static const char *const conn_state_names[] = {
    [TCPSTATE_CONN_S0] = "S0",       [TCPSTATE_CONN_S1] = "S1",     [TCPSTATE_CONN_SF] = "SF",
    [TCPSTATE_CONN_REJ] = "REJ",     [TCPSTATE_CONN_S2] = "S2",     [TCPSTATE_CONN_S3] = "S3",
    [TCPSTATE_CONN_RSTO] = "RSTO",   [TCPSTATE_CONN_RSTR] = "RSTR", [TCPSTATE_CONN_RSTOS0] = "RSTOS0",
    [TCPSTATE_CONN_RSTRH] = "RSTRH", [TCPSTATE_CONN_SH] = "SH",     [TCPSTATE_CONN_SHR] = "SHR",
    [TCPSTATE_CONN_OTH] = "OTH",
};

static const char *const kind_names[] = {
    [TCPSTATE_VIOLATION] = "violation",
    [TCPSTATE_ANOMALY] = "anomaly",
    [TCPSTATE_MILESTONE] = "milestone",
    [TCPSTATE_ARTIFACT] = "artifact",
};

static const char *const step_names[] = {
    [TCPSTATE_STEP_NONE] = "",
    [TCPSTATE_STEP_HANDSHAKE_1] = "handshake 1/3",
    [TCPSTATE_STEP_HANDSHAKE_2] = "handshake 2/3",
    [TCPSTATE_STEP_HANDSHAKE_3] = "handshake 3/3",
    [TCPSTATE_STEP_SIM_OPEN_2] = "simultaneous open 2/4",
    [TCPSTATE_STEP_SIM_OPEN_3] = "simultaneous open 3/4",
    [TCPSTATE_STEP_SIM_OPEN_4] = "simultaneous open 4/4",
    [TCPSTATE_STEP_CLOSE_1] = "close 1/4",
    [TCPSTATE_STEP_CLOSE_2] = "close 2/4",
    [TCPSTATE_STEP_CLOSE_2_3] = "close 2+3/4",
    [TCPSTATE_STEP_CLOSE_3] = "close 3/4",
    [TCPSTATE_STEP_CLOSE_4] = "close 4/4",
    [TCPSTATE_STEP_SIM_CLOSE_2] = "simultaneous close 2/4",
    [TCPSTATE_STEP_SIM_CLOSE_3] = "simultaneous close 3/4",
    [TCPSTATE_STEP_SIM_CLOSE_4] = "simultaneous close 4/4",
};

_Static_assert(COUNT(state_names) == TCPSTATE_STATES, "a state lacks its name");
_Static_assert(COUNT(event_names) == TCPSTATE_EVENTS, "an event lacks its name");
_Static_assert(COUNT(finding_infos) == TCPSTATE_FINDINGS, "a finding lacks its row");
_Static_assert(COUNT(conn_state_names) == TCPSTATE_CONN_STATES, "a conn_state lacks its name");
_Static_assert(COUNT(kind_names) == TCPSTATE_KINDS, "a kind lacks its name");
_Static_assert(COUNT(step_names) == TCPSTATE_STEPS, "a step lacks its name");

#define NAME(table, value)                                                                                             \
    do {                                                                                                               \
        assert((size_t)(value) < COUNT(table));                                                                        \
        return (table)[value];                                                                                         \
    } while (0)

const char *tcpstate_state_name(enum tcpstate_state state) { NAME(state_names, state); }
const char *tcpstate_event_name(enum tcpstate_event event) { NAME(event_names, event); }
const char *tcpstate_role_name(enum tcpstate_role role) { NAME(role_names, role); }
const char *tcpstate_certainty_name(enum tcpstate_certainty certainty) { NAME(certainty_names, certainty); }
const char *tcpstate_roles_name(enum tcpstate_roles roles) { NAME(roles_names, roles); }
const char *tcpstate_phase_name(enum tcpstate_phase phase) { NAME(phase_names, phase); }
const char *tcpstate_vantage_name(enum tcpstate_vantage vantage) { NAME(vantage_names, vantage); }
const char *tcpstate_party_name(enum tcpstate_party party) { NAME(party_names, party); }
const char *tcpstate_close_kind_name(enum tcpstate_close_kind kind) { NAME(close_kind_names, kind); }
const char *tcpstate_outcome_name(enum tcpstate_outcome outcome) { NAME(outcome_names, outcome); }
const char *tcpstate_conn_state_name(enum tcpstate_conn_state state) { NAME(conn_state_names, state); }
const char *tcpstate_kind_name(enum tcpstate_kind kind) { NAME(kind_names, kind); }
const char *tcpstate_step_name(enum tcpstate_step step) { NAME(step_names, step); }

const struct tcpstate_finding_info *tcpstate_finding_info(enum tcpstate_finding_id id) {
    assert((size_t)id < COUNT(finding_infos));
    return &finding_infos[id];
}

enum tcpstate_severity tcpstate_weak_severity(enum tcpstate_finding_id id) {
    enum tcpstate_severity severity = tcpstate_finding_info(id)->severity;

    switch (severity) {
    case TCPSTATE_ERROR: return TCPSTATE_WARNING;
    case TCPSTATE_WARNING: return TCPSTATE_NOTE;
    case TCPSTATE_NOTE:
    case TCPSTATE_CHAT: break;
    }
    return severity;
}
