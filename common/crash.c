/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/log.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||            \
	__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { FRAMES = 48, TEXT_BYTES = 8192, STACK_BYTES = 64 * 1024 };

/* A signal handler is given nothing. */
static int watch_fd = -1;

static const int deadly[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };

int crash_open(void)
{
	return neg_errno(memfd_create("nacre-crash", MFD_CLOEXEC));
}

static void on_crash(int signal)
{
	void *frames[FRAMES];

	backtrace_symbols_fd(frames, backtrace(frames, FRAMES), watch_fd);
	(void)raise(signal);	/* now it kills: SA_RESETHAND */
}

void crash_watch(int fd)
{
	struct sigaction action = {
		.sa_handler = on_crash,
		.sa_flags = (int)SA_RESETHAND | SA_NODEFER | SA_ONSTACK,
	};
	sigset_t signals;
	void *frame;

	/* Blocked, a fault would kill at once, and SIGABRT from outside never. */
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		sigaddset(&signals, deadly[i]);
	(void)sigprocmask(SIG_UNBLOCK, &signals, NULL);
	if (SANITIZED)
		return;

	watch_fd = fd;
	(void)backtrace(&frame, 1);	/* loads what it needs, while it can */
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		(void)sigaction(deadly[i], &action, NULL);
}

void crash_watch_thread(void)
{
	void *memory = MAP_FAILED;
	stack_t stack = { .ss_size = STACK_BYTES };

	if (!SANITIZED)
		memory = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return;		/* then its full stack ends without a word */
	stack.ss_sp = memory;
	(void)sigaltstack(&stack, NULL);
}

void crash_log(int fd)
{
	char text[TEXT_BYTES];
	char *line, *rest = text;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return;
	text[n] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (*line)
			log_warn("  at %s", line);
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return;		/* the next one is appended */
}
