/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/session.h"

#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/log.h"
#include "common/negotiate.h"
#include "common/ready.h"
#include "common/session_impl.h"

static void say_no_start(const char *what, int error)
{
	log_error("cannot %s: %s\nThe system is short of memory, processes or open files.",
		  what, strerror(error));
}

static int prepare(struct session *s)
{
	int r = record_new(s->config->state_bytes, &s->state_fd, &s->record);

	if (r == 0) {
		s->serving_fd = neg_errno(eventfd(0, EFD_CLOEXEC));
		r = s->serving_fd < 0 ? s->serving_fd : 0;
	}
	if (r < 0)
		say_no_start("set up the mount's state", -r);
	return r;
}

static void release(struct session *s)
{
	record_unmap(s->record);
	if (s->serving_fd >= 0)
		close(s->serving_fd);
	if (s->state_fd >= 0)
		close(s->state_fd);
	if (s->device_fd >= 0)
		close(s->device_fd);
}

/* In the holder: with signals blocked, and a directory nobody needs. */
static int run_holder(struct session *s, int take_tell_fd)
{
	sigset_t all, before;
	int status = 1;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (prepare(s) == 0)
		status = session_hold(s, take_tell_fd);
	else if (take_tell_fd >= 0)
		close(take_tell_fd);
	release(s);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

int session_run(const struct session_config *config,
		const struct session_service *service, void *context)
{
	struct session_config c = *config;
	struct session s = {
		.config = &c, .service = service, .context = context,
		.device_fd = -1, .state_fd = -1, .serving_fd = -1,
	};
	int tell_fd = -1;
	int r;

	c.foreground |= c.debug;
	if (!c.foreground) {
		r = ready_detach(&tell_fd);
		if (r == 1)
			return 0;
		if (r < 0 && r != -ECHILD)	/* that one spoke for itself */
			say_no_start("go into the background", -r);
		if (r < 0)
			return 1;
	}
	return run_holder(&s, tell_fd);
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
