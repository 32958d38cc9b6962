/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   tuple -> conversation --newest--> connection --older--> connection        (structs of their own)
 *                 |
 *                 +--first--> record --next--> record --next--> ...            (one array, in frame order)
 *                               |  |
 *                               |  +--> extra   findings, events, times: for the few segments that have any
 *                               +-----> facts   the segment itself, without empty SACK blocks; or the ICMP error
 *
 * A record is found by a binary search for its frame. The facts are kept for the texts and for hindsight: when the end
 * of a conversation contradicts an assumption made on the way (tcpstate_has_new_verdicts()), all its segments are
 * judged again, the first time that somebody asks for one of them after they were all read.
 */
#include "capture_state.h"

#include <epan/wmem_scopes.h>

#include <assert.h>
#include <string.h>

enum { NO_RECORD = UINT32_MAX, NO_EXTRA = 0 };

/* A plain segment costs this and its facts. The bits are as wide as their enumerations need. */
struct record {
    uint32_t frame;
    uint32_t connection; /* within the file */
    uint32_t facts;      /* index into capture_state.facts */
    uint32_t extra;      /* index into capture_state.extras, NO_EXTRA: none */
    uint32_t next;       /* record of the same conversation */
    uint8_t ordinal, history_length;
    struct {
        uint8_t before : 4, state : 4;
    } end[2];
    uint8_t settled_client : 4, settled_server : 4;
    uint8_t step : 4, phase : 3, uncertain : 1;
    uint8_t certainty_client : 2, certainty_server : 2, taken_back_client : 1, taken_back_server : 1, sender : 2;
    uint8_t outcome : 4, closed_by : 2, opened_by : 2;
    uint8_t close_kind : 3, vantage : 2, acceptable : 2, was_in_flight : 1;
    uint8_t conn_state : 4, step_again : 1, completes_handshake : 1, completes_close : 1, shows_server_time : 1;
    uint8_t started_connection : 1, is_icmp_error : 1;
};

static_assert(sizeof(struct record) == 32, "half a cache line, one per segment of the capture");
static_assert(TCPSTATE_STATES <= 16 && TCPSTATE_STEPS <= 16 && TCPSTATE_CONN_STATES <= 16, "four bits each");
static_assert(TCPSTATE_OUTCOME_INCOMPLETE < 16 && TCPSTATE_PHASE_RESET < 8 && TCPSTATE_CLOSE_RESET < 8, "their bits");
static_assert(TCPSTATE_PROVED < 4 && TCPSTATE_NO_ROLE < 4 && TCPSTATE_BY_BOTH < 4 && TCPSTATE_CANNOT_TELL < 4 &&
                  TCPSTATE_VANTAGE_SERVER_SIDE < 4,
              "two bits each");
static_assert(TCPSTATE_HISTORY <= UINT8_MAX, "an octet");

/* What few segments have. */
struct extra {
    uint8_t event_count[2], events[2][5];
    uint8_t finding_count;
    int64_t dwell_ns[2];
    struct tcpstate_finding *findings; /* as many as `finding_count` */
};

struct connection {
    struct connection *older; /* of the same conversation */
    struct conversation *conversation;
    uint32_t number, file_number;           /* within the conversation, within the file */
    const struct tcpstate_summary *summary; /* NULL for the newest: the engine has it */
    struct tcpstate_summary *settled;       /* after a rerun that tells connections and roles apart alike, else NULL */
    int64_t replaced_ns;                    /* with `summary`: when the next one began */
};

struct conversation {
    struct tuple tuple;
    struct connection *newest;
    uint32_t first, last;     /* records */
    uint32_t segment_count;   /* of segments and ICMP errors */
    uint32_t hindsight_count; /* how many there were when hindsight was last taken */
    struct tcpstate_conversation engine;
    const struct tcpstate_conversation *rerun; /* the last one that was judged again, NULL: no need */
    bool doubtful;                             /* a later segment may show that the first pass was wrong */
    bool has_icmp_error;                       /* the likeliest course knows nothing of them */
    bool has_early_error;                      /* one came before any segment, and has no record */
    uint32_t early_error;                      /* its facts; of several the newest */
    bool has_course;                           /* the settled states are those of the likeliest course */
    wmem_array_t *contradictions;              /* struct contradiction, by record; NULL: none */
};

/* A record whose states the likeliest course tells otherwise, and the frame that shows it. */
struct contradiction {
    uint32_t record, frame;
};

struct capture_state {
    struct tcpstate_settings settings;
    wmem_map_t *conversations; /* struct tuple -> struct conversation */
    wmem_array_t *connections; /* struct connection *, by number */
    wmem_array_t *records;     /* struct record, in frame order */
    wmem_array_t *facts;       /* octets of struct tcpstate_segment, 8 at a time */
    wmem_array_t *extras;      /* struct extra */
    const struct supposition *suppositions;
    unsigned supposition_count;
    int64_t end_ns; /* when the last frame was captured */
};

/* ---- small things --------------------------------------------------------------------------------------------- */

static guint tuple_hash(gconstpointer key) {
    const uint8_t *octets = key;
    uint32_t hash = 0;
    for (size_t i = 0; i + 2 <= sizeof(struct tuple); i += 2) {
        uint16_t pair;
        memcpy(&pair, octets + i, sizeof(pair));
        hash = (hash ^ pair) * 0x9E3779B1u ^ hash >> 15;
    }
    return hash ^ hash >> 13;
}

static gboolean tuple_equal(gconstpointer a, gconstpointer b) { return memcmp(a, b, sizeof(struct tuple)) == 0; }

static struct record *record_at(const struct capture_state *state, uint32_t index) {
    return (struct record *)wmem_array_index(state->records, index);
}

static struct connection *connection_at(const struct capture_state *state, uint32_t number) {
    return *(struct connection **)wmem_array_index(state->connections, number);
}

static const struct tcpstate_summary *summary_of(const struct connection *connection) {
    return connection->summary ? connection->summary : tcpstate_summary(&connection->conversation->engine);
}

struct capture_state *capture_state_new(const struct tcpstate_settings *settings) {
    wmem_allocator_t *scope = wmem_file_scope();
    struct capture_state *state = wmem_new0(scope, struct capture_state);
    state->settings = *settings;
    state->conversations = wmem_map_new(scope, tuple_hash, tuple_equal);
    state->connections = wmem_array_sized_new(scope, sizeof(struct connection *), 64);
    state->records = wmem_array_sized_new(scope, sizeof(struct record), 1024);
    state->facts = wmem_array_sized_new(scope, sizeof(uint64_t), 8192);
    state->extras = wmem_array_sized_new(scope, sizeof(struct extra), 64);
    const struct extra none = {.finding_count = 0};
    wmem_array_append_one(state->extras, none); /* index NO_EXTRA */
    return state;
}

void capture_state_suppose(struct capture_state *state, const struct supposition *suppositions, unsigned count) {
    if (count)
        state->suppositions = wmem_memdup(wmem_file_scope(), suppositions, count * sizeof(*suppositions));
    state->supposition_count = count;
}

void capture_state_frame(struct capture_state *state, int64_t time_ns) { state->end_ns = time_ns; }

/* ---- facts ---------------------------------------------------------------------------------------------------- */

static uint32_t keep_facts(struct capture_state *state, const struct tcpstate_segment *segment) {
    uint64_t octets[(sizeof(*segment) + 7) / 8] = {0};
    const size_t size = tcpstate_segment_size(segment);
    assert(size <= sizeof(*segment));
    memcpy(octets, segment, size);
    const uint32_t index = wmem_array_get_count(state->facts);
    wmem_array_append(state->facts, octets, (guint)((size + 7) / 8));
    return index;
}

static void load_facts(const struct capture_state *state, uint32_t index, struct tcpstate_segment *segment) {
    const struct tcpstate_segment *kept = wmem_array_index(state->facts, index);
    memset(segment, 0, sizeof(*segment));
    memcpy(segment, kept, offsetof(struct tcpstate_segment, sack));
    memcpy(segment->sack, kept->sack, segment->sack_count * sizeof(segment->sack[0]));
}

static uint32_t keep_icmp(struct capture_state *state, const struct tcpstate_icmp *icmp) {
    uint64_t octets[(sizeof(*icmp) + 7) / 8] = {0};
    memcpy(octets, icmp, sizeof(*icmp));
    const uint32_t index = wmem_array_get_count(state->facts);
    wmem_array_append(state->facts, octets, array_length(octets));
    return index;
}

static void load_icmp(const struct capture_state *state, uint32_t index, struct tcpstate_icmp *icmp) {
    memcpy(icmp, wmem_array_index(state->facts, index), sizeof(*icmp));
}

/* ---- reports -------------------------------------------------------------------------------------------------- */

static uint32_t keep_extra(struct capture_state *state, const struct tcpstate_report *report) {
    const struct tcpstate_end_report *client = &report->end[TCPSTATE_CLIENT], *server = &report->end[TCPSTATE_SERVER];
    if (!report->finding_count && !client->event_count && !server->event_count && client->dwell_ns < 0 &&
        server->dwell_ns < 0)
        return NO_EXTRA;
    struct extra extra = {.finding_count = report->finding_count};
    for (int role = 0; role < 2; role++) {
        extra.event_count[role] = report->end[role].event_count;
        memcpy(extra.events[role], report->end[role].events, sizeof(extra.events[role]));
        extra.dwell_ns[role] = report->end[role].dwell_ns;
    }
    if (extra.finding_count)
        extra.findings =
            wmem_memdup(wmem_file_scope(), report->findings, extra.finding_count * sizeof(report->findings[0]));
    wmem_array_append_one(state->extras, extra);
    return wmem_array_get_count(state->extras) - 1;
}

static void load_extra(const struct capture_state *state, uint32_t index, struct tcpstate_report *report) {
    const struct extra *extra = wmem_array_index(state->extras, index);
    for (int role = 0; role < 2; role++) {
        report->end[role].event_count = extra->event_count[role];
        memcpy(report->end[role].events, extra->events[role], sizeof(extra->events[role]));
        report->end[role].dwell_ns = index == NO_EXTRA ? -1 : extra->dwell_ns[role];
    }
    report->finding_count = extra->finding_count;
    if (extra->finding_count)
        memcpy(report->findings, extra->findings, extra->finding_count * sizeof(report->findings[0]));
}

static struct record pack(const struct tcpstate_report *report) {
    const struct tcpstate_end_report *client = &report->end[TCPSTATE_CLIENT], *server = &report->end[TCPSTATE_SERVER];
    return (struct record){
        .history_length = (uint8_t)report->history_length,
        .end = {{.before = client->before & 0xFu, .state = client->state & 0xFu},
                {.before = server->before & 0xFu, .state = server->state & 0xFu}},
        .step = report->step & 0xFu,
        .phase = report->phase & 0x7u,
        .uncertain = report->uncertain,
        .certainty_client = client->certainty & 0x3u,
        .certainty_server = server->certainty & 0x3u,
        .taken_back_client = client->taken_back,
        .taken_back_server = server->taken_back,
        .sender = report->sender & 0x3u,
        .outcome = report->outcome & 0xFu,
        .closed_by = report->closed_by & 0x3u,
        .opened_by = report->opened_by & 0x3u,
        .close_kind = report->close_kind & 0x7u,
        .vantage = report->vantage & 0x3u,
        .acceptable = report->acceptable & 0x3u,
        .was_in_flight = report->was_in_flight,
        .conn_state = report->conn_state & 0xFu,
        .step_again = report->step_again,
        .completes_handshake = report->completes_handshake,
        .completes_close = report->completes_close,
        .shows_server_time = report->shows_server_time,
        .started_connection = report->started_connection,
    };
}

static void unpack(const struct record *record, struct tcpstate_report *report) {
    *report = (struct tcpstate_report){
        .started_connection = record->started_connection,
        .uncertain = record->uncertain,
        .step_again = record->step_again,
        .was_in_flight = record->was_in_flight,
        .sender = record->sender,
        .step = record->step,
        .phase = record->phase,
        .acceptable = record->acceptable,
        .end = {{.before = record->end[0].before,
                 .state = record->end[0].state,
                 .certainty = record->certainty_client,
                 .taken_back = record->taken_back_client},
                {.before = record->end[1].before,
                 .state = record->end[1].state,
                 .certainty = record->certainty_server,
                 .taken_back = record->taken_back_server}},
        .outcome = record->outcome,
        .closed_by = record->closed_by,
        .opened_by = record->opened_by,
        .close_kind = record->close_kind,
        .vantage = record->vantage,
        .conn_state = record->conn_state,
        .history_length = record->history_length,
        .completes_handshake = record->completes_handshake,
        .completes_close = record->completes_close,
        .shows_server_time = record->shows_server_time,
    };
}

/* ---- the first visit ------------------------------------------------------------------------------------------ */

static struct conversation *conversation_of(struct capture_state *state, const struct tuple *tuple) {
    struct conversation *conversation = wmem_map_lookup(state->conversations, tuple);
    if (!conversation) {
        conversation = wmem_new0(wmem_file_scope(), struct conversation);
        conversation->tuple = *tuple;
        conversation->first = conversation->last = NO_RECORD;
        wmem_map_insert(state->conversations, &conversation->tuple, conversation);
    }
    return conversation;
}

/* Makes the connection that a report speaks of, if it is new, and settles what the engine forgets of the one before. */
static void enter_connection(struct capture_state *state, struct conversation *conversation,
                             const struct tcpstate_report *report, int64_t time_ns) {
    struct connection *before = conversation->newest;
    if (before && before->number >= report->connection)
        return;
    if (before) {
        before->summary = wmem_memdup(wmem_file_scope(), tcpstate_previous_summary(&conversation->engine),
                                      sizeof(struct tcpstate_summary));
        before->replaced_ns = time_ns;
    }
    struct connection *connection = wmem_new(wmem_file_scope(), struct connection);
    *connection = (struct connection){
        .older = before,
        .conversation = conversation,
        .number = report->connection,
        .file_number = wmem_array_get_count(state->connections),
    };
    conversation->newest = connection;
    wmem_array_append_one(state->connections, connection);
}

static const struct connection *connection_numbered(const struct conversation *conversation, uint32_t number) {
    const struct connection *connection = conversation->newest;
    while (connection->number > number && connection->older)
        connection = connection->older;
    return connection;
}

static void append_record(struct capture_state *state, struct conversation *conversation, struct record record) {
    const uint32_t index = wmem_array_get_count(state->records);
    wmem_array_append_one(state->records, record);
    if (conversation->last == NO_RECORD)
        conversation->first = index;
    else
        record_at(state, conversation->last)->next = index;
    conversation->last = index;
    conversation->segment_count++;
}

void capture_state_segment(struct capture_state *state, const struct sourced_segment *sourced) {
    const struct tcpstate_segment *segment = &sourced->segment;
    struct conversation *conversation = conversation_of(state, &sourced->tuple);
    struct tcpstate_report report;
    tcpstate_segment(&conversation->engine, &state->settings, segment, &report);
    enter_connection(state, conversation, &report, segment->time_ns);

    struct record record = pack(&report);
    record.frame = segment->frame;
    record.ordinal = segment->ordinal;
    record.connection = connection_numbered(conversation, report.connection)->file_number;
    record.facts = keep_facts(state, segment);
    record.extra = keep_extra(state, &report);
    record.next = NO_RECORD;
    append_record(state, conversation, record);
    conversation->doubtful = conversation->doubtful || tcpstate_is_doubtful(&report);
}

bool capture_state_icmp_error(struct capture_state *state, const struct sourced_segment *sourced) {
    struct conversation *conversation = conversation_of(state, &sourced->tuple);
    struct tcpstate_report report;
    if (!conversation->newest) {
        conversation->engine = (struct tcpstate_conversation){0};
        conversation->has_early_error = true;
        conversation->early_error = keep_icmp(state, &sourced->icmp);
    }
    if (!tcpstate_icmp_error(&conversation->engine, &state->settings, &sourced->icmp, &report))
        return false;
    struct record record = pack(&report);
    record.is_icmp_error = true;
    conversation->has_icmp_error = true;
    record.frame = sourced->icmp.frame;
    record.ordinal = sourced->segment.ordinal;
    record.connection = connection_numbered(conversation, report.connection)->file_number;
    record.facts = keep_icmp(state, &sourced->icmp);
    record.extra = keep_extra(state, &report);
    record.next = NO_RECORD;
    append_record(state, conversation, record);
    return true;
}

uint32_t capture_state_count(const struct capture_state *state) { return wmem_array_get_count(state->records); }

/* ---- every visit ---------------------------------------------------------------------------------------------- */

/* A read filter (-R) makes Wireshark number frames by those that passed: several frames then have one number, and the
 * last of them is the one that is shown. Its records are the last ones of that number that begin with ordinal 0. */
unsigned capture_state_find(const struct capture_state *state, uint32_t frame, uint32_t *first) {
    uint32_t low = 0, high = wmem_array_get_count(state->records); /* the end of the records up to `frame` */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (record_at(state, middle)->frame <= frame)
            low = middle + 1;
        else
            high = middle;
    }
    unsigned count = 0;
    while (low > 0 && record_at(state, low - 1)->frame == frame) {
        count++;
        low--;
        if (record_at(state, low)->ordinal == 0)
            break;
    }
    *first = low;
    return count;
}

unsigned capture_state_findings(const struct capture_state *state, uint32_t record,
                                const struct tcpstate_finding **findings) {
    const struct extra *extra = wmem_array_index(state->extras, record_at(state, record)->extra);
    *findings = extra->findings;
    return extra->finding_count;
}

/* ---- hindsight ------------------------------------------------------------------------------------------------ */

/* Judges the segment or ICMP error of a record again. */
static void judge_record(const struct capture_state *state, const struct record *record,
                         struct tcpstate_conversation *rerun, struct tcpstate_report *report) {
    if (record->is_icmp_error) {
        struct tcpstate_icmp icmp;
        load_icmp(state, record->facts, &icmp);
        tcpstate_icmp_error(rerun, &state->settings, &icmp, report);
    } else {
        struct tcpstate_segment segment;
        load_facts(state, record->facts, &segment);
        tcpstate_segment(rerun, &state->settings, &segment, report);
    }
}

/* What became of a connection, as the rerun that has judged its last segment, of its connection `number`, knows it. */
static void settle(struct connection *connection, const struct tcpstate_conversation *rerun, uint32_t number) {
    const struct tcpstate_summary *settled = tcpstate_summary(rerun);
    if (number != connection->number || settled->client_direction != summary_of(connection)->client_direction) {
        connection->settled = NULL;
        return;
    }
    if (!connection->settled)
        connection->settled = wmem_new(wmem_file_scope(), struct tcpstate_summary);
    *connection->settled = *settled;
}

/* Judges all segments of a conversation again and notes the states as the settled ones. */
static void judge_again(struct capture_state *state, const struct conversation *conversation,
                        struct tcpstate_conversation *rerun) {
    struct connection *connection = NULL;
    struct tcpstate_report report;
    if (conversation->has_early_error) {
        struct tcpstate_icmp icmp;
        load_icmp(state, conversation->early_error, &icmp);
        tcpstate_icmp_error(rerun, &state->settings, &icmp, &report);
    }
    for (uint32_t index = conversation->first; index != NO_RECORD; index = record_at(state, index)->next) {
        struct record *record = record_at(state, index);
        if (connection && connection->file_number != record->connection)
            settle(connection, rerun, report.connection);
        connection = connection_at(state, record->connection);
        judge_record(state, record, rerun, &report);
        /* Client and server are those of the first pass, should the rerun tell them apart otherwise. */
        const int client = report.sender == record->sender ? TCPSTATE_CLIENT : TCPSTATE_SERVER;
        record->settled_client = report.end[client].state & 0xFu;
        record->settled_server = report.end[!client].state & 0xFu;
    }
    if (connection)
        settle(connection, rerun, report.connection);
}

/* The states of a record in the light of the likeliest course. */
static void settle_record(struct capture_state *state, struct conversation *conversation, uint32_t index,
                          const struct tcpstate_course_row *row, const struct tcpstate_segment *segments) {
    struct record *record = record_at(state, index);
    const uint8_t shown[2] = {record->end[0].state, record->end[1].state};
    uint8_t settled[2];
    const uint32_t decided = tcpstate_course_states(row, (enum tcpstate_role)record->sender, shown, settled);
    record->settled_client = settled[TCPSTATE_CLIENT] & 0xFu;
    record->settled_server = settled[TCPSTATE_SERVER] & 0xFu;
    if (decided == UINT32_MAX)
        return;
    const uint32_t frame = MAX(segments[decided].frame, record->frame); /* its own if those before tell already */
    if (!conversation->contradictions)
        conversation->contradictions = wmem_array_new(wmem_file_scope(), sizeof(struct contradiction));
    const struct contradiction contradiction = {.record = index, .frame = frame};
    wmem_array_append_one(conversation->contradictions, contradiction);
}

/* What became of a connection: `count` segments from `first` on. */
static void settle_connection(struct connection *connection, const struct tcpstate_course_row *rows,
                              const struct tcpstate_segment *segments, uint32_t first, uint32_t count) {
    const bool was_judged_again = connection->conversation->rerun && connection->settled;
    struct tcpstate_summary settled = was_judged_again ? *connection->settled : *summary_of(connection);
    tcpstate_course_outcome(rows, segments, first, count, &settled);
    if (!connection->settled)
        connection->settled = wmem_new(wmem_file_scope(), struct tcpstate_summary);
    *connection->settled = settled;
}

/* What the first pass has proved of the segment of a record, and what the user supposes. True: something is supposed. */
static bool find_premise(const struct capture_state *state, const struct record *record,
                         struct tcpstate_course_premise *premise) {
    const unsigned certainty = record->sender == TCPSTATE_CLIENT ? record->certainty_client : record->certainty_server;
    bool is_supposed = false;
    *premise = (struct tcpstate_course_premise){
        .proved = certainty == TCPSTATE_PROVED ? record->end[record->sender].state : TCPSTATE_STATES,
        .supposed_sender = TCPSTATE_STATES,
        .supposed_receiver = TCPSTATE_STATES,
    };
    for (unsigned i = 0; i < state->supposition_count; i++) {
        const struct supposition *supposed = &state->suppositions[i];
        if (supposed->frame != record->frame)
            continue;
        if (supposed->role == record->sender)
            premise->supposed_sender = (uint8_t)supposed->state;
        else
            premise->supposed_receiver = (uint8_t)supposed->state;
        is_supposed = true;
    }
    return is_supposed;
}

/* Settles all records of a conversation by its likeliest course, if that can be told. */
static void follow_course(struct capture_state *state, struct conversation *conversation) {
    const uint32_t count = conversation->segment_count;
    conversation->has_course = false;
    conversation->contradictions = NULL;
    if ((!conversation->doubtful && !state->supposition_count) || conversation->has_icmp_error ||
        tcpstate_error_ended_opening(&conversation->engine) || count > TCPSTATE_COURSE_SEGMENTS)
        return;
    const size_t size = tcpstate_course_size(count);
    void *workspace = wmem_alloc(NULL, size);
    struct tcpstate_segment *segments = wmem_alloc_array(NULL, struct tcpstate_segment, count);
    struct tcpstate_course_row *rows = wmem_alloc_array(NULL, struct tcpstate_course_row, count);
    struct tcpstate_course_premise *premises = wmem_alloc_array(NULL, struct tcpstate_course_premise, count);
    bool is_wanted = conversation->doubtful;
    uint32_t at = 0;
    for (uint32_t index = conversation->first; index != NO_RECORD; index = record_at(state, index)->next) {
        const struct record *record = record_at(state, index);
        is_wanted |= find_premise(state, record, &premises[at]);
        load_facts(state, record->facts, &segments[at++]);
    }
    conversation->has_course =
        is_wanted && tcpstate_course(&state->settings, segments, premises, count, workspace, size, rows);
    at = 0;
    uint32_t first = 0;
    for (uint32_t index = conversation->first; conversation->has_course && index != NO_RECORD;) {
        const struct record *record = record_at(state, index);
        settle_record(state, conversation, index, &rows[at++], segments);
        index = record->next;
        if (index == NO_RECORD || record_at(state, index)->connection != record->connection) {
            settle_connection(connection_at(state, record->connection), rows, segments, first, at - first);
            first = at;
        }
    }
    wmem_free(NULL, premises);
    wmem_free(NULL, rows);
    wmem_free(NULL, segments);
    wmem_free(NULL, workspace);
}

static uint32_t contradicted_by_course(const struct conversation *conversation, uint32_t record) {
    uint32_t low = 0, high = conversation->contradictions ? wmem_array_get_count(conversation->contradictions) : 0;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct contradiction *c = wmem_array_index(conversation->contradictions, middle);
        if (c->record == record)
            return c->frame;
        if (c->record < record)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static void take_hindsight(struct capture_state *state, struct conversation *conversation) {
    if (conversation->hindsight_count == conversation->segment_count)
        return;
    conversation->hindsight_count = conversation->segment_count;
    conversation->rerun = NULL;
    const struct tcpstate_conversation *judged = &conversation->engine;
    for (int i = 0; i < TCPSTATE_RERUNS && tcpstate_has_new_verdicts(judged); i++) {
        struct tcpstate_conversation *rerun = wmem_new0(wmem_file_scope(), struct tcpstate_conversation);
        tcpstate_obey(rerun, judged);
        judge_again(state, conversation, rerun);
        if (conversation->rerun)
            wmem_free(wmem_file_scope(), (void *)conversation->rerun);
        conversation->rerun = judged = rerun;
    }
    if (tcpstate_has_new_verdicts(&conversation->engine))
        conversation->doubtful = true;
    follow_course(state, conversation);
}

/* Is it the first segment of its connection in its frame? A final finding names a frame, and is told once. */
static bool is_first_in_frame(const struct capture_state *state, uint32_t index) {
    const struct record *record = record_at(state, index);
    if (record->is_icmp_error)
        return false;
    for (unsigned left = record->ordinal; left > 0 && index > 0; left--) {
        const struct record *before = record_at(state, --index);
        if (before->frame == record->frame && before->connection == record->connection && !before->is_icmp_error)
            return false;
    }
    return true;
}

static void view_hindsight(struct capture_state *state, uint32_t index, const struct connection *connection,
                           struct capture_view *view) {
    const struct record *record = record_at(state, index);
    struct conversation *conversation = connection->conversation;
    take_hindsight(state, conversation);
    view->settled[TCPSTATE_CLIENT] = view->report.end[TCPSTATE_CLIENT].state;
    view->settled[TCPSTATE_SERVER] = view->report.end[TCPSTATE_SERVER].state;
    if (conversation->rerun || conversation->has_course) {
        const bool differs = record->settled_client != view->settled[TCPSTATE_CLIENT] ||
                             record->settled_server != view->settled[TCPSTATE_SERVER];
        view->settled[TCPSTATE_CLIENT] = record->settled_client;
        view->settled[TCPSTATE_SERVER] = record->settled_server;
        if (differs && conversation->has_course)
            view->contradicted_in = contradicted_by_course(conversation, index);
        if (differs && view->contradicted_in == 0 && conversation->rerun)
            view->contradicted_in = tcpstate_contradicted_in(conversation->rerun, record->frame);
        if (connection->settled)
            view->in_the_end = connection->settled;
    }

    struct tcpstate_final_finding finals[TCPSTATE_FINAL_FINDINGS];
    const int64_t end_ns = connection->summary ? connection->replaced_ns : state->end_ns;
    const unsigned count =
        is_first_in_frame(state, index) ? tcpstate_final_findings(view->in_the_end, end_ns, finals) : 0;
    for (unsigned i = 0; i < count; i++)
        if (finals[i].frame == record->frame)
            view->finals[view->final_count++] = finals[i].finding;
}

void capture_state_view(struct capture_state *state, uint32_t record_index, bool is_later_pass,
                        struct capture_view *view) {
    const struct record *record = record_at(state, record_index);
    const struct connection *connection = connection_at(state, record->connection);
    view->connection = record->connection;
    view->tuple = &connection->conversation->tuple;
    view->summary = view->in_the_end = summary_of(connection);
    view->is_later_pass = is_later_pass;
    view->contradicted_in = 0;
    view->final_count = 0;
    view->is_icmp_error = record->is_icmp_error;
    if (view->is_icmp_error) {
        load_icmp(state, record->facts, &view->icmp);
        view->segment = tcpstate_icmp_quoted(&view->icmp);
    } else {
        load_facts(state, record->facts, &view->segment);
    }
    unpack(record, &view->report);
    view->report.connection = connection->number;
    load_extra(state, record->extra, &view->report);
    if (is_later_pass)
        view_hindsight(state, record_index, connection, view);
}
