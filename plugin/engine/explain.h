/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to the engine: how explain.c and situation.c make sentences. Their test reads this, nothing else needs to.
 */
#ifndef TCPSTATE_EXPLAIN_H
#define TCPSTATE_EXPLAIN_H

#include "tcpstate.h"

enum explain_situation {
#define SITUATION(id, rfc, english, chinese) EXPLAIN_##id,
#include "explain.def"
#undef SITUATION
    EXPLAIN_SITUATIONS
};

struct explain_text {
    const char *id, *rfc, *english, *chinese;
};
const struct explain_text *explain_text(enum explain_situation situation);

/* What a template may speak of. `finding` is NULL if none is being told. */
struct explain_facts {
    const struct tcpstate_segment *segment;
    const struct tcpstate_report *report;
    const struct tcpstate_summary *summary;
    const struct tcpstate_finding *finding;
    enum tcpstate_language language;
};

/* A text that is being written: always terminated, never cut within a UTF-8 character. */
struct explain_writer {
    char *text;
    size_t size, length;
    bool full;
};
struct explain_writer explain_writer(char *text, size_t size);
void explain_expand(struct explain_writer *writer, const char *pattern, const struct explain_facts *facts);

/* What both ask of a report. The sender and the receiver of a segment; where they cannot be told apart, nobody. */
const struct tcpstate_end_report *explain_end(const struct tcpstate_report *report, bool sender);
bool explain_has_event(const struct tcpstate_end_report *end, enum tcpstate_event event);
bool explain_has_finding(const struct tcpstate_report *report, enum tcpstate_finding_id id);
bool explain_is_moved(const struct tcpstate_end_report *end);
/* The ISN of the sender or the receiver; false if it is not known. */
bool explain_isn(const struct explain_facts *facts, bool sender, uint32_t *isn);

/* The situation of a segment. Without the segment (NULL) its flags are read from the events of the report. */
enum explain_situation explain_situation(const struct tcpstate_segment *segment, const struct tcpstate_report *report,
                                         const struct tcpstate_summary *summary);

#endif
