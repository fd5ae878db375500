/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

/*
 * The one module with state of its own: messages must be possible anywhere,
 * also before there is a context to pass down. Set once, before threads start.
 */
static struct {
	const char *program;
	enum log_level level;
	bool detached;
} log_state = { .program = "nacre", .level = LOG_LEVEL_INFO };

static const int syslog_priority[] = {
	[LOG_LEVEL_ERROR] = LOG_ERR,
	[LOG_LEVEL_WARN] = LOG_WARNING,
	[LOG_LEVEL_INFO] = LOG_INFO,
	[LOG_LEVEL_DEBUG] = LOG_DEBUG,
};

void log_open(const char *program, enum log_level level)
{
	log_state.program = program;
	log_state.level = level;
}

void log_detach(void)
{
	openlog(log_state.program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_state.detached = true;
}

const char *log_program(void)
{
	return log_state.program;
}

bool log_wants(enum log_level level)
{
	return level <= log_state.level;
}

static void write_stderr(const char *message)
{
	char line[4096];
	size_t length;
	int n;

	n = snprintf(line, sizeof(line), "%s: %s\n", log_state.program, message);
	length = n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1;
	line[length - 1] = '\n';

	while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR)
		;
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved_errno = errno;
	char message[4096];
	va_list args;

	if (!log_wants(level))
		return;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);

	if (log_state.detached)
		syslog(syslog_priority[level], "%s", message);
	else
		write_stderr(message);

	errno = saved_errno;
}
