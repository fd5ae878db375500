/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log_system.h"

enum { TEXT_BYTES = 4096 };

/*
 * The one module with state of its own: messages must be possible anywhere,
 * also before there is a context to pass down. Set once, before threads start.
 */
static struct {
	const char *program;
	enum log_level level;
	bool detached;
	int through_fd;
} log_state = { .program = "nacre", .level = LOG_LEVEL_INFO, .through_fd = -1 };

/* What goes through a socket. */
struct passed {
	uint32_t level;
	char text[TEXT_BYTES];
};

void log_open(const char *program, enum log_level level)
{
	log_state.program = program;
	log_state.level = level;
}

void log_detach(void)
{
	log_state.detached = true;
	if (log_state.through_fd < 0)
		log_system_open();
}

void log_through(int fd)
{
	log_state.through_fd = fd;
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
	char line[TEXT_BYTES];
	size_t length;
	int n;

	n = snprintf(line, sizeof(line), "%s: %s\n", log_state.program, message);
	length = n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1;
	line[length - 1] = '\n';

	while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR)
		;
}

static void write_through(const struct passed *m)
{
	size_t bytes = offsetof(struct passed, text) + strlen(m->text);

	(void)send(log_state.through_fd, m, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void write_message(const struct passed *m)
{
	if (!log_state.detached)
		write_stderr(m->text);
	else if (log_state.through_fd >= 0)
		write_through(m);
	else
		log_system_write((enum log_level)m->level, log_state.program, m->text);
}

void log_pass_on(int fd)
{
	struct passed m;
	ssize_t n;

	for (;;) {
		n = recv(fd, &m, sizeof(m) - 1, MSG_DONTWAIT);
		if (n < (ssize_t)offsetof(struct passed, text) ||
		    m.level > LOG_LEVEL_DEBUG)
			return;
		((char *)&m)[n] = '\0';
		write_message(&m);
	}
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved_errno = errno;
	struct passed m;
	va_list args;

	if (!log_wants(level))
		return;

	m.level = level;
	va_start(args, format);
	vsnprintf(m.text, sizeof(m.text), format, args);
	va_end(args);
	write_message(&m);
	errno = saved_errno;
}
