/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Zeek's words for the connection: conn_state and history.
 */
#include "judgement.h"

void zeek_note(struct judgement *j)
{
    j->connection->summary.conn_state = TCPSTATE_CONN_OTH;
}
