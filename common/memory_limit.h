/* SPDX-License-Identifier: Apache-2.0 */
/* common/memory_limit.h - how much memory the cgroups of this process leave it */
#pragma once

#include <stdint.h>

#define MEMORY_LIMIT_NONE UINT64_MAX

/**
 * memory_limit() - the lowest limit of the cgroups that this process is in
 *
 * Return: bytes; MEMORY_LIMIT_NONE where there is none, or none can be read.
 */
uint64_t memory_limit(void);
