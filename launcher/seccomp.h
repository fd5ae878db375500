/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/seccomp.h - system call filters */
#pragma once

#include "launcher/fault.h"

struct seccomp_filter;

/** seccomp_load_filter() - install a filter on the calling thread; NULL is none */
int seccomp_load_filter(const struct seccomp_filter *filter, struct fault *fault);
