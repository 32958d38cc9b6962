/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every difference between the versions of Wireshark that this plugin is built for (4.0 to 4.6), and nothing else.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <stdbool.h>
#include <stdint.h>

#include <ws_version.h>
#include <epan/packet.h>

#define WIRESHARK_AT_LEAST(major, minor)                                                                               \
    (WIRESHARK_VERSION_MAJOR > (major) || (WIRESHARK_VERSION_MAJOR == (major) && WIRESHARK_VERSION_MINOR >= (minor)))

/* What prefs_register_bool_preference() writes to. */
#if WIRESHARK_AT_LEAST(4, 4)
typedef bool preference_bool;
#else
typedef gboolean preference_bool;
#endif

/* The value of a field of type FT_UINT*: the struct itself before 4.2, a pointer to it from then on. */
static inline uint32_t field_uint(const field_info *field) {
#if WIRESHARK_AT_LEAST(4, 2)
    return fvalue_get_uinteger(field->value);
#else
    return fvalue_get_uinteger((fvalue_t *)&field->value);
#endif
}

#endif
