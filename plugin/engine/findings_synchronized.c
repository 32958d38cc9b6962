/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings about synchronised states: acceptability, SYN, ACK, window, timestamps (group E of finding.def).
 * Conditions speak of x, the sender, and y, the receiver, after both have been judged.
 */
#include "judgement.h"

void findings_synchronized(struct judgement *j)
{
    (void)j;
}
