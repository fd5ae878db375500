/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/session.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/arrival.h"
#include "common/crash.h"
#include "common/errors.h"
#include "common/handover.h"
#include "common/keep.h"
#include "common/log.h"
#include "common/negotiate.h"
#include "common/ready.h"
#include "common/session_impl.h"

static void say_no_start(const char *what, int error)
{
	log_error("cannot %s: %s\nThe system is short of memory, processes or open files.",
		  what, strerror(error));
}

static int new_eventfd(int *ret_fd)
{
	*ret_fd = neg_errno(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	return *ret_fd < 0 ? *ret_fd : 0;
}

static int new_log_socket(struct session *s)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->log_holder_fd = pair[0];
	s->log_worker_fd = pair[1];
	return 0;
}

static int prepare(struct session *s)
{
	int r = record_new(s->config->state_bytes, &s->state_fd, &s->record);

	s->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (r == 0)
		r = new_eventfd(&s->serving_fd);
	if (r == 0)
		r = new_eventfd(&s->stop_fd);
	if (r == 0)
		r = keep_init(s);
	if (r == 0)
		r = arrival_init(s);
	if (r == 0)
		r = new_log_socket(s);
	if (r == 0) {
		s->crash_fd = crash_open();
		r = s->crash_fd < 0 ? s->crash_fd : 0;
	}
	if (r < 0) {
		say_no_start("set up the mount's state", -r);
		return r;
	}
	r = handover_init(s);
	if (r < 0)
		log_warn("this mount cannot be upgraded while it runs: %s",
			 strerror(-r));
	return 0;
}

static void release(struct session *s)
{
	int fds[] = { s->serving_fd, s->stop_fd, s->crash_fd, s->state_fd,
		      s->device_fd, s->null_fd, s->log_holder_fd, s->log_worker_fd };

	keep_done(s);
	arrival_done(s);
	handover_done(s);
	record_unmap(s->record);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Closed ones would be taken by descriptors of ours, and then be given back as
 * if they were the terminal. */
static void fill_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int run_holder(struct session *s)
{
	sigset_t all, before;
	int tell_fd = -1;
	int status = 1;
	int r;

	if (!s->config->foreground) {
		r = ready_detach(&tell_fd);
		if (r == 1)
			return 0;
		if (r < 0 && r != -ECHILD)	/* that one spoke for itself */
			say_no_start("go into the background", -r);
		if (r < 0)
			return 1;
	}

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (prepare(s) == 0) {
		status = session_hold(s, tell_fd);
		keep_show(s);
		if (s->service->leave)
			s->service->leave(s, s->context);
	} else if (tell_fd >= 0) {
		close(tell_fd);
	}
	release(s);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

/* This process was started by the holder of another version, with every signal
 * blocked as in all workers. */
static int run_handed_over(struct session *s, enum handover_mode mode)
{
	int r = handover_take(s);

	if (r == 0 && mode == HANDOVER_CHECK && s->service->check)
		r = s->service->check(s, s->context);
	if (r < 0)
		return 1;
	if (mode == HANDOVER_CHECK)
		return 0;
	(void)chdir("/");
	return session_work(s);
}

int session_run(const struct session_config *config,
		const struct session_service *service, void *context)
{
	struct session_config c = *config;
	struct session s = {
		.config = &c, .service = service, .context = context,
		.device_fd = -1, .state_fd = -1, .serving_fd = -1,
		.stop_fd = -1, .null_fd = -1, .crash_fd = -1, .keep_holder_fd = -1,
		.keep_worker_fd = -1, .log_holder_fd = -1, .log_worker_fd = -1,
		.arrival_holder_fd = -1, .arrival_worker_fd = -1, .arrival_next_fd = -1,
	};
	enum handover_mode mode;

	fill_stdio();
	c.foreground |= c.debug;
	mode = handover_find(&s);
	if (mode == HANDOVER_ALIEN) {
		log_error("this version cannot take over from the one that runs\nThat one goes on. Unmount and mount again to use this version.");
		return 1;
	}
	return mode == HANDOVER_NONE ? run_holder(&s) :
				       run_handed_over(&s, mode);
}

bool session_want(struct session *s, enum session_feature feature)
{
	return negotiate_want(s, feature);
}

bool session_has(const struct session *s, enum session_feature feature)
{
	return negotiate_has(s, feature);
}

void session_set_stack_depth(struct session *s, unsigned depth)
{
	s->stack_depth = depth == 2 ? 2 : 1;	/* what the kernel knows */
}

struct fuse_session *session_fuse(struct session *s)
{
	return s->fuse;
}

int session_device(const struct session *s)
{
	return s->device_fd;
}

void *session_state(const struct session *s, size_t *ret_bytes)
{
	*ret_bytes = s->record->state_bytes;
	return record_state(s->record);
}

unsigned session_generation(const struct session *s)
{
	return atomic_load_explicit(&s->record->generation,
				    memory_order_relaxed);
}

uint64_t session_request_count(const struct session *s, unsigned opcode)
{
	return record_requests(s->record, opcode);
}
