/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/run_plan_more.h - options of "run" that need more than a line each */
#pragma once

#include "launcher/run_config.h"

/**
 * run_plan_io() - "/dev/sda:read=10M,write=5M,riops=100,wiops=100" as limits
 *
 * Any path will do: the disk that holds it is limited. A partition's disk is, since
 * the kernel limits whole ones.
 *
 * Return: 0; -EINVAL with @fault; -ENOMEM.
 */
int run_plan_io(const struct run_config *config, struct limits *limits, struct fault *fault);

/** run_plan_seccomp() - a filter from a file, as bundles have it; errors as above */
int run_plan_seccomp(const struct run_config *config, struct plan *plan, struct fault *fault);

/** run_plan_ports() - ports of the host that lead to the container; errors as above */
int run_plan_ports(const struct run_config *config, struct plan *plan, struct fault *fault);

/** run_plan_clocks() - where uptime begins; errors as above */
int run_plan_clocks(const struct run_config *config, struct plan *plan, struct fault *fault);
