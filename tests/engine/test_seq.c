/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sequence numbers compare as on a circle, RFC 9293 3.4: every law holds wherever on the circle its numbers lie.
 */
#include "seq.h"

#include <stdio.h>

static unsigned checks, failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        checks++;                                                                                                      \
        if (!(condition)) {                                                                                            \
            failures++;                                                                                                \
            printf("%s:%d: at base %#lx: %s\n", __FILE__, __LINE__, (unsigned long)base, #condition);                  \
        }                                                                                                              \
    } while (0)

static const uint32_t half = UINT32_C(0x80000000);

/* Laws of two numbers `distance` octets apart, 0 < distance < 2^31. */
static void test_pair(uint32_t base, uint32_t distance) {
    uint32_t later = base + distance;

    CHECK(seq_before(base, later));
    CHECK(seq_after(later, base));
    CHECK(!seq_before(later, base));
    CHECK(!seq_after(base, later));
    CHECK(seq_at_most(base, later) && !seq_at_most(later, base));
    CHECK(seq_at_least(later, base) && !seq_at_least(base, later));
    CHECK(seq_distance(later, base) == (int32_t)distance);
    CHECK(seq_distance(base, later) == -(int32_t)distance);
    CHECK(seq_max(base, later) == later && seq_max(later, base) == later);
}

static void test_equal(uint32_t base) {
    CHECK(!seq_before(base, base) && !seq_after(base, base));
    CHECK(seq_at_most(base, base) && seq_at_least(base, base));
    CHECK(seq_distance(base, base) == 0);
    CHECK(seq_max(base, base) == base);
    CHECK(seq_within(base, base, base));
}

/* The window [base, base + size], also one larger than half of the circle. */
static void test_window(uint32_t base, uint32_t size) {
    uint32_t last = base + size;

    CHECK(seq_within(base, base, last));
    CHECK(seq_within(last, base, last));
    CHECK(seq_within(base + size / 2, base, last));
    CHECK(!seq_within(base - 1, base, last));
    CHECK(!seq_within(last + 1, base, last));
    CHECK(!seq_within(base - half / 2 - 1, base, base + half));
}

int main(void) {
    static const uint32_t bases[] = {0,           1,           1000,        0x7ffffffe, 0x7fffffff,
                                     0x80000000u, 0x80000001u, 0xfffffffeu, 0xffffffffu};
    static const uint32_t distances[] = {1, 2, 1460, 65535, 0x3fffffff, 0x40000000, 0x7ffffffe, 0x7fffffff};

    for (unsigned i = 0; i < sizeof bases / sizeof *bases; i++) {
        test_equal(bases[i]);
        for (unsigned j = 0; j < sizeof distances / sizeof *distances; j++) {
            test_pair(bases[i], distances[j]);
            test_pair(bases[i] - distances[j], distances[j]);
            test_window(bases[i], distances[j]);
            test_window(bases[i] - distances[j], distances[j]);
        }
    }
    printf("seq: %u checks, %u failures\n", checks, failures);
    return failures != 0;
}
