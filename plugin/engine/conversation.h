/* SPDX-License-Identifier: GPL-2.0-or-later
 * Placeholder while the engine is being written. */
#ifndef TCPSTATE_CONVERSATION_H
#define TCPSTATE_CONVERSATION_H
struct tcpstate_conversation { struct tcpstate_summary summary, previous; };
#endif
