/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about TIME-WAIT and the reuse of a tuple (group T of finding.def).
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "judgement.h"

void findings_time_wait(struct judgement *j)
{
    if (j->report->started_connection && j->syn && !j->ack && j->report->end[j->receiver].before == TCPSTATE_TIME_WAIT &&
        j->y->state == TCPSTATE_SYN_RECEIVED && !engine_has_event(&j->report->end[j->receiver], TCPSTATE_EVENT_time_2msl))
        findings_tell(j, TCPSTATE_FINDING_time_wait_reuse, 0, 0, 0);
}
