/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What Wireshark looks for in a plugin. A plugin is loaded only by the series (4.0, 4.4, ...) that it was built for.
 */
#include "compat.h"
#include "packet-tcpstate.h"

#include <epan/proto.h>
#include <gmodule.h>
#include <ws_symbol_export.h>
#if WIRESHARK_AT_LEAST(4, 4)
#include <wsutil/plugins.h>
#endif

#ifndef TCPSTATE_VERSION
#define TCPSTATE_VERSION "0"
#endif

WS_DLL_PUBLIC_DEF const char plugin_version[] = TCPSTATE_VERSION;
WS_DLL_PUBLIC_DEF const int plugin_want_major = WIRESHARK_VERSION_MAJOR;
WS_DLL_PUBLIC_DEF const int plugin_want_minor = WIRESHARK_VERSION_MINOR;

WS_DLL_PUBLIC void plugin_register(void);
WS_DLL_PUBLIC uint32_t plugin_describe(void);

void plugin_register(void) { packet_tcpstate_register(); }

/* Asked from 4.4 on. */
uint32_t plugin_describe(void) {
#ifdef WS_PLUGIN_DESC_DISSECTOR
    return WS_PLUGIN_DESC_DISSECTOR;
#else
    return 0;
#endif
}
