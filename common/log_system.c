/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/log_system.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_BYTES = 128 };

/* As messages must be possible anywhere; see log.c. */
static int log_fd = -1;

static const int priorities[] = {
	[LOG_LEVEL_ERROR] = LOG_ERR,
	[LOG_LEVEL_WARN] = LOG_WARNING,
	[LOG_LEVEL_INFO] = LOG_INFO,
	[LOG_LEVEL_DEBUG] = LOG_DEBUG,
};

static void reconnect(void)
{
	static const struct sockaddr_un address = {
		.sun_family = AF_UNIX, .sun_path = _PATH_LOG,
	};

	if (log_fd >= 0)
		close(log_fd);
	log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (log_fd >= 0 && connect(log_fd, (const struct sockaddr *)&address,
				   sizeof(address)) < 0) {
		close(log_fd);
		log_fd = -1;
	}
}

void log_system_open(void)
{
	tzset();
	reconnect();
}

static size_t format_header(char *header, enum log_level level, const char *program)
{
	char stamp[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	int n;

	if (localtime_r(&now, &tm))
		(void)strftime(stamp, sizeof(stamp), "%h %e %T ", &tm);
	n = snprintf(header, HEADER_BYTES, "<%d>%s%s[%d]: ",
		     LOG_DAEMON | priorities[level], stamp, program, getpid());
	return n < HEADER_BYTES ? (size_t)n : HEADER_BYTES - 1;
}

void log_system_write(enum log_level level, const char *program, const char *text)
{
	char header[HEADER_BYTES];
	struct iovec parts[] = {
		{ header, format_header(header, level, program) },
		{ (char *)text, strlen(text) },
	};
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	for (int tries = 0; tries < 2; tries++) {
		if (log_fd >= 0 &&
		    (sendmsg(log_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
		     errno == EAGAIN))
			return;
		reconnect();	/* it is another one now */
	}
}
