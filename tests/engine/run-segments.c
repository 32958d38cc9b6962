/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine alone, as a filter: segments on standard input, what it concludes
 * from each on standard output.
 *
 *   run-segments [--settled] [--msl SECONDS] [--trust-checksums] < SEGMENTS
 *
 * A line of the input is a segment, in capture order, as words:
 *
 *   conversation direction time_ns frame ordinal flags seq ack length window
 * urgent_pointer digest sender_port receiver_port ip_id ttl traits options mss
 * shift tsval tsecr sack_count [left:right ...]
 *
 * numbers in decimal or, after 0x, in hexadecimal; empty lines and lines that
 * begin with # are skipped. A line of the output is a segment too: NAME=VALUE,
 * separated by tabs, repeated where there are several values. The names are
 * those of the plugin's fields without "tcpstate."; a field that is absent has
 * no word. So a test can hold this against tshark.
 *
 * Without --settled it prints what a first pass shows; with it, what a later
 * pass shows: hindsight, final words and the findings that only the end can
 * tell.
 */
#include "tcpstate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct connection {
    uint32_t conversation, number;   /* number: within the conversation */
    struct tcpstate_summary summary; /* the newest known */
    struct tcpstate_summary settled; /* the same in the light of the whole capture */
    int64_t end_ns;                  /* when a successor replaced it; -1 if none did */
};

struct conversation {
    uint32_t key, newest; /* newest: highest number of a connection */
    bool used;
    struct tcpstate_conversation *first, *last; /* of the first run and of the last rerun */
};

/* One segment and all that is printed of it. */
struct row {
    uint32_t key;
    size_t conversation, connection; /* indices */
    struct tcpstate_segment segment;
    struct tcpstate_report report;
    struct tcpstate_summary summary; /* as known at this segment */
    uint8_t settled[2];
    uint32_t contradicted_in, decided_in; /* decided_in: by the likeliest course */
};

static struct row *rows;
static size_t row_count;
static struct conversation *conversations;
static size_t conversation_count;
static struct connection *connections;
static size_t connection_count;

static void *room(void *array, size_t count, size_t size) {
    if (count & (count - 1)) /* grows at each power of two */
        return array;
    array = realloc(array, (count ? 2 * count : 1) * size);
    if (!array) {
        perror("run-segments");
        exit(2);
    }
    return array;
}

static struct tcpstate_conversation *new_conversation(void) {
    struct tcpstate_conversation *conversation = calloc(1, sizeof *conversation);

    if (!conversation) {
        perror("run-segments");
        exit(2);
    }
    return conversation;
}

/* ---- input
 * ----------------------------------------------------------------------------------------------------
 */

static unsigned line_number;

static void die(const char *message) {
    fprintf(stderr, "run-segments: line %u: %s\n", line_number, message);
    exit(2);
}

static uint64_t next_number(char **text, const char *end_characters, uint64_t highest) {
    char *end;
    uint64_t value = strtoull(*text, &end, 0);

    if (end == *text || (*end && !strchr(end_characters, *end)) || value > highest)
        die("not a number, or too large");
    *text = *end ? end + 1 : end;
    return value;
}

static void read_segment(char *text) {
    struct row row;
    struct tcpstate_segment *segment = &row.segment;

    memset(&row, 0, sizeof row);
#define NEXT(highest) next_number(&text, " \n", (highest))
    row.key = (uint32_t)NEXT(UINT32_MAX);
    segment->direction = (uint8_t)NEXT(1);
    segment->time_ns = (int64_t)NEXT(INT64_MAX);
    segment->frame = (uint32_t)NEXT(UINT32_MAX);
    segment->ordinal = (uint8_t)NEXT(UINT8_MAX);
    segment->flags = (uint16_t)NEXT(0x1ff);
    segment->seq = (uint32_t)NEXT(UINT32_MAX);
    segment->ack = (uint32_t)NEXT(UINT32_MAX);
    segment->length = (uint32_t)NEXT(UINT32_MAX);
    segment->window = (uint16_t)NEXT(UINT16_MAX);
    segment->urgent_pointer = (uint16_t)NEXT(UINT16_MAX);
    segment->header_digest = (uint32_t)NEXT(UINT32_MAX);
    segment->sender_port = (uint16_t)NEXT(UINT16_MAX);
    segment->receiver_port = (uint16_t)NEXT(UINT16_MAX);
    segment->ip_id = (uint16_t)NEXT(UINT16_MAX);
    segment->ttl = (uint8_t)NEXT(UINT8_MAX);
    segment->traits = (uint8_t)NEXT(UINT8_MAX);
    segment->options = (uint8_t)NEXT(UINT8_MAX);
    segment->mss = (uint16_t)NEXT(UINT16_MAX);
    segment->window_shift = (uint8_t)NEXT(UINT8_MAX);
    segment->tsval = (uint32_t)NEXT(UINT32_MAX);
    segment->tsecr = (uint32_t)NEXT(UINT32_MAX);
    segment->sack_count = (uint8_t)NEXT(4);
    for (unsigned i = 0; i < segment->sack_count; i++) {
        segment->sack[i].left = (uint32_t)next_number(&text, ":", UINT32_MAX);
        segment->sack[i].right = (uint32_t)NEXT(UINT32_MAX);
    }
#undef NEXT
    if (*text && *text != '\n')
        die("more words than expected");
    rows = room(rows, row_count, sizeof *rows);
    rows[row_count++] = row;
}

static void read_segments(void) {
    char line[1024];

    while (fgets(line, sizeof line, stdin)) {
        line_number++;
        if (!strchr(line, '\n') && !feof(stdin))
            die("too long");
        if (line[0] != '#' && line[0] != '\n')
            read_segment(line);
    }
}

/* ---- the runs
 * -------------------------------------------------------------------------------------------------
 */

static size_t find_conversation(uint32_t key) {
    for (size_t i = 0; i < conversation_count; i++)
        if (conversations[i].key == key)
            return i;
    conversations = room(conversations, conversation_count, sizeof *conversations);
    conversations[conversation_count] = (struct conversation){.key = key, .first = new_conversation(), .last = NULL};
    return conversation_count++;
}

static size_t find_connection(uint32_t conversation, uint32_t number) {
    for (size_t i = connection_count; i-- > 0;)
        if (connections[i].conversation == conversation && connections[i].number == number)
            return i;
    connections = room(connections, connection_count, sizeof *connections);
    connections[connection_count] = (struct connection){.conversation = conversation, .number = number, .end_ns = -1};
    return connection_count++;
}

/* Connections are numbered over all conversations in the order of their first
 * segments. */
static void first_run(const struct tcpstate_settings *settings) {
    for (struct row *row = rows; row < rows + row_count; row++) {
        row->conversation = find_conversation(row->key);
        struct conversation *conversation = &conversations[row->conversation];
        tcpstate_segment(conversation->first, settings, &row->segment, &row->report);
        if (row->report.started_connection && row->report.connection > 0) {
            struct connection *previous = &connections[find_connection(row->key, row->report.connection - 1)];
            previous->summary = *tcpstate_previous_summary(conversation->first);
            previous->end_ns = row->segment.time_ns;
        }
        if (!conversation->used || row->report.connection > conversation->newest)
            conversation->newest = row->report.connection;
        conversation->used = true;
        row->connection = find_connection(row->key, row->report.connection);
        row->summary = row->report.connection == conversation->newest ? *tcpstate_summary(conversation->first)
                                                                      : *tcpstate_previous_summary(conversation->first);
        connections[row->connection].summary = row->summary;
        row->settled[0] = row->report.end[0].state;
        row->settled[1] = row->report.end[1].state;
    }
}

/* What became of the connection of a row, its last one, unless the rerun tells connections or roles apart otherwise. */
static void settle(const struct row *last, const struct tcpstate_conversation *rerun, uint32_t number) {
    struct connection *connection = &connections[last->connection];
    const struct tcpstate_summary *settled = tcpstate_summary(rerun);

    bool alike = number == last->report.connection && settled->client_direction == connection->summary.client_direction;
    connection->settled = alike ? *settled : connection->summary;
}

/* What became of the connections of a conversation, by its likeliest course. */
static void settle_connections(size_t index, const struct tcpstate_course_row *course,
                               const struct tcpstate_segment *segments) {
    const struct row *last = NULL;
    uint32_t first = 0, at = 0;

    for (struct row *row = rows; row <= rows + row_count; row++) {
        bool is_end = row == rows + row_count;
        if (!is_end && row->conversation != index)
            continue;
        if (last && (is_end || row->connection != last->connection)) {
            tcpstate_course_outcome(course, segments, first, at - first, &connections[last->connection].settled);
            first = at;
        }
        last = row;
        at++;
    }
}

/* Settles a conversation by its likeliest course, as the dissector does. */
static void follow_course(size_t index, const struct tcpstate_settings *settings) {
    uint32_t count = 0, at = 0;
    bool doubtful = tcpstate_has_new_verdicts(conversations[index].first);

    for (struct row *row = rows; row < rows + row_count; row++)
        if (row->conversation == index) {
            count++;
            doubtful = doubtful || tcpstate_is_doubtful(&row->report);
        }
    if (!doubtful || count > TCPSTATE_COURSE_SEGMENTS)
        return;
    size_t size = tcpstate_course_size(count);
    void *workspace = malloc(size);
    struct tcpstate_segment *segments = calloc(count, sizeof *segments);
    struct tcpstate_course_row *course = calloc(count, sizeof *course);
    struct tcpstate_course_premise *premises = calloc(count, sizeof *premises);
    if (workspace == NULL || segments == NULL || course == NULL || premises == NULL)
        die("no memory");
    for (struct row *row = rows; row < rows + row_count; row++)
        if (row->conversation == index) {
            const struct tcpstate_end_report *sender = &row->report.end[row->report.sender];
            premises[at] = (struct tcpstate_course_premise){
                .proved = sender->certainty == TCPSTATE_PROVED ? sender->state : TCPSTATE_STATES,
                .supposed_sender = TCPSTATE_STATES,
                .supposed_receiver = TCPSTATE_STATES};
            segments[at++] = row->segment;
        }
    if (tcpstate_course(settings, segments, premises, count, workspace, size, course)) {
        at = 0;
        for (struct row *row = rows; row < rows + row_count; row++) {
            if (row->conversation != index)
                continue;
            const uint8_t shown[2] = {row->report.end[0].state, row->report.end[1].state};
            uint32_t by =
                tcpstate_course_states(&course[at++], (enum tcpstate_role)row->report.sender, shown, row->settled);
            if (by != UINT32_MAX) /* the row's own if those before tell already */
                row->decided_in = segments[by].frame > row->segment.frame ? segments[by].frame : row->segment.frame;
        }
        settle_connections(index, course, segments);
    }
    free(course);
    free(segments);
    free(premises);
    free(workspace);
}

/* Runs one conversation again and again until it has no new verdicts, and keeps
 * the states of the last run. */
static void hindsight(size_t index, const struct tcpstate_settings *settings) {
    struct conversation *conversation = &conversations[index];

    conversation->last = conversation->first;
    for (struct row *row = rows; row < rows + row_count; row++)
        if (row->conversation == index)
            connections[row->connection].settled = connections[row->connection].summary;
    for (unsigned run = 0; run < TCPSTATE_RERUNS && tcpstate_has_new_verdicts(conversation->last); run++) {
        struct tcpstate_conversation *again = new_conversation();
        const struct row *before = NULL;
        struct tcpstate_report report;
        tcpstate_obey(again, conversation->last);
        for (struct row *row = rows; row < rows + row_count; row++) {
            if (row->conversation != index)
                continue;
            if (before && before->connection != row->connection)
                settle(before, again, report.connection);
            before = row;
            tcpstate_segment(again, settings, &row->segment, &report);
            row->settled[0] = report.end[0].state;
            row->settled[1] = report.end[1].state;
        }
        if (before)
            settle(before, again, report.connection);
        if (conversation->last != conversation->first)
            free(conversation->last);
        conversation->last = again;
    }
    follow_course(index, settings);
    for (struct row *row = rows; row < rows + row_count; row++)
        if (row->conversation == index &&
            memcmp(row->settled, (uint8_t[]){row->report.end[0].state, row->report.end[1].state}, 2))
            row->contradicted_in = row->decided_in ? row->decided_in
                                                   : tcpstate_contradicted_in(conversation->last, row->segment.frame);
}

/* ---- output
 * ---------------------------------------------------------------------------------------------------
 */

static void word(const char *name, const char *value) {
    if (*value)
        printf("\t%s=%s", name, value);
}

static void number(const char *name, uint32_t value) {
    if (value)
        printf("\t%s=%" PRIu32, name, value);
}

static void seconds(const char *name, int64_t time_ns) {
    if (time_ns >= 0)
        printf("\t%s=%" PRId64 ".%09" PRId64, name, time_ns / 1000000000, time_ns % 1000000000);
}

static void print_end(const struct tcpstate_end_report *end, const char *role) {
    char name[32];

    snprintf(name, sizeof name, "%s.before", role);
    word(name, tcpstate_state_name(end->before));
    snprintf(name, sizeof name, "%s.state", role);
    word(name, tcpstate_state_name(end->state));
    snprintf(name, sizeof name, "%s.certainty", role);
    word(name, tcpstate_certainty_name(end->certainty));
    snprintf(name, sizeof name, "%s.dwell", role);
    seconds(name, end->dwell_ns);
    if (end->before != end->state)
        printf("\ttransition=%s %s -> %s%s", role, tcpstate_state_name(end->before), tcpstate_state_name(end->state),
               end->taken_back ? " (taken back)" : "");
    for (unsigned i = 0; i < end->event_count; i++)
        printf("\t%s.event=%s", role, tcpstate_event_name(end->events[i]));
}

/* A cause that is also the cause of the finding before is told once. */
static void print_finding(const struct row *row, const struct tcpstate_summary *summary,
                          const struct tcpstate_finding *finding, uint32_t *last_cause) {
    const struct tcpstate_finding_info *info = tcpstate_finding_info(finding->id);
    char text[2048];

    word("finding", info->id);
    tcpstate_finding_text(finding, &row->segment, &row->report, summary, TCPSTATE_ENGLISH, text, sizeof text);
    word("finding.text", text);
    word(tcpstate_kind_name(info->kind), info->id);
    if (finding->cause_frame != *last_cause)
        number("cause_frame", finding->cause_frame);
    *last_cause = finding->cause_frame;
    for (unsigned i = 0; i < TCPSTATE_VIA; i++)
        number("story_frame", finding->via_frame[i]);
}

static void print_final_findings(const struct row *row, const struct tcpstate_summary *summary, uint32_t *last_cause) {
    const struct connection *connection = &connections[row->connection];
    struct tcpstate_final_finding findings[TCPSTATE_FINAL_FINDINGS];
    int64_t end_ns = connection->end_ns >= 0 ? connection->end_ns : rows[row_count - 1].segment.time_ns;
    unsigned count = tcpstate_final_findings(&connection->settled, end_ns, findings);

    for (unsigned i = 0; i < count; i++)
        if (findings[i].frame == row->segment.frame)
            print_finding(row, summary, &findings[i].finding, last_cause);
}

/* Later frames are not linked: in a first pass nobody knew of them. */
static void link_back(const struct row *row, const char *name, uint32_t frame) {
    if (frame <= row->segment.frame)
        number(name, frame);
}

static void print_row(const struct row *row, bool settled) {
    static const char *const roles[] = {"client", "server"};
    const struct tcpstate_report *report = &row->report;
    /* A later pass knows the rest of the capture, and has the last word on the outcome. */
    const struct tcpstate_summary *summary = settled ? &connections[row->connection].summary : &row->summary;
    uint32_t fin;
    const struct tcpstate_summary *in_the_end = &connections[row->connection].settled;
    uint32_t last_cause = 0;
    char text[2048];

    printf("frame=%" PRIu32 "\tconnection=%zu", row->segment.frame, row->connection);
    word("sender", tcpstate_role_name(report->sender));
    word("roles", tcpstate_roles_name(summary->roles));
    for (unsigned role = 0; role < 2; role++) {
        print_end(&report->end[role], roles[role]);
        if (settled)
            printf("\t%s.settled=%s", roles[role], tcpstate_state_name(row->settled[role]));
    }
    number("contradicted_in", row->contradicted_in);
    word("phase", tcpstate_phase_name(report->phase));
    if (report->step != TCPSTATE_STEP_NONE)
        printf("\tstep=%s%s", tcpstate_step_name(report->step), report->step_again ? " again" : "");
    for (unsigned i = 0; i < report->finding_count; i++)
        print_finding(row, summary, &report->findings[i], &last_cause);
    if (settled)
        print_final_findings(row, summary, &last_cause);
    printf("\tuncertain=%d", report->uncertain);

    word("outcome", tcpstate_outcome_name(settled ? in_the_end->outcome : report->outcome));
    word("conn_state", tcpstate_conn_state_name(settled ? in_the_end->conn_state : report->conn_state));
    snprintf(text, sizeof text, "%.*s", (int)report->history_length, summary->history);
    word("history", text);
    word("opened_by", tcpstate_party_name(report->opened_by));
    word("closed_by", tcpstate_party_name(report->closed_by));
    word("close.kind", tcpstate_close_kind_name(report->close_kind));
    if (settled) {
        word("closed_by.settled", tcpstate_party_name(in_the_end->closed_by));
        word("close.kind.settled", tcpstate_close_kind_name(in_the_end->close_kind));
    }
    word("vantage", tcpstate_vantage_name(report->vantage));

    link_back(row, "syn_frame", summary->syn_frame);
    link_back(row, "synack_frame", summary->synack_frame);
    link_back(row, "handshake_ack_frame", summary->handshake_ack_frame);
    link_back(row, "client.fin_frame", tcpstate_fin(summary, TCPSTATE_CLIENT, row->segment.frame, &fin));
    link_back(row, "server.fin_frame", tcpstate_fin(summary, TCPSTATE_SERVER, row->segment.frame, &fin));
    link_back(row, "rst_frame", tcpstate_rst_frame(summary, row->segment.frame));
    if (report->completes_handshake) {
        seconds("handshake.time", summary->handshake_time_ns);
        seconds("handshake.client_time", summary->handshake_client_ns);
    }
    if (report->shows_server_time)
        seconds("handshake.server_time", summary->handshake_server_ns);
    if (report->completes_close)
        seconds("close.time", summary->close_time_ns);

    tcpstate_explain(&row->segment, report, summary, TCPSTATE_ENGLISH, text, sizeof text);
    word("explanation", text);
    word("rfc", tcpstate_rfc(report));
    putchar('\n');
}

int main(int argc, char **argv) {
    struct tcpstate_settings settings = {.msl_ns = 30 * INT64_C(1000000000), .ignore_bad_checksums = true};
    bool settled = false;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--settled"))
            settled = true;
        else if (!strcmp(argv[i], "--trust-checksums"))
            settings.ignore_bad_checksums = false;
        else if (!strcmp(argv[i], "--msl") && i + 1 < argc)
            settings.msl_ns = (int64_t)(strtod(argv[++i], NULL) * 1e9);
        else {
            fprintf(stderr, "usage: run-segments [--settled] [--msl SECONDS] "
                            "[--trust-checksums] < SEGMENTS\n");
            return 2;
        }
    }
    read_segments();
    first_run(&settings);
    if (settled)
        for (size_t i = 0; i < conversation_count; i++)
            hindsight(i, &settings);
    for (size_t i = 0; i < row_count; i++)
        print_row(&rows[i], settled);
    for (size_t i = 0; i < conversation_count; i++) {
        if (conversations[i].last != conversations[i].first)
            free(conversations[i].last);
        free(conversations[i].first);
    }
    free(rows);
    free(conversations);
    free(connections);
    return fflush(stdout) || ferror(stdout);
}
