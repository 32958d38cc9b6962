/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the findings of groups C, R, T and F remember of one endpoint in one connection; zeroed with the connection.
 */
#ifndef TCPSTATE_EVIDENCE_END_H
#define TCPSTATE_EVIDENCE_END_H

#include <stdbool.h>
#include <stdint.h>

struct tcpstate_evidence_end {
    uint32_t reserved;
};

#endif
