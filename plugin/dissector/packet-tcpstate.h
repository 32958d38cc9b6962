/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_TCPSTATE_H
#define PACKET_TCPSTATE_H

/* Registers the protocol, its preferences and the post-dissector. */
void packet_tcpstate_register(void);

#endif
