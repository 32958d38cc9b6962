/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the findings of groups H and E remember of one endpoint in one connection; zeroed with the connection.
 */
#ifndef TCPSTATE_EVIDENCE_OPEN_H
#define TCPSTATE_EVIDENCE_OPEN_H

#include <stdbool.h>
#include <stdint.h>

struct tcpstate_evidence_open {
    uint32_t reserved;
};

#endif
