/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/log_file.h - where nacre-monitor writes what a container prints */
#pragma once

#define LOG_FILE     "log"
#define LOG_FILE_OLD "log.1"	/* what LOG_FILE was until it had half of the size */

#define LOG_PREFIX_MAX 64	/* of a line: time, stream, flag */
#define LOG_MAX_DEFAULT (8 << 20)
