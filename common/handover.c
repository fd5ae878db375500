/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"

#define VARIABLE "NACRE_SESSION"
#define FORMAT	 "mode=%d holder=%d detached=%d device=%d state=%d " \
		 "serving=%d stop=%d keep=%d crash=%d log=%d arrival=%d"
#define FIELDS	 11
#define INHERIT	 " inherit"	/* then a number for each, with a blank before */

enum { EXIT_NOT_EXECUTED = 126 };

/* The words of /proc/self/cmdline as an argv that points into them. */
static char **split_words(char *words, size_t bytes)
{
	size_t count = 0, n = 0;
	char **argv;

	for (size_t i = 0; i < bytes; i++)
		count += words[i] == '\0';
	argv = calloc(count + 1, sizeof(*argv));
	if (!argv)
		return NULL;
	for (char *w = words; n < count; w += strlen(w) + 1)
		argv[n++] = w;
	return argv;
}

int handover_init(struct session *s)
{
	cleanup_buf struct buf words = BUF_INIT;
	ssize_t n = readlink("/proc/self/exe", s->program, sizeof(s->program) - 1);
	int r;

	if (n < 0)
		return -errno;
	s->program[n] = '\0';
	if (!getcwd(s->cwd, sizeof(s->cwd)))
		return -errno;
	r = buf_read_file(&words, AT_FDCWD, "/proc/self/cmdline");
	if (r < 0)
		return r;

	s->argv = split_words(words.data, words.length);
	if (!s->argv)
		return -ENOMEM;
	s->argv_words = take_ptr(words.data);
	return 0;
}

void handover_done(struct session *s)
{
	free(s->argv);
	free(s->argv_words);
	s->argv = NULL;
	s->argv_words = NULL;
}

int handover_open_program(const struct session *s)
{
	if (!s->argv)
		return -ENOENT;
	return neg_errno(open(s->program, O_RDONLY | O_CLOEXEC));
}

/* What belongs to the mount: @flags of F_SETFD for each descriptor. */
static void set_descriptors(const struct session *s, int flags)
{
	const int fds[] = { s->device_fd, s->state_fd, s->serving_fd, s->stop_fd,
			    s->keep_worker_fd, s->crash_fd, s->log_worker_fd,
			    s->arrival_worker_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		(void)fcntl(fds[i], F_SETFD, flags);
}

static void keep_open(int fd)
{
	(void)fcntl(fd, F_SETFD, 0);
}

static void describe(const struct session *s, enum handover_mode mode,
		     char *value, size_t size)
{
	size_t n;

	snprintf(value, size, FORMAT INHERIT, mode, s->holder,
		 !s->config->foreground, s->device_fd, s->state_fd,
		 s->serving_fd, s->stop_fd, s->keep_worker_fd, s->crash_fd,
		 s->log_worker_fd, s->arrival_worker_fd);
	for (unsigned i = 0; i < SESSION_INHERIT_FDS; i++) {
		n = strlen(value);
		snprintf(value + n, size - n, " %d", s->config->inherit_fds[i]);
	}
}

_Noreturn void handover_exec(struct session *s, int exe_fd,
			     enum handover_mode mode)
{
	char value[512];

	set_descriptors(s, 0);
	for (unsigned i = 0; mode == HANDOVER_WORK && i < RECORD_KEPT; i++)
		if (s->record->kept[i] > 0)
			keep_open(s->record->kept[i]);

	for (unsigned i = 0; i < SESSION_INHERIT_FDS; i++)
		if (s->config->inherit_fds[i] > 0)
			keep_open(s->config->inherit_fds[i]);

	describe(s, mode, value, sizeof(value));
	if (setenv(VARIABLE, value, 1) == 0 && chdir(s->cwd) == 0)
		fexecve(exe_fd, s->argv, environ);
	dprintf(STDERR_FILENO, "%s: cannot execute '%s': %s\n", log_program(),
		s->program, strerror(errno));
	_exit(EXIT_NOT_EXECUTED);
}

bool session_is_handover(void)
{
	return getenv(VARIABLE);
}

int session_handover_fd(unsigned index)
{
	const char *value = getenv(VARIABLE);
	const char *numbers = value ? strstr(value, INHERIT) : NULL;
	char *end;
	long fd = 0;

	if (!numbers || index >= SESSION_INHERIT_FDS)
		return -ENOENT;
	numbers += strlen(INHERIT);
	for (unsigned i = 0; i <= index; i++, numbers = end)
		fd = strtol(numbers, &end, 10);
	if (fd <= 0 || fd > INT_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return -ENOENT;
	return (int)fd;
}

enum handover_mode handover_find(struct session *s)
{
	const char *value = getenv(VARIABLE);
	int mode, detached;

	if (!value)
		return HANDOVER_NONE;
	if (sscanf(value, FORMAT, &mode, &s->holder, &detached, &s->device_fd,
		   &s->state_fd, &s->serving_fd, &s->stop_fd, &s->keep_worker_fd,
		   &s->crash_fd, &s->log_worker_fd, &s->arrival_worker_fd) != FIELDS)
		return HANDOVER_ALIEN;
	(void)unsetenv(VARIABLE);	/* not for programs that we start */
	if (getppid() != s->holder ||
	    (mode != HANDOVER_CHECK && mode != HANDOVER_WORK))
		return HANDOVER_NONE;

	set_descriptors(s, FD_CLOEXEC);
	log_through(s->log_worker_fd);
	if (detached && mode == HANDOVER_WORK)
		log_detach();
	return (enum handover_mode)mode;
}

int handover_take(struct session *s)
{
	int r = record_map(s->state_fd, &s->record);

	if (r == 0 && s->record->state_bytes != s->config->state_bytes)
		r = -EPROTO;
	if (r < 0) {
		log_error("this version cannot read the state of the one that runs\nIt goes on as it is. Unmount and mount again to use this version.");
		return -EPROTO;
	}
	return 0;
}
