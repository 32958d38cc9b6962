/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Most frames are dissected without anybody looking at our fields. So nothing is formatted before somebody has asked
 * for it: a tree that is shown, a filter or a column that names a field, a listener of expert information.
 *
 * To add a field: a variable, a row in present_register(), a line in one of the show_ functions, a row in the README.
 */
#include "present.h"

#include "compat.h"

#include <epan/expert.h>
#include <epan/tap.h>
#include <epan/to_str.h>

#include <stdio.h>
#include <string.h>

/* ---- fields --------------------------------------------------------------------------------------------------- */

/* A number with names, so that filters are checked, and a hidden string, as `-T fields` and JSON print the number. */
struct enumeration {
    int field, name;
};

#define NO_ENUMERATION                                                                                                 \
    { -1, -1 }

/* By enum tcpstate_role. */
struct end_fields {
    int address, fin_frame, dwell;
    struct enumeration before, state, certainty, settled;
};

#define NO_END_FIELDS                                                                                                  \
    { -1, -1, -1, NO_ENUMERATION, NO_ENUMERATION, NO_ENUMERATION, NO_ENUMERATION }

static int proto_tcpstate = -1;
static gint ett_tcpstate = -1;
static struct end_fields hf_end[2] = {NO_END_FIELDS, NO_END_FIELDS};
static struct enumeration hf_sender = NO_ENUMERATION, hf_roles = NO_ENUMERATION, hf_phase = NO_ENUMERATION,
                          hf_vantage = NO_ENUMERATION, hf_opened_by = NO_ENUMERATION, hf_closed_by = NO_ENUMERATION,
                          hf_close_kind = NO_ENUMERATION, hf_settled_closed_by = NO_ENUMERATION,
                          hf_settled_close_kind = NO_ENUMERATION, hf_outcome = NO_ENUMERATION;
static int hf_connection = -1, hf_contradicted_in = -1, hf_transition = -1, hf_step = -1, hf_explanation = -1,
           hf_more = -1, hf_rfc = -1, hf_finding = -1, hf_finding_text = -1, hf_uncertain = -1, hf_syn_frame = -1,
           hf_synack_frame = -1, hf_handshake_ack_frame = -1, hf_rst_frame = -1, hf_cause_frame = -1,
           hf_story_frame = -1, hf_handshake_time = -1, hf_handshake_server_time = -1, hf_handshake_client_time = -1,
           hf_close_time = -1, hf_conn_state = -1, hf_history = -1;
static int hf_kind[TCPSTATE_KINDS] = {-1, -1, -1, -1};

/* The severity of an expert field is fixed when it is registered, so there are two with one name. */
static expert_field ei_strong[TCPSTATE_FINDINGS], ei_weak[TCPSTATE_FINDINGS];
static int expert_tap;

enum { NAMES_MAX = 24, TEXT_MAX = 1024 };

/* The names of an enumeration, for Wireshark. The strings are the engine's. */
struct names {
    value_string rows[NAMES_MAX];
    unsigned count;
};

static struct names state_names, role_names, certainty_names, roles_names, phase_names, vantage_names, party_names,
    close_kind_names, outcome_names;

static void add_name(struct names *names, uint32_t value, const char *name) {
    DISSECTOR_ASSERT(names->count + 1 < NAMES_MAX); /* the last row stays empty: it ends the table */
    names->rows[names->count++] = (value_string){value, name};
}

/* ---- one item of the tree ------------------------------------------------------------------------------------- */

/* Where the items of a segment go. */
struct page {
    packet_info *pinfo;
    tvbuff_t *tvb;
    proto_tree *tree;
};

static void add_uint(const struct page *page, int field, uint32_t value) {
    proto_item_set_generated(proto_tree_add_uint(page->tree, field, page->tvb, 0, 0, value));
}

static void add_string(const struct page *page, int field, const char *value) {
    proto_item_set_generated(proto_tree_add_string(page->tree, field, page->tvb, 0, 0, value));
}

static void add_enumeration(const struct page *page, const struct enumeration *enumeration, uint32_t value,
                            const char *name) {
    add_uint(page, enumeration->field, value);
    if (!proto_field_is_referenced(page->tree, enumeration->name))
        return;
    proto_item *item = proto_tree_add_string(page->tree, enumeration->name, page->tvb, 0, 0, name);
    proto_item_set_generated(item);
    proto_item_set_hidden(item);
}

/* Frames that come later are not linked: in the first pass nobody knew of them. */
static void add_frame(const struct page *page, int field, uint32_t frame) {
    if (frame != 0 && frame <= page->pinfo->num)
        add_uint(page, field, frame);
}

static void add_time(const struct page *page, int field, int64_t time_ns) {
    if (time_ns < 0)
        return;
    const nstime_t time = {.secs = (time_t)(time_ns / 1000000000), .nsecs = (int)(time_ns % 1000000000)};
    proto_item_set_generated(proto_tree_add_time(page->tree, field, page->tvb, 0, 0, &time));
}

/* What fits into one line of the tree beside a title; Wireshark cuts the rest. */
enum { LINE_MAX_OCTETS = ITEM_LABEL_LENGTH - 32 };

/* Octets of `text` that one line takes: as many sentences as fit, else as many characters. */
static size_t line_length(const char *text) {
    static const char *const ends[] = {". ", "; ", ": ", "。", "；", "："};
    size_t best = 0, at = 0;
    if (strlen(text) <= LINE_MAX_OCTETS)
        return strlen(text);
    for (const char *next = text; at <= LINE_MAX_OCTETS; next = g_utf8_next_char(next), at = (size_t)(next - text))
        for (size_t i = 0; i < array_length(ends); i++)
            if (g_str_has_prefix(next, ends[i]) && at + strlen(ends[i]) <= LINE_MAX_OCTETS)
                best = at + strlen(ends[i]);
    if (best)
        return best;
    const char *last = g_utf8_find_prev_char(text, text + LINE_MAX_OCTETS + 1);
    return last && last > text ? (size_t)(last - text) : LINE_MAX_OCTETS;
}

/* The value of the field is the whole text. What does not fit into its line goes into lines of its own below it. */
static proto_item *add_text(const struct page *page, int field, const char *title, const char *text) {
    proto_item *first = NULL;
    const char *rest = text;
    do {
        const size_t size = line_length(rest);
        const char *line = g_strchomp(wmem_strndup(page->pinfo->pool, rest, size));
        proto_item *item =
            first ? proto_tree_add_string_format(page->tree, hf_more, page->tvb, 0, 0, line, "    %s", line)
                  : proto_tree_add_string_format(page->tree, field, page->tvb, 0, 0, text, "%s: %s", title, line);
        proto_item_set_generated(item);
        first = first ? first : item;
        rest += size;
    } while (*rest);
    return first;
}

/* ---- texts ---------------------------------------------------------------------------------------------------- */

static const char *state_name(uint8_t state) { return tcpstate_state_name((enum tcpstate_state)state); }

static void format_step(const struct tcpstate_report *report, char *text, size_t size) {
    snprintf(text, size, "%s%s", tcpstate_step_name((enum tcpstate_step)report->step),
             report->step_again ? " again" : "");
}

/* "client ESTABLISHED -> FIN-WAIT-1"; false if that end stays where it is. */
static bool format_transition(const struct tcpstate_report *report, int role, char *text, size_t size) {
    const struct tcpstate_end_report *end = &report->end[role];
    if (end->before == end->state)
        return false;
    snprintf(text, size, "%s %s -> %s%s", tcpstate_role_name((enum tcpstate_role)role), state_name(end->before),
             state_name(end->state), end->taken_back ? " (taken back)" : "");
    return true;
}

/* The end of the tuple that plays a role. */
static const struct tuple_end *end_of_role(const struct capture_view *view, int role) {
    const unsigned client = view->summary->client_direction & 1;
    return &view->tuple->end[role == TCPSTATE_CLIENT ? client : !client];
}

/* "192.0.2.1:49152", "[2001:db8::1]:80" */
static const char *format_address(const struct page *page, const struct capture_view *view, int role) {
    const struct tuple_end *end = end_of_role(view, role);
    const int type = view->tuple->address_length == 4    ? AT_IPv4
                     : view->tuple->address_length == 16 ? AT_IPv6
                                                         : page->pinfo->src.type;
    const address place = ADDRESS_INIT(type, view->tuple->address_length, end->address);
    const char *text = view->tuple->address_length ? address_to_str(page->pinfo->pool, &place) : "";
    return wmem_strdup_printf(page->pinfo->pool, type == AT_IPv6 ? "[%s]:%u" : "%s:%u", text, end->port);
}

static void finding_text(const struct capture_view *view, const struct tcpstate_finding *finding,
                         const struct presentation *presentation, char *text, size_t size) {
    if (presentation->is_quiz)
        snprintf(text, size, "%s", tcpstate_finding_info((enum tcpstate_finding_id)finding->id)->id);
    else
        tcpstate_finding_text(finding, &view->segment, &view->report, view->summary, presentation->language, text,
                              size);
}

/* ---- findings ------------------------------------------------------------------------------------------------- */

/* Those of the report, then those that only the end of the capture can tell. */
static unsigned finding_count(const struct capture_view *view) {
    return view->report.finding_count + view->final_count;
}

static const struct tcpstate_finding *finding_at(const struct capture_view *view, unsigned index) {
    return index < view->report.finding_count ? &view->report.findings[index]
                                              : &view->finals[index - view->report.finding_count];
}

/* Wireshark's own TCP dissector has an expert field for this one. */
static bool has_expert(uint8_t id) { return id != TCPSTATE_FINDING_ack_number_without_ack_flag; }

static expert_field *expert_of(const struct tcpstate_finding *finding) {
    const enum tcpstate_finding_id id = (enum tcpstate_finding_id)finding->id;
    const bool is_lowered = finding->weak && tcpstate_weak_severity(id) != tcpstate_finding_info(id)->severity;
    return is_lowered ? &ei_weak[id] : &ei_strong[id];
}

static void add_experts(const struct page *page, proto_item *item, const struct capture_view *view,
                        const struct presentation *presentation) {
    for (unsigned i = 0; i < finding_count(view); i++) {
        const struct tcpstate_finding *finding = finding_at(view, i);
        char text[TEXT_MAX];
        if (!has_expert(finding->id))
            continue;
        finding_text(view, finding, presentation, text, sizeof(text));
        const size_t size = line_length(text);
        expert_add_info_format(page->pinfo, item, expert_of(finding), "%.*s%s", (int)size, text, text[size] ? "…" : "");
    }
}

/* For the Expert column and the highest severity of the file, when nobody reads the texts. */
static void add_experts_unread(packet_info *pinfo, const struct tcpstate_finding *findings, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (has_expert(findings[i].id))
            expert_add_info(pinfo, NULL, expert_of(&findings[i]));
}

/* The whole text of a finding. Where the expert information has room for it, it is not shown twice. */
static void add_finding_text(const struct page *page, const struct capture_view *view,
                             const struct tcpstate_finding *finding, const struct presentation *presentation) {
    char text[TEXT_MAX];
    if (!proto_field_is_referenced(page->tree, hf_finding_text))
        return;
    finding_text(view, finding, presentation, text, sizeof(text));
    proto_item *item = add_text(page, hf_finding_text, "Text", text);
    if (strlen(text) <= LINE_MAX_OCTETS && has_expert(finding->id))
        proto_item_set_hidden(item);
}

static void show_findings(const struct page *page, const struct capture_view *view,
                          const struct presentation *presentation) {
    uint32_t last_cause = 0;
    for (unsigned i = 0; i < finding_count(view); i++) {
        const struct tcpstate_finding *finding = finding_at(view, i);
        const struct tcpstate_finding_info *info = tcpstate_finding_info((enum tcpstate_finding_id)finding->id);
        add_string(page, hf_finding, info->id);
        add_string(page, hf_kind[info->kind], info->id);
        add_finding_text(page, view, finding, presentation);
        if (finding->cause_frame != last_cause)
            add_frame(page, hf_cause_frame, finding->cause_frame);
        last_cause = finding->cause_frame;
        for (unsigned k = 0; k < TCPSTATE_VIA; k++)
            if (finding->via_frame[k] != 0) /* later ones too: a final finding knows them */
                add_uint(page, hf_story_frame, finding->via_frame[k]);
    }
    proto_item_set_generated(proto_tree_add_boolean(page->tree, hf_uncertain, page->tvb, 0, 0, view->report.uncertain));
}

/* ---- the parts of the subtree --------------------------------------------------------------------------------- */

static void show_who(const struct page *page, const struct capture_view *view) {
    const struct tcpstate_report *report = &view->report;
    add_uint(page, hf_connection, view->connection);
    for (int role = TCPSTATE_CLIENT; role <= TCPSTATE_SERVER; role++)
        if (proto_field_is_referenced(page->tree, hf_end[role].address))
            add_string(page, hf_end[role].address, format_address(page, view, role));
    if (report->sender != TCPSTATE_NO_ROLE && !view->is_icmp_error)
        add_enumeration(page, &hf_sender, report->sender, tcpstate_role_name((enum tcpstate_role)report->sender));
    add_enumeration(page, &hf_roles, view->summary->roles,
                    tcpstate_roles_name((enum tcpstate_roles)view->summary->roles));
}

static void explain(const struct capture_view *view, const struct presentation *presentation, char *text, size_t size) {
    if (view->is_icmp_error)
        tcpstate_icmp_explain(&view->icmp, &view->report, view->summary, presentation->language, text, size);
    else
        tcpstate_explain(&view->segment, &view->report, view->summary, presentation->language, text, size);
}

static void show_what_happened(const struct page *page, const struct capture_view *view,
                               const struct presentation *presentation) {
    const struct tcpstate_report *report = &view->report;
    char text[TEXT_MAX];
    if (report->step != TCPSTATE_STEP_NONE) {
        format_step(report, text, sizeof(text));
        add_string(page, hf_step, text);
    }
    if (!presentation->is_quiz) {
        for (int role = TCPSTATE_CLIENT; role <= TCPSTATE_SERVER; role++)
            if (format_transition(report, role, text, sizeof(text)))
                add_string(page, hf_transition, text);
        if (proto_field_is_referenced(page->tree, hf_explanation)) {
            explain(view, presentation, text, sizeof(text));
            if (text[0])
                add_text(page, hf_explanation, "Explanation", text);
        }
    }
    const char *rfc = view->is_icmp_error ? tcpstate_icmp_rfc(report) : tcpstate_rfc(report);
    if (rfc[0])
        add_string(page, hf_rfc, rfc);
}

static void show_end(const struct page *page, const struct capture_view *view, int role) {
    const struct tcpstate_end_report *end = &view->report.end[role];
    const struct end_fields *fields = &hf_end[role];
    add_enumeration(page, &fields->before, end->before, state_name(end->before));
    add_enumeration(page, &fields->state, end->state, state_name(end->state));
    add_enumeration(page, &fields->certainty, end->certainty,
                    tcpstate_certainty_name((enum tcpstate_certainty)end->certainty));
    if (view->is_later_pass)
        add_enumeration(page, &fields->settled, view->settled[role], state_name(view->settled[role]));
    add_time(page, fields->dwell, end->dwell_ns);
}

static void show_links(const struct page *page, const struct capture_view *view) {
    const struct tcpstate_summary *summary = view->summary;
    add_frame(page, hf_syn_frame, summary->syn_frame);
    add_frame(page, hf_synack_frame, summary->synack_frame);
    add_frame(page, hf_handshake_ack_frame, summary->handshake_ack_frame);
    for (int role = TCPSTATE_CLIENT; role <= TCPSTATE_SERVER; role++)
        add_frame(page, hf_end[role].fin_frame,
                  tcpstate_fin(summary, (enum tcpstate_role)role, view->segment.frame, &(uint32_t){0}));
    add_frame(page, hf_rst_frame, tcpstate_rst_frame(summary, view->segment.frame));
}

static void show_times(const struct page *page, const struct capture_view *view) {
    const struct tcpstate_summary *summary = view->summary;
    if (view->report.completes_handshake)
        add_time(page, hf_handshake_time, summary->handshake_time_ns);
    if (view->report.shows_server_time)
        add_time(page, hf_handshake_server_time, summary->handshake_server_ns);
    if (view->report.completes_handshake)
        add_time(page, hf_handshake_client_time, summary->handshake_client_ns);
    if (view->report.completes_close)
        add_time(page, hf_close_time, summary->close_time_ns);
}

static void add_party(const struct page *page, const struct enumeration *enumeration, uint8_t party) {
    if (party != TCPSTATE_NOBODY)
        add_enumeration(page, enumeration, party, tcpstate_party_name((enum tcpstate_party)party));
}

static void add_close_kind(const struct page *page, const struct enumeration *enumeration, uint8_t kind) {
    if (kind != TCPSTATE_CLOSE_UNDECIDED)
        add_enumeration(page, enumeration, kind, tcpstate_close_kind_name((enum tcpstate_close_kind)kind));
}

static void show_connection(const struct page *page, const struct capture_view *view,
                            const struct presentation *presentation) {
    const struct tcpstate_report *report = &view->report;
    const struct tcpstate_summary *summary = view->summary;
    const bool knows_the_end = view->is_later_pass && !presentation->is_quiz;
    const enum tcpstate_outcome outcome =
        (enum tcpstate_outcome)(knows_the_end ? view->in_the_end->outcome : report->outcome);
    const enum tcpstate_conn_state conn_state =
        (enum tcpstate_conn_state)(knows_the_end ? view->in_the_end->conn_state : report->conn_state);
    char history[TCPSTATE_HISTORY + 1] = "";

    add_enumeration(page, &hf_phase, report->phase, tcpstate_phase_name((enum tcpstate_phase)report->phase));
    add_enumeration(page, &hf_vantage, report->vantage, tcpstate_vantage_name((enum tcpstate_vantage)report->vantage));
    add_party(page, &hf_opened_by, report->opened_by);
    add_party(page, &hf_closed_by, report->closed_by);
    add_close_kind(page, &hf_close_kind, report->close_kind);
    if (knows_the_end) {
        add_party(page, &hf_settled_closed_by, view->in_the_end->closed_by);
        add_close_kind(page, &hf_settled_close_kind, view->in_the_end->close_kind);
    }
    add_enumeration(page, &hf_outcome, outcome, tcpstate_outcome_name(outcome));
    add_string(page, hf_conn_state, tcpstate_conn_state_name(conn_state));
    memcpy(history, summary->history, MIN(report->history_length, TCPSTATE_HISTORY));
    add_string(page, hf_history, history);
}

/* "TCP Connection State, client ESTABLISHED, server CLOSE-WAIT: close 1/4", "...: ICMP error" */
static proto_item *show_top(const struct page *page, const struct capture_view *view,
                            const struct presentation *presentation) {
    const struct tcpstate_report *report = &view->report;
    char step[64], states[64] = "";
    format_step(report, step, sizeof(step));
    if (view->is_icmp_error)
        snprintf(step, sizeof(step), "ICMP error");
    if (!presentation->is_quiz)
        snprintf(states, sizeof(states), ", client %s, server %s", state_name(report->end[TCPSTATE_CLIENT].state),
                 state_name(report->end[TCPSTATE_SERVER].state));
    return proto_tree_add_protocol_format(page->tree, proto_tcpstate, page->tvb, 0, 0, "TCP Connection State%s%s%s",
                                          states, step[0] ? ": " : "", step);
}

/* Expert information hangs on the top item, so that is made for its readers, too. */
static void show_segment(const struct page *frame, const struct capture_view *view,
                         const struct presentation *presentation, bool with_fields) {
    proto_item *top = show_top(frame, view, presentation);
    proto_item_set_generated(top);
    if (with_fields) {
        const struct page page = {frame->pinfo, frame->tvb, proto_item_add_subtree(top, ett_tcpstate)};
        show_who(&page, view);
        show_what_happened(&page, view, presentation);
        if (!presentation->is_quiz)
            for (int role = TCPSTATE_CLIENT; role <= TCPSTATE_SERVER; role++)
                show_end(&page, view, role);
        if (!presentation->is_quiz && view->contradicted_in != 0)
            add_uint(&page, hf_contradicted_in, view->contradicted_in);
        show_findings(&page, view, presentation);
        if (!view->is_icmp_error) {
            show_links(&page, view);
            show_times(&page, view);
            show_connection(&page, view, presentation);
        }
    }
    add_experts(frame, top, view, presentation);
}

/* The step, or where there is none the transitions. */
static void show_info(packet_info *pinfo, const struct capture_view *view, const struct presentation *presentation) {
    char text[128];
    if (view->report.step != TCPSTATE_STEP_NONE) {
        format_step(&view->report, text, sizeof(text));
        col_append_sep_fstr(pinfo->cinfo, COL_INFO, " ", "[%s]", text);
        return;
    }
    for (int role = TCPSTATE_CLIENT; role <= TCPSTATE_SERVER && !presentation->is_quiz; role++)
        if (format_transition(&view->report, role, text, sizeof(text)))
            col_append_sep_fstr(pinfo->cinfo, COL_INFO, " ", "[%s]", text);
}

static bool names_a_state(const char *id) {
    static const char *const names[] = {"listen",     "syn_sent", "syn_received", "established", "fin_wait",
                                        "close_wait", "closing",  "last_ack",     "time_wait"};
    for (size_t i = 0; i < array_length(names); i++)
        if (strstr(id, names[i]))
            return true;
    return false;
}

/* Of a quiz: findings that name a state, and what only the rest of the capture tells. */
static void hide_answers(struct capture_view *view) {
    struct tcpstate_report *report = &view->report;
    unsigned kept = 0;
    for (unsigned i = 0; i < report->finding_count; i++)
        if (!names_a_state(tcpstate_finding_info((enum tcpstate_finding_id)report->findings[i].id)->id))
            report->findings[kept++] = report->findings[i];
    report->finding_count = (uint8_t)kept;
    view->final_count = 0;
}

void present_frame(packet_info *pinfo, tvbuff_t *tvb, proto_tree *tree, struct capture_state *state, uint32_t first,
                   unsigned count, const struct presentation *presentation) {
    const struct page page = {pinfo, tvb, tree};
    const bool fields_are_read = proto_field_is_referenced(tree, proto_tcpstate);
    const bool experts_are_read = have_tap_listener(expert_tap) || proto_field_is_referenced(tree, proto_expert);
    for (uint32_t record = first; record < first + count; record++) {
        struct capture_view view;
        if (!fields_are_read && !experts_are_read && !presentation->info_column) {
            const struct tcpstate_finding *findings;
            const unsigned found = capture_state_findings(state, record, &findings);
            add_experts_unread(pinfo, findings, found);
            continue;
        }
        capture_state_view(state, record, pinfo->fd->visited, &view);
        if (presentation->is_quiz)
            hide_answers(&view);
        show_segment(&page, &view, presentation, fields_are_read);
        if (presentation->info_column)
            show_info(pinfo, &view, presentation);
    }
}

/* ---- registration --------------------------------------------------------------------------------------------- */

static void register_names(void) {
    for (unsigned i = 0; i < TCPSTATE_STATES; i++)
        add_name(&state_names, i, tcpstate_state_name((enum tcpstate_state)i));
    for (unsigned i = TCPSTATE_CLIENT; i <= TCPSTATE_SERVER; i++)
        add_name(&role_names, i, tcpstate_role_name((enum tcpstate_role)i));
    for (unsigned i = TCPSTATE_NOTHING_TELLS; i <= TCPSTATE_PROVED; i++)
        add_name(&certainty_names, i, tcpstate_certainty_name((enum tcpstate_certainty)i));
    for (unsigned i = TCPSTATE_ROLES_SYN; i <= TCPSTATE_ROLES_GUESS; i++)
        add_name(&roles_names, i, tcpstate_roles_name((enum tcpstate_roles)i));
    for (unsigned i = TCPSTATE_PHASE_UNKNOWN; i <= TCPSTATE_PHASE_RESET; i++)
        add_name(&phase_names, i, tcpstate_phase_name((enum tcpstate_phase)i));
    for (unsigned i = TCPSTATE_VANTAGE_UNKNOWN; i <= TCPSTATE_VANTAGE_SERVER_SIDE; i++)
        add_name(&vantage_names, i, tcpstate_vantage_name((enum tcpstate_vantage)i));
    for (unsigned i = TCPSTATE_BY_CLIENT; i <= TCPSTATE_BY_BOTH; i++)
        add_name(&party_names, i, tcpstate_party_name((enum tcpstate_party)i));
    for (unsigned i = TCPSTATE_CLOSE_FOUR_WAY; i <= TCPSTATE_CLOSE_RESET; i++)
        add_name(&close_kind_names, i, tcpstate_close_kind_name((enum tcpstate_close_kind)i));
    for (unsigned i = TCPSTATE_OUTCOME_UNKNOWN; i <= TCPSTATE_OUTCOME_INCOMPLETE; i++)
        add_name(&outcome_names, i, tcpstate_outcome_name((enum tcpstate_outcome)i));
}

static void register_fields(void) {
    /* clang-format off */
#define FIELD(variable, title, abbreviation, type, display, strings, blurb)                                            \
    {&(variable), {title, "tcpstate." abbreviation, type, display, strings, 0x0, blurb, HFILL}}
#define NUMBER(variable, title, abbreviation, blurb)                                                                   \
    FIELD(variable, title, abbreviation, FT_UINT32, BASE_DEC, NULL, blurb)
#define TEXT(variable, title, abbreviation, blurb)                                                                     \
    FIELD(variable, title, abbreviation, FT_STRING, BASE_NONE, NULL, blurb)
#define FRAME(variable, title, abbreviation, blurb)                                                                    \
    FIELD(variable, title, abbreviation, FT_FRAMENUM, BASE_NONE, NULL, blurb)
#define TIME(variable, title, abbreviation, blurb)                                                                     \
    FIELD(variable, title, abbreviation, FT_RELATIVE_TIME, BASE_NONE, NULL, blurb)
#define ENUMERATION(variable, title, abbreviation, names, blurb)                                                       \
    FIELD(variable.field, title, abbreviation, FT_UINT8, BASE_DEC, VALS(names.rows), blurb),                           \
    FIELD(variable.name, title " (name)", abbreviation ".name", FT_STRING, BASE_NONE, NULL, "The same as text")
#define END(role, title, abbreviation)                                                                                 \
    TEXT(hf_end[role].address, title, abbreviation, "Address and port"),                                               \
    ENUMERATION(hf_end[role].before, title " state before", abbreviation ".before", state_names,                       \
                "State before this segment"),                                                                          \
    ENUMERATION(hf_end[role].state, title " state", abbreviation ".state", state_names,                                \
                "State after this segment has been sent and delivered"),                                               \
    ENUMERATION(hf_end[role].certainty, title " certainty", abbreviation ".certainty", certainty_names,                \
                "How sure the state is"),                                                                              \
    ENUMERATION(hf_end[role].settled, title " state settled", abbreviation ".settled", state_names,                    \
                "State in the light of the whole capture (later passes only)"),                                        \
    TIME(hf_end[role].dwell, title " dwell time", abbreviation ".dwell", "Time spent in the state just left"),         \
    FRAME(hf_end[role].fin_frame, title " FIN", abbreviation ".fin_frame", "First FIN of this endpoint")

    static hf_register_info fields[] = {
        NUMBER(hf_connection, "Connection", "connection", "Number of the connection, from 0"),
        END(TCPSTATE_CLIENT, "Client", "client"),
        END(TCPSTATE_SERVER, "Server", "server"),
        ENUMERATION(hf_sender, "Sender", "sender", role_names, "Who sent this segment"),
        ENUMERATION(hf_roles, "Roles by", "roles", roles_names, "How client and server were told apart"),
        FRAME(hf_contradicted_in, "Contradicted in", "contradicted_in",
              "The segment that contradicts a state shown here (later passes only)"),
        TEXT(hf_transition, "Transition", "transition", "Change of state of one endpoint"),
        ENUMERATION(hf_phase, "Phase", "phase", phase_names, "Phase of the connection"),
        TEXT(hf_step, "Step", "step", "Step of the handshake or the close, as textbooks number them"),
        TEXT(hf_explanation, "Explanation", "explanation", "What this segment did"),
        TEXT(hf_more, "More", "more", "The part of a long text that does not fit into one line of the tree"),
        TEXT(hf_rfc, "RFC", "rfc", "Where the rule stands"),
        TEXT(hf_finding, "Finding", "finding", "Identifier of something worth telling about this segment"),
        TEXT(hf_finding_text, "Finding text", "finding.text", "What the finding says"),
        TEXT(hf_kind[TCPSTATE_VIOLATION], "Violation", "violation", "An endpoint broke a rule or the state machine"),
        TEXT(hf_kind[TCPSTATE_ANOMALY], "Anomaly", "anomaly", "Legal but notable"),
        TEXT(hf_kind[TCPSTATE_MILESTONE], "Milestone", "milestone", "A step of the handshake or the close"),
        TEXT(hf_kind[TCPSTATE_ARTIFACT], "Artifact", "artifact", "Of the capture: nobody did anything wrong"),
        FIELD(hf_uncertain, "Uncertain", "uncertain", FT_BOOLEAN, BASE_NONE, NULL,
              "A state or finding rests on an assumption that the capture cannot settle"),
        FRAME(hf_syn_frame, "SYN", "syn_frame", "First SYN"),
        FRAME(hf_synack_frame, "SYN,ACK", "synack_frame", "First SYN,ACK"),
        FRAME(hf_handshake_ack_frame, "End of the handshake", "handshake_ack_frame",
              "The segment that completes the handshake"),
        FRAME(hf_rst_frame, "RST", "rst_frame", "The RST that ends the connection"),
        FRAME(hf_cause_frame, "Cause", "cause_frame", "The segment that caused a finding, or began its story"),
        FRAME(hf_story_frame, "Story", "story_frame", "A segment between the cause and this one that belongs to the story"),
        TIME(hf_handshake_time, "Handshake time", "handshake.time", "First SYN to the end of the handshake"),
        TIME(hf_handshake_server_time, "Handshake time, server side", "handshake.server_time",
             "Last SYN before the first SYN,ACK, to that"),
        TIME(hf_handshake_client_time, "Handshake time, client side", "handshake.client_time",
             "First SYN,ACK to the end of the handshake"),
        TIME(hf_close_time, "Close time", "close.time", "First FIN to the first ACK of the second"),
        ENUMERATION(hf_vantage, "Vantage point", "vantage", vantage_names, "Where the capture was taken"),
        ENUMERATION(hf_opened_by, "Opened by", "opened_by", party_names, "Active opener"),
        ENUMERATION(hf_closed_by, "Closed by", "closed_by", party_names, "Active closer"),
        ENUMERATION(hf_close_kind, "Close", "close.kind", close_kind_names, "How the connection was closed"),
    ENUMERATION(hf_settled_closed_by, "Closed by, settled", "closed_by.settled", party_names,
                "Active closer in the light of the whole capture"),
    ENUMERATION(hf_settled_close_kind, "Close, settled", "close.kind.settled", close_kind_names,
                "How the connection was closed, in the light of the whole capture"),
        ENUMERATION(hf_outcome, "Outcome", "outcome", outcome_names,
                    "What became of the connection, so far in the first pass, finally in a later one"),
        TEXT(hf_conn_state, "Zeek conn_state", "conn_state", "The outcome in Zeek's words"),
        TEXT(hf_history, "Zeek history", "history", "The history so far in Zeek's letters"),
    };
    /* clang-format on */
    proto_register_field_array(proto_tcpstate, fields, array_length(fields));
}

/* Findings about illegal flags and options; all others are about states and numbers. */
static bool is_about_header(const char *id) {
    static const char *const ids[] = {
        "syn_fin",
        "synack_fin",
        "syn_rst",
        "ack_flag_missing",
        "syn_urg",
        "ack_number_without_ack_flag",
        "broadcast_address",
        "option_not_offered",
        "syn_option_without_syn",
    };
    for (size_t i = 0; i < array_length(ids); i++)
        if (strcmp(id, ids[i]) == 0)
            return true;
    return false;
}

static int expert_severity(enum tcpstate_severity severity) {
    switch (severity) {
    case TCPSTATE_CHAT: return PI_CHAT;
    case TCPSTATE_NOTE: return PI_NOTE;
    case TCPSTATE_WARNING: return PI_WARN;
    case TCPSTATE_ERROR: return PI_ERROR;
    }
    return PI_NOTE;
}

/* "fin_retransmitted" -> "FIN retransmitted": what to call an expert field where there is no segment to speak of. */
static char *title_of(const char *id) {
    static const char *const acronyms[] = {"ack",    "ecn",   "fin",   "icmp", "isn", "rst", "syn",
                                           "synack", "tsecr", "tsval", "ttl",  "urg", NULL};
    char **words = g_strsplit(id, "_", -1);
    for (char **word = words; *word; word++) {
        const bool is_acronym = g_strv_contains(acronyms, *word);
        for (char *letter = *word; *letter; letter++)
            if (is_acronym || (word == words && letter == *word))
                *letter = g_ascii_toupper(*letter);
    }
    char *title = g_strjoinv(" ", words);
    g_strfreev(words);
    return title;
}

static void register_experts(void) {
    static ei_register_info experts[2 * TCPSTATE_FINDINGS];
    int count = 0;
    for (int i = 0; i < TCPSTATE_FINDINGS; i++) {
        const enum tcpstate_finding_id id = (enum tcpstate_finding_id)i;
        const struct tcpstate_finding_info *info = tcpstate_finding_info(id);
        const enum tcpstate_severity weak = tcpstate_weak_severity(id);
        ei_strong[i] = ei_weak[i] = (expert_field)EI_INIT;
        if (!has_expert((uint8_t)i))
            continue;
        expert_field_info field = {
            .name = g_strdup_printf("tcpstate.%s.%s", tcpstate_kind_name(info->kind), info->id),
            .group = is_about_header(info->id) ? PI_PROTOCOL : PI_SEQUENCE,
            .severity = expert_severity(info->severity),
            .summary = title_of(info->id),
        };
        experts[count++] = (ei_register_info){&ei_strong[i], field};
        if (weak != info->severity) {
            field.severity = expert_severity(weak);
            experts[count++] = (ei_register_info){&ei_weak[i], field};
        }
    }
    expert_register_field_array(expert_register_protocol(proto_tcpstate), experts, count);
}

void present_register(int protocol) {
    static gint *subtrees[] = {&ett_tcpstate};
    proto_tcpstate = protocol;
    register_names();
    register_fields();
    proto_register_subtree_array(subtrees, array_length(subtrees));
    register_experts();
}

void present_begin_file(void) { expert_tap = find_tap_id("expert"); }
