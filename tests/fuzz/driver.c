/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Runs a fuzz target without libFuzzer: inputs drawn from a seed, the same each time.
 *
 *   fuzz-conversation [COUNT [SEED]]
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

enum { OCTETS = 400, COUNT = 40 };

/* xorshift64: G. Marsaglia, Journal of Statistical Software 8 (14). */
static uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int main(int count, char **words) {
    uint64_t inputs = count > 1 ? strtoull(words[1], NULL, 10) : COUNT;
    uint64_t seed = count > 2 ? strtoull(words[2], NULL, 10) : 1;

    for (uint64_t i = 0; i < inputs; i++, seed++) {
        uint64_t state = seed * 0x9E3779B97F4A7C15u | 1;
        uint8_t octets[OCTETS];
        for (unsigned warm = 0; warm < 8; warm++)
            draw(&state);
        size_t size = 1 + draw(&state) % OCTETS;
        for (size_t at = 0; at < size; at++)
            octets[at] = (uint8_t)(draw(&state) >> 32);
        fprintf(stderr, "\rseed %" PRIu64, seed); /* the one that fails is the last */
        LLVMFuzzerTestOneInput(octets, size);
    }
    fprintf(stderr, "\n%" PRIu64 " inputs\n", inputs);
    return 0;
}
