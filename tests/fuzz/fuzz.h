/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/fuzz.h - what each fuzz target needs; see scripts/fuzz */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(3), which a release build may leave out. */
#define fuzz_assert(condition)                                                 \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)
