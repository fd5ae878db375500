/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/seccomp_cache.h - compiled filters kept with the states, not too many */
#pragma once

/* How their names begin, and how many there may be. */
#define SECCOMP_CACHE_PREFIX ".seccomp-"
#define SECCOMP_CACHE_MAX    64

/** seccomp_cache_used() - a program served: it is dropped later than those that did not */
void seccomp_cache_used(int cache_fd, const char *name);

/**
 * seccomp_cache_trim() - drop programs, the longest unused first, beyond the number
 *
 * What a writer left that was killed counts, too, and goes in its turn. Whoever reads
 * a program has it open; one that is gone is compiled again.
 */
void seccomp_cache_trim(int cache_fd);
