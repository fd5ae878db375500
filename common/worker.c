/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/worker.c - the process that serves requests
 *
 * How it works. libfuse decodes requests and encodes replies; receiving
 * (receive.c), the way through (request.c), threads and the end are ours. The
 * main thread negotiates alone, and becomes one of the serving threads
 * afterwards.
 */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "common/arrival.h"
#include "common/crash.h"
#include "common/errors.h"
#include "common/keep.h"
#include "common/log.h"
#include "common/negotiate.h"
#include "common/ready.h"
#include "common/request.h"

enum {
	EXIT_GONE = 0,		/* the mount is gone */
	EXIT_BROKEN = 1,
	EXIT_PAUSED = 3,	/* another worker was wanted */
	THREADS_MAX = 64,
	PAGE = 4096,			/* or a multiple of it */
	USUAL_BYTES = 2 * PAGE,		/* of a request that writes nothing */
	SPIN_DEFAULT_US = 30,
};

/* libfuse's log function is given nothing of ours. */
static struct session *serving;

/* From libfuse's own messages to ours. */
__attribute__((format(printf, 2, 0)))
static void log_libfuse(enum fuse_log_level level, const char *format,
			va_list args)
{
	char text[1024];
	size_t length;

	vsnprintf(text, sizeof(text), format, args);
	length = strlen(text);
	if (length && text[length - 1] == '\n')
		text[length - 1] = '\0';

	if (level <= FUSE_LOG_ERR)
		log_error("libfuse: %s", text);
	else if (level <= FUSE_LOG_WARNING)
		log_warn("libfuse: %s", text);
	else if (level <= FUSE_LOG_INFO || serving->config->debug)
		log_info("%s", text);
}

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	negotiate_begin(serving, conn);
	if (serving->service->init)
		serving->service->init(userdata, conn);
	negotiate_end(serving, conn);
}

static struct fuse_session *make_fuse(struct session *s, void *userdata)
{
	struct fuse_lowlevel_ops ops = { 0 };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *fuse = NULL;
	char max_read[32], device[32];
	size_t bytes = s->service->ops_size;

	memcpy(&ops, s->service->ops, bytes < sizeof(ops) ? bytes : sizeof(ops));
	ops.init = on_init;
	ops.destroy = NULL;	/* stop() is called while libfuse still lives */
	snprintf(max_read, sizeof(max_read), "-omax_read=%u",
		 s->config->max_read_bytes);

	if (fuse_opt_add_arg(&args, log_program()) == 0 &&
	    (!s->config->max_read_bytes ||
	     fuse_opt_add_arg(&args, max_read) == 0) &&
	    (!s->config->debug || fuse_opt_add_arg(&args, "-d") == 0))
		fuse = fuse_session_new(&args, &ops, sizeof(ops), userdata);
	fuse_opt_free_args(&args);

	/* A mount that is there already. */
	snprintf(device, sizeof(device), "/dev/fd/%d", s->device_fd);
	if (fuse && fuse_session_mount(fuse, device) < 0) {
		fuse_session_destroy(fuse);
		fuse = NULL;
	}
	return fuse;
}

static bool is_stopping(const struct session *s)
{
	return atomic_load_explicit(&s->record->stopping, memory_order_relaxed);
}

/*
 * Whether a page is there must not be found out while a request is copied into it: a
 * worker that is killed at that moment gets no page any more, and the kernel fails the
 * request with EIO instead of keeping it for the next worker. So what requests have
 * needed so far, in any worker, is there before it is read into; what none needed
 * takes no memory.
 */
static void provide_pages(const struct session *s, char *mem, size_t *provided)
{
	size_t wanted = atomic_load_explicit(&s->record->largest_bytes,
					     memory_order_relaxed);

	wanted = (wanted > USUAL_BYTES ? wanted : USUAL_BYTES) + PAGE;
	if (wanted > RECEIVE_BYTES)
		wanted = RECEIVE_BYTES;
	for (; *provided < wanted; *provided += PAGE)
		((volatile char *)mem)[*provided] = 0;
}

static void note_size(struct session *s, size_t bytes)
{
	_Atomic uint32_t *largest = &s->record->largest_bytes;

	if (bytes > atomic_load_explicit(largest, memory_order_relaxed))
		atomic_store_explicit(largest, 2 * (uint32_t)bytes,
				      memory_order_relaxed);
}

/* Return: whether there is one in @buf. */
static bool take_request(struct session *s, struct fuse_buf *buf)
{
	ssize_t n = receive_read(&s->receive, buf->mem, RECEIVE_BYTES);

	buf->size = n > 0 ? (size_t)n : 0;
	if (n == -ENODEV)
		fuse_session_exit(s->fuse);	/* the mount is gone */
	if (n >= 0 || n == -ENODEV || n == -EINTR || n == -EAGAIN)
		return n > 0;
	log_error("cannot read from the FUSE device: %s\nAnother worker takes over.",
		  strerror((int)-n));
	_exit(EXIT_BROKEN);	/* one thread less is no service */
}

static void *new_buffer(void)
{
	void *mem = malloc(RECEIVE_BYTES);

	if (!mem) {
		log_error("cannot serve: %s\nFree some memory. Another worker takes over.",
			  strerror(ENOMEM));
		_exit(EXIT_BROKEN);
	}
	return mem;
}

/* Returns when the mount is gone, or another worker is to take over. */
static void *serve(void *session)
{
	struct session *s = session;
	struct fuse_buf buf = { .mem = new_buffer() };
	size_t provided = 0;

	crash_watch_thread();
	receive_thread_begin(request_header_place());
	while (!fuse_session_exited(s->fuse) && !is_stopping(s)) {
		provide_pages(s, buf.mem, &provided);
		if (!take_request(s, &buf))
			continue;
		note_size(s, buf.size);
		request_work_on(s, &buf);
	}
	receive_thread_done(&s->receive);
	free(buf.mem);
	return NULL;
}

static unsigned thread_count(const struct session *s)
{
	unsigned n = s->config->threads;
	cpu_set_t cpus;

	if (!n && sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		n = (unsigned)CPU_COUNT(&cpus);
	if (!s->config->threads && n < 2)
		n = 2;
	return n < THREADS_MAX ? n : THREADS_MAX;
}

static void serve_with_threads(struct session *s)
{
	pthread_t threads[THREADS_MAX];
	unsigned wanted = thread_count(s) - 1, n;
	int error = 0;

	for (n = 0; n < wanted; n++) {
		error = pthread_create(&threads[n], NULL, serve, s);
		if (error)
			break;
	}
	if (error)
		log_warn("only %u of %u threads could be started: %s\nServing with those.",
			 n + 1, wanted + 1, strerror(error));

	serve(s);
	while (n-- > 0)
		pthread_join(threads[n], NULL);
	receive_done(&s->receive);
}

static int negotiate_first(struct session *s)
{
	struct fuse_buf buf = { .mem = new_buffer() };
	int r = -ENODEV;

	while (!take_request(s, &buf) && !fuse_session_exited(s->fuse))
		;
	if (!fuse_session_exited(s->fuse))
		r = negotiate_record(s, buf.mem, buf.size);
	if (r == 0)
		fuse_session_process_buf(s->fuse, &buf);
	if (r == 0 && fuse_session_exited(s->fuse))
		r = -EPROTO;
	free(buf.mem);
	if (r < 0)
		log_error("the kernel did not accept the mount: %s\nThe kernel log may say more: dmesg | tail",
			  strerror(-r));
	if (r == 0 && !s->init_answered) {
		log_error("libfuse's replies go to the kernel past this program\nPlease report it, with the version of libfuse.");
		r = -ENOTSUP;
	}
	return r;
}

static int negotiate_again(struct session *s)
{
	unsigned char copy[RECORD_INIT_BYTES];
	struct fuse_buf buf = { .mem = copy, .size = s->record->init_bytes };

	memcpy(copy, s->record->init, sizeof(copy));
	fuse_session_process_buf(s->fuse, &buf);
	if (!fuse_session_exited(s->fuse))
		return 0;
	log_error("a new worker cannot take over: libfuse refuses what was negotiated\nUnmount, and mount again.");
	return -EPROTO;
}

/* Tells the holder. Whoever waits for the first one gets the terminal back, so
 * we drop it. */
static void announce(struct session *s)
{
	if (session_generation(s) == 0 && !s->config->foreground)
		ready_drop_stdio(s->null_fd);
	atomic_store(&s->record->phase, RECORD_SERVING);
	(void)eventfd_write(s->serving_fd, 1);	/* fails only at 2^64 */
}

static int take_up(struct session *s)
{
	uint64_t lost[RECORD_SLOTS + RECORD_PASSED];
	unsigned count;
	int r;

	if (session_generation(s) == 0)
		return negotiate_first(s);

	count = record_adopt(s->record, lost);
	count += record_adopt_passed(s->record, lost + count);
	r = negotiate_again(s);
	if (r == 0)
		request_recover(s, lost, count);
	return r;
}

/* The holder's death is ours: a mount without one could not be recovered. */
static int tie_to_holder(const struct session *s)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == s->holder ? 0 : -ESRCH;
}

static unsigned spin_us(const struct session *s)
{
	int configured = s->config->spin_us;

	if (configured == 0)
		return SPIN_DEFAULT_US;
	return configured > 0 ? (unsigned)configured : 0;
}

static int work(struct session *s, void *userdata)
{
	int r;

	r = receive_init(&s->receive, s->device_fd, s->stop_fd, spin_us(s),
			 s->config->spin_us > 0);
	if (r == 0)
		s->fuse = make_fuse(s, userdata);
	if (!s->fuse) {
		log_error("cannot set up libfuse\nIts own message is above.");
		return -ENOMEM;
	}

	r = take_up(s);
	if (r == 0) {
		announce(s);
		serve_with_threads(s);
	}
	return r;
}

/*
 * Not stop(): the mount and its state are there for another one. What is in
 * memory may be in use by threads of the file system, so it is left to the end
 * of the process.
 */
static _Noreturn void end_paused(struct session *s, void *userdata)
{
	if (s->service->pause)
		s->service->pause(userdata);
	_exit(EXIT_PAUSED);
}

int session_work(struct session *s)
{
	void *userdata = NULL;
	int r;

	serving = s;
	log_through(s->log_worker_fd);
	fuse_set_log_func(log_libfuse);
	r = tie_to_holder(s);
	if (r == 0)
		r = request_init(s);
	crash_watch(s->crash_fd);
	if (session_generation(s) > 0)
		keep_adopt(s);
	arrival_adopt(s);
	if (r == 0)
		r = s->service->start(s, s->context, &userdata);
	if (r < 0)
		return EXIT_BROKEN;

	r = work(s, userdata);
	if (r == 0 && !fuse_session_exited(s->fuse))
		end_paused(s, userdata);
	if (s->service->stop)
		s->service->stop(userdata);
	if (s->fuse)
		fuse_session_destroy(s->fuse);	/* closes the device, too */
	s->fuse = NULL;
	s->device_fd = -1;
	return r < 0 ? EXIT_BROKEN : EXIT_GONE;
}
