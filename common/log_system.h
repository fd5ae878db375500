/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/log_system.h - the system log, for who may neither allocate nor wait
 *
 * syslog(3) does both. Here a message that finds no room is lost, and a log that
 * was started again is found again at the next message.
 */
#pragma once

#include "common/log.h"

/** log_system_open() - find it, and the time zone, while things may be allocated */
void log_system_open(void);

/** log_system_write() - send one message */
void log_system_write(enum log_level level, const char *program, const char *text);
