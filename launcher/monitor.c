/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nacre-monitor - what stays beside a container that runs in the background
 *
 * How it works. nacre starts the container, then executes this program in its
 * place: the same process, so still the parent of all it started, but a small
 * one. It writes what the container prints to the log, passes signals on, and
 * when the container's first process has ended it executes nacre again, which
 * undoes the rest. So it uses nothing but libc, and no memory that it does not
 * have from the beginning.
 *
 *	nacre-monitor PID LOG-DIRECTORY-FD LOG-BYTES SOURCE... -- WORD...
 *
 * A SOURCE is "FD:NAME". Of the words, nacre's own command line, the last is
 * replaced by the exit status. A line of the log is as Kubernetes has them:
 * "2026-11-30T20:23:19.123456789Z stdout F text", P for a line that goes on.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launcher/log_file.h"

#define SOURCES_MAX 3

struct source {
	int fd;			/* -1 after its end */
	const char *name;
};

struct monitor {
	pid_t pid;
	int pidfd;
	int signal_fd;
	int dir_fd;
	int log_fd;		/* -1 while the disk takes nothing */
	off_t log_bytes, log_max;
	struct source sources[SOURCES_MAX];
	int source_count;
	size_t out_length;
	char out[8192];
	char in[4096];
};

static void log_open_file(struct monitor *m)
{
	struct stat st;

	m->log_fd = openat(m->dir_fd, LOG_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
			   O_NOFOLLOW, 0600);
	m->log_bytes = m->log_fd >= 0 && fstat(m->log_fd, &st) == 0 ? st.st_size : 0;
}

/* Two files of half the size: what is oldest goes. */
static void rotate(struct monitor *m)
{
	if (m->log_bytes < m->log_max / 2)
		return;
	close(m->log_fd);
	(void)renameat(m->dir_fd, LOG_FILE, m->dir_fd, LOG_FILE_OLD);
	log_open_file(m);
}

static void flush(struct monitor *m)
{
	size_t done = 0;

	if (m->log_fd < 0)
		log_open_file(m);
	while (m->log_fd >= 0 && done < m->out_length) {
		ssize_t n = write(m->log_fd, m->out + done, m->out_length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;	/* a full disk: the container goes on, its words are lost */
		done += (size_t)n;
		m->log_bytes += n;
	}
	m->out_length = 0;
	if (m->log_fd >= 0)
		rotate(m);
}

static void put(struct monitor *m, const char *text, size_t length)
{
	memcpy(m->out + m->out_length, text, length);
	m->out_length += length;
}

static void put_number(struct monitor *m, uint64_t n, int digits)
{
	char text[20];

	for (int i = digits; i-- > 0; n /= 10)
		text[i] = (char)('0' + n % 10);
	put(m, text, (size_t)digits);
}

/* gmtime(3) would read the table of time zones. Source: Howard Hinnant, days to civil. */
static void put_time(struct monitor *m)
{
	struct timespec now;
	int64_t days, era, doe, yoe, doy, mp, seconds;

	clock_gettime(CLOCK_REALTIME, &now);
	days = now.tv_sec / 86400 + 719468;
	seconds = now.tv_sec % 86400;
	era = days / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;

	put_number(m, (uint64_t)(yoe + era * 400 + (mp >= 10)), 4);
	put(m, "-", 1);
	put_number(m, (uint64_t)(mp < 10 ? mp + 3 : mp - 9), 2);
	put(m, "-", 1);
	put_number(m, (uint64_t)(doy - (153 * mp + 2) / 5 + 1), 2);
	put(m, "T", 1);
	put_number(m, (uint64_t)(seconds / 3600), 2);
	put(m, ":", 1);
	put_number(m, (uint64_t)(seconds / 60 % 60), 2);
	put(m, ":", 1);
	put_number(m, (uint64_t)(seconds % 60), 2);
	put(m, ".", 1);
	put_number(m, (uint64_t)now.tv_nsec, 9);
	put(m, "Z ", 2);
}

/* One line, or the part of one that was written so far. */
static void put_line(struct monitor *m, const char *source, const char *text, size_t length)
{
	bool whole = length && text[length - 1] == '\n';

	if (m->out_length + length + LOG_PREFIX_MAX > sizeof(m->out))
		flush(m);
	put_time(m);
	put(m, source, strlen(source));
	put(m, whole ? " F " : " P ", 3);
	put(m, text, length);
	if (!whole)
		put(m, "\n", 1);
}

/* False when nothing more is to be had now. */
static bool read_source(struct monitor *m, struct source *s)
{
	ssize_t n = read(s->fd, m->in, sizeof(m->in));

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {		/* a terminal says EIO */
		close(s->fd);
		s->fd = -1;
		return false;
	}
	for (char *at = m->in, *end = m->in + n; at < end;) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);

		put_line(m, s->name, at, length);
		at += length;
	}
	flush(m);
	return true;
}

static void pass_signals(struct monitor *m)
{
	struct signalfd_siginfo info;

	while (read(m->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		int signal = (int)info.ssi_signo;

		if (signal != SIGCHLD && signal != SIGPIPE && signal != SIGTSTP &&
		    signal != SIGTTIN && signal != SIGTTOU)
			(void)syscall(SYS_pidfd_send_signal, m->pidfd, signal, NULL, 0);
	}
}

static void serve(struct monitor *m)
{
	for (;;) {
		struct pollfd p[2 + SOURCES_MAX] = {
			{ .fd = m->pidfd, .events = POLLIN },
			{ .fd = m->signal_fd, .events = POLLIN },
		};

		for (int i = 0; i < m->source_count; i++)
			p[2 + i] = (struct pollfd){ .fd = m->sources[i].fd, .events = POLLIN };
		if (poll(p, 2 + (nfds_t)m->source_count, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents)
			pass_signals(m);
		for (int i = 0; i < m->source_count; i++)
			if (p[2 + i].revents)
				(void)read_source(m, &m->sources[i]);
		if (p[0].revents)
			return;
	}
}

/* Nobody of the container is left: what they wrote waits in the pipes. */
static int reap(struct monitor *m)
{
	int status = 0;

	if (waitpid(m->pid, &status, __WALL) < 0)
		status = 125 << 8;
	for (int i = 0; i < m->source_count; i++)
		while (m->sources[i].fd >= 0 && read_source(m, &m->sources[i]))
			;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool add_source(struct monitor *m, char *text)
{
	char *colon = strchr(text, ':');
	struct source *s = &m->sources[m->source_count];
	int flags;

	if (m->source_count == SOURCES_MAX || !colon)
		return false;
	s->fd = atoi(text);
	s->name = colon + 1;
	flags = fcntl(s->fd, F_GETFL);
	m->source_count++;
	return flags >= 0 && fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	       fcntl(s->fd, F_SETFD, FD_CLOEXEC) == 0;
}

static bool open_all(struct monitor *m, char **argv)
{
	sigset_t all;

	m->pid = atoi(argv[1]);
	m->dir_fd = atoi(argv[2]);
	m->log_max = strtoll(argv[3], NULL, 10);
	(void)fcntl(m->dir_fd, F_SETFD, FD_CLOEXEC);
	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return false;
	m->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	m->pidfd = (int)syscall(SYS_pidfd_open, m->pid, 0);
	log_open_file(m);
	return m->signal_fd >= 0 && m->pidfd >= 0;
}

int main(int argc, char **argv)
{
	static struct monitor m;
	char text[4] = "";
	int status, at;

	for (at = 4; at < argc && strcmp(argv[at], "--") != 0; at++)
		if (!add_source(&m, argv[at]))
			return 125;
	if (at + 2 >= argc || !open_all(&m, argv)) {
		static const char usage[] = "nacre-monitor: nacre run --detach starts this\n";

		(void)!write(STDERR_FILENO, usage, sizeof(usage) - 1);
		return 125;
	}
	serve(&m);
	status = reap(&m);

	text[0] = (char)('0' + status / 100);
	text[1] = (char)('0' + status / 10 % 10);
	text[2] = (char)('0' + status % 10);
	argv[argc - 1] = text;
	execv(argv[at + 1], argv + at + 1);
	return 125;
}
