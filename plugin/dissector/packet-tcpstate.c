/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The post-dissector: runs after all others, on every frame.
 *
 *   first visit     segment_source -> capture_state, which has the engine judge each segment
 *   every visit     capture_state -> present
 *
 * Later visits may come in any order, without a tree, without the fields of TCP: they read nothing but what was kept.
 */
#include "packet-tcpstate.h"

#include "capture_state.h"
#include "compat.h"
#include "present.h"
#include "segment_source.h"

#include <epan/packet.h>
#include <epan/prefs.h>
#include <wsutil/strtoi.h>
#define WS_LOG_DOMAIN "tcpstate"
#include <wsutil/wslog.h>

static int proto_tcpstate = -1;
static dissector_handle_t handle;
static struct capture_state *capture; /* of the open file, in its memory */
static uint32_t last_visited;         /* frame, to notice what must not happen: a first visit out of order */

/* ---- preferences ---------------------------------------------------------------------------------------------- */

static gint preference_language = TCPSTATE_ENGLISH;
static guint preference_msl_s = 30;
static preference_bool preference_info_column = FALSE;
static preference_bool preference_quiz = FALSE;
static preference_bool preference_checksum = TRUE;
static const char *preference_suppose = "";

static void register_preferences(void) {
    static const enum_val_t languages[] = {
        {"english", "English", TCPSTATE_ENGLISH},
        {"chinese", "简体中文", TCPSTATE_CHINESE},
        {NULL, NULL, 0},
    };
    module_t *module = prefs_register_protocol(proto_tcpstate, NULL);
    prefs_register_enum_preference(module, "language", "Language of the explanations",
                                   "The language of the explanations and of the expert information",
                                   &preference_language, languages, FALSE);
    prefs_register_uint_preference(
        module, "msl", "Maximum segment lifetime (seconds)",
        "An endpoint is taken to leave TIME-WAIT after twice this time, at least 1. RFC 9293 says 120; "
        "Linux waits 60 seconds in all, macOS 30, Windows 30 to 240",
        10, &preference_msl_s);
    prefs_register_bool_preference(module, "info_column", "Show steps in the Info column",
                                   "Append the step of the handshake or the close, or else the change of state, to "
                                   "the Info column",
                                   &preference_info_column);
    prefs_register_bool_preference(
        module, "quiz", "Quiz: hide states and explanations",
        "Show neither states nor explanations, nor findings that name a state or know the rest of the "
        "capture, so that you can work them out yourself",
        &preference_quiz);
    prefs_register_bool_preference(module, "checksum", "Ignore segments with a bad checksum",
                                   "A segment whose checksum Wireshark has verified and found bad changes no state, "
                                   "unless the peer acknowledges such segments. Wireshark verifies TCP checksums only "
                                   "if told so in the preferences of TCP",
                                   &preference_checksum);
    prefs_register_string_preference(module, "suppose", "Suppose that (FRAME:END:STATE, ...)",
                                     "What if? 7:server:SYN-RECEIVED supposes that the server was in SYN-RECEIVED at "
                                     "frame 7. The settled states then are those of the likeliest history in which "
                                     "it was, if there is one; END is client or server",
                                     &preference_suppose);
}

/* FRAME:END:STATE. */
static bool parse_supposition(const char *text, struct supposition *supposed) {
    static const char *const ends[] = {[TCPSTATE_CLIENT] = "client", [TCPSTATE_SERVER] = "server"};
    char **words = g_strsplit(text, ":", -1);
    bool is_parsed = false;
    if (g_strv_length(words) == 3 && ws_strtou32(words[0], NULL, &supposed->frame))
        for (unsigned role = 0; role < array_length(ends); role++)
            for (unsigned named = 0; named < TCPSTATE_STATES; named++)
                if (!g_ascii_strcasecmp(words[1], ends[role]) &&
                    !g_ascii_strcasecmp(words[2], tcpstate_state_name((enum tcpstate_state)named))) {
                    supposed->role = (enum tcpstate_role)role;
                    supposed->state = (enum tcpstate_state)named;
                    is_parsed = true;
                }
    g_strfreev(words);
    return is_parsed;
}

static void suppose(const char *text) {
    char **words = g_strsplit_set(text, ", ", -1);
    struct supposition *supposed = g_new(struct supposition, g_strv_length(words));
    unsigned count = 0;
    for (char **word = words; *word; word++) {
        if (!**word)
            continue;
        if (parse_supposition(*word, &supposed[count]))
            count++;
        else
            ws_warning("tcpstate.suppose: \"%s\" is not FRAME:client:STATE or FRAME:server:STATE", *word);
    }
    capture_state_suppose(capture, supposed, count);
    g_free(supposed);
    g_strfreev(words);
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

/* For a new file, when all is dissected again, and when tshark -M forgets what it has read. */
static void begin_file(void) {
    const struct tcpstate_settings settings = {
        .msl_ns = (int64_t)MAX(preference_msl_s, 1) * 1000000000,
        .ignore_bad_checksums = preference_checksum,
    };
    capture = capture_state_new(&settings);
    suppose(preference_suppose);
    last_visited = 0;
    present_begin_file();
}

static void end_file(void) { capture = NULL; }

/* ---- frames --------------------------------------------------------------------------------------------------- */

/* Returns how many records the frame has, for its segments and ICMP errors; the first is `*first`. */
static unsigned visit_first(const packet_info *pinfo, const proto_tree *tree, uint32_t *first) {
    struct sourced_segment found[SEGMENTS_PER_FRAME];
    const unsigned found_count = tree ? segment_source(pinfo, tree, found) : 0;
    unsigned count = 0;
    *first = capture_state_count(capture);
    for (unsigned i = 0; i < found_count; i++) {
        found[i].segment.ordinal = (uint8_t)count;
        if (found[i].is_icmp_error) {
            count += capture_state_icmp_error(capture, &found[i]);
        } else {
            capture_state_segment(capture, &found[i]);
            count++;
        }
    }
    if (pinfo->presence_flags & PINFO_HAS_TS)
        capture_state_frame(capture, segment_source_time_ns(pinfo));
    return count;
}

static int dissect_tcpstate(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_) {
    const struct presentation presentation = {
        .language = (enum tcpstate_language)preference_language,
        .is_quiz = preference_quiz,
        .info_column = preference_info_column,
    };
    uint32_t first;
    unsigned count;
    if (!capture)
        return 0;
    if (!pinfo->fd->visited && pinfo->num >= last_visited) {
        last_visited = pinfo->num;
        count = visit_first(pinfo, tree, &first);
    } else {
        count = capture_state_find(capture, pinfo->num, &first);
    }
    if (count)
        present_frame(pinfo, tvb, tree, capture, first, count, &presentation);
    return (int)tvb_captured_length(tvb);
}

/* ---- registration --------------------------------------------------------------------------------------------- */

static void register_protocol(void) {
    proto_tcpstate = proto_register_protocol("TCP Connection State", "tcpstate", "tcpstate");
    present_register(proto_tcpstate);
    register_preferences();
    handle = register_dissector("tcpstate", dissect_tcpstate, proto_tcpstate);
    register_postdissector(handle);
    register_init_routine(begin_file);
    register_cleanup_routine(end_file);
}

/* The wanted fields are set here and not for each file: the GUI decides before that whether to build trees. */
static void hand_off(void) { set_postdissector_wanted_hfids(handle, segment_source_wanted_hfids()); }

void packet_tcpstate_register(void) {
    static proto_plugin plugin;
    plugin.register_protoinfo = register_protocol;
    plugin.register_handoff = hand_off;
    proto_register_plugin(&plugin);
}
