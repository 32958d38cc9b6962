/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about the capture itself (group F of finding.def): nobody did anything wrong.
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "judgement.h"

void findings_capture(struct judgement *j)
{
    if (j->report->started_connection && j->connection->summary.roles == TCPSTATE_ROLES_GUESS) {
        if (!j->syn && !j->rst)
            findings_tell(j, TCPSTATE_FINDING_midstream_start, 0, 0, 0);
        findings_tell(j, TCPSTATE_FINDING_roles_guessed, 0, 0, 0);
    }
}
