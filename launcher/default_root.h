/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/default_root.h - a small root for containers that bring none */
#pragma once

#include "launcher/fault.h"

/**
 * default_root_get() - the directory with that root, made at the first use
 * @ret_path:	freed by the caller
 *
 * It holds the machine's static busybox with a link for each of its commands,
 * and the machine's free, top, ps and uptime with the libraries they need, if
 * they are installed: busybox asks the kernel for its figures by sysinfo(2),
 * which knows no containers, while those read /proc.
 *
 * It is made again when one of the files it was made from has changed.
 *
 * Return: 0; -ENOENT with @fault if there is no static busybox; other errors.
 */
int default_root_get(char **ret_path, struct fault *fault);
