/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/log.h - what a program says to the person who runs it
 *
 * One message is: what failed, on which thing, why, and what happens next or
 * what to do. Only main.c and the edges (the request loop, the control
 * socket) log; modules return errors.
 */
#pragma once

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/**
 * log_open() - name the program in all later messages
 * @program:	name put before every message; lent for ever
 * @level:	the least urgent level that is written
 *
 * Messages go to stderr until log_detach() is called.
 */
void log_open(const char *program, enum log_level level);

/**
 * log_detach() - write to the system log from now on
 *
 * For a daemon that is about to give its stderr away. Where no system log
 * listens, messages are lost, as they would be for any daemon.
 */
void log_detach(void);

/**
 * log_through() - once detached, have another process write the messages
 * @fd:	a datagram socket whose other end is read by log_pass_on(); lent for ever
 *
 * For a process that may open no way to the system log. What finds no room is lost.
 */
void log_through(int fd);

/** log_pass_on() - write what waits at the other end of such a socket; allocates
 *	nothing, waits for nothing */
void log_pass_on(int fd);

/** log_program() - the name given to log_open() */
const char *log_program(void);

/** log_wants() - true if messages of @level are written */
bool log_wants(enum log_level level);

/**
 * log_write() - write one message
 * @level:	its urgency
 * @format:	printf(3) format, no newline at the end; a newline inside
 *		begins the next step, which is printed on a line of its own
 *
 * Written with one write(2), so lines of several processes do not mix.
 * errno is kept. Text over 4095 bytes is cut.
 */
void log_write(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                         \
	do {                                                                   \
		if (log_wants(LOG_LEVEL_DEBUG))                                \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);               \
	} while (0)
