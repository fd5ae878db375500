/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/lock.h"
#include "procfs/gather.h"

#define TRIGGERS  256
#define EVENTS	  16
#define STOP	  TRIGGERS	/* in place of an index */
#define OPEN	  (TRIGGERS + 1)
#define READY	  (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)	/* what files always are */

/* In the state. */
struct trigger {
	uint64_t handle;	/* 0: free */
	uint64_t wake;		/* 0: nobody */
	uint32_t place;		/* of the descriptor, as session_keep_fd() has it */
	uint32_t events;	/* POLL* that nobody was told of */
};

/* A file that the thread is to open: it alone may open those of others for writing. */
struct opening {
	int dir_fd;		/* lent */
	const char *name;
	int fd;			/* the answer; or -errno */
};

struct triggers {
	struct session *session;	/* lent */
	int epoll_fd, stop_fd;		/* owned */
	pthread_t thread;
	struct lock open_lock;		/* one asks at a time; taken before lock */
	int ask_fd, answer_fd;		/* owned: eventfds */
	struct opening *opening;	/* of who asks */
	struct lock lock;		/* guards all that follows */
	struct trigger *list;		/* lent: TRIGGERS of them in the state */
	int fds[TRIGGERS];		/* or -1; inherited ones belong to the session */
};

size_t triggers_state_size(void)
{
	return TRIGGERS * sizeof(struct trigger);
}

bool triggers_has(const char *path)
{
	return gather_pressure_file(path);
}

static int find_locked(const struct triggers *t, uint64_t handle) REQUIRES(t->lock)
{
	for (int i = 0; i < TRIGGERS; i++)
		if (t->list[i].handle == handle)
			return i;
	return -ENOENT;
}

static int watch(struct triggers *t, int fd, unsigned index)
{
	struct epoll_event event = {
		.events = index >= TRIGGERS ? EPOLLIN : EPOLLPRI, .data.u32 = index,
	};

	return neg_errno(epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &event));
}

static void drop_locked(struct triggers *t, int i) REQUIRES(t->lock)
{
	struct trigger *trigger = &t->list[i];

	(void)epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, t->fds[i], NULL);
	if (session_kept_fd(t->session, (int)trigger->place) != t->fds[i])
		close(t->fds[i]);
	t->fds[i] = -1;
	session_drop_fd(t->session, (int)trigger->place);
	*trigger = (struct trigger){ 0 };
}

void triggers_drop(struct triggers *t, uint64_t handle)
{
	int i;

	lock_scope(&t->lock);
	i = find_locked(t, handle);
	if (i >= 0)
		drop_locked(t, i);
}

static int open_file(int dir_fd, const char *name)
{
	return neg_errno(openat(dir_fd, name, O_RDWR | O_NONBLOCK | O_CLOEXEC));
}

/*
 * The kernel lets everybody write to /proc/pressure, but a cgroup's file is its owner's:
 * of a user to whom the cgroup was delegated, and root without capabilities is none.
 */
static int open_by_thread(struct triggers *t, struct opening *o)
{
	eventfd_t ignored;

	lock_scope(&t->open_lock);
	t->opening = o;
	if (eventfd_write(t->ask_fd, 1) < 0 || eventfd_read(t->answer_fd, &ignored) < 0)
		return -errno;
	return o->fd;
}

static void answer_opening(struct triggers *t)
{
	eventfd_t ignored;

	(void)eventfd_read(t->ask_fd, &ignored);
	t->opening->fd = open_file(t->opening->dir_fd, t->opening->name);
	(void)eventfd_write(t->answer_fd, 1);
}

struct source {
	struct triggers *triggers;
	const char *name;	/* of the cgroup's file */
	int fd;			/* the answer */
};

/* For container_with_load(). */
static int open_source(struct container_load *load, struct group *group,
		       uint64_t start_ns, void *context)
{
	struct source *source = context;
	struct opening o = { .name = source->name };

	(void)load;
	(void)start_ns;
	if (!group_has(group, GROUP_V2) || group_depth(group, GROUP_V2) == 0)
		return -EOPNOTSUPP;
	o.dir_fd = group_dir(group, GROUP_V2);
	source->fd = open_file(o.dir_fd, o.name);
	if (source->fd == -EACCES)
		source->fd = open_by_thread(source->triggers, &o);
	return source->fd < 0 ? source->fd : 0;
}

static int add_locked(struct triggers *t, uint64_t handle, int *fd) REQUIRES(t->lock)
{
	int i = find_locked(t, 0), place, r;

	if (i < 0)
		return -ENOSPC;
	place = session_keep_fd(t->session, *fd);
	if (place < 0)
		return place;
	t->list[i].place = (uint32_t)place;
	t->list[i].handle = handle;
	t->fds[i] = take_fd(fd);
	r = watch(t, t->fds[i], (unsigned)i);
	if (r < 0)
		drop_locked(t, i);
	return r;
}

int triggers_set(struct triggers *t, uint64_t handle, struct container *c,
		 const char *path, const char *text, size_t length)
{
	struct source source = { t, gather_pressure_file(path), -1 };
	cleanup_fd int fd = -1;
	int r;

	if (!source.name)
		return -EACCES;
	r = container_with_load(c, open_source, &source);
	if (r < 0)
		return r;
	fd = source.fd;
	lock_scope(&t->lock);
	if (find_locked(t, handle) >= 0)
		return -EBUSY;
	if (write(fd, text, length) < 0)
		return -errno;
	return add_locked(t, handle, &fd);
}

unsigned triggers_poll(struct triggers *t, uint64_t handle, uint64_t wake)
{
	unsigned events;
	int i;

	lock_scope(&t->lock);
	i = find_locked(t, handle);
	if (i < 0)
		return READY;
	events = READY | t->list[i].events;
	t->list[i].events &= ~(uint32_t)POLLPRI;
	if (wake)
		t->list[i].wake = wake;
	return events;
}

/* The kernel forgets an event once it has told it: we must not. */
static void note(struct triggers *t, unsigned i, uint32_t events)
{
	lock_scope(&t->lock);
	if (t->fds[i] < 0)
		return;		/* closed meanwhile */
	t->list[i].events |= POLLPRI;
	if (events & EPOLLERR) {	/* its cgroup is gone: that will not change */
		t->list[i].events |= POLLERR;
		(void)epoll_ctl(t->epoll_fd, EPOLL_CTL_DEL, t->fds[i], NULL);
	}
	if (t->list[i].wake)
		session_notify_poll(t->session, t->list[i].wake);
}

static void *run(void *triggers)
{
	struct triggers *t = triggers;
	struct epoll_event events[EVENTS];

	(void)pthread_setname_np(pthread_self(), "triggers");
	for (;;) {
		int n = epoll_wait(t->epoll_fd, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.u32 == STOP)
				return NULL;
			if (events[i].data.u32 == OPEN)
				answer_opening(t);
			else
				note(t, events[i].data.u32, events[i].events);
		}
	}
}

/* One that polls is woken to look: what the last worker heard it may not have told. */
static void adopt(struct triggers *t)
{
	lock_scope(&t->lock);
	for (int i = 0; i < TRIGGERS; i++) {
		struct trigger *trigger = &t->list[i];

		t->fds[i] = -1;
		if (!trigger->handle)
			continue;
		t->fds[i] = session_kept_fd(t->session, (int)trigger->place);
		if (t->fds[i] < 0) {
			*trigger = (struct trigger){ 0 };
			continue;
		}
		if (watch(t, t->fds[i], (unsigned)i) < 0)
			trigger->events |= POLLERR | POLLPRI;
		if (trigger->events && trigger->wake)
			session_notify_poll(t->session, trigger->wake);
	}
}

static void release(struct triggers *t)
{
	cleanup_fd_(&t->epoll_fd);
	cleanup_fd_(&t->stop_fd);
	cleanup_fd_(&t->ask_fd);
	cleanup_fd_(&t->answer_fd);
	lock_done(&t->lock);
	lock_done(&t->open_lock);
	free(t);
}

int triggers_start(struct session *session, void *state, struct triggers **ret)
{
	struct triggers *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	lock_init(&t->lock);
	lock_init(&t->open_lock);
	t->session = session;
	t->list = state;
	t->stop_fd = neg_errno(eventfd(0, EFD_CLOEXEC));
	t->ask_fd = neg_errno(eventfd(0, EFD_CLOEXEC));
	t->answer_fd = neg_errno(eventfd(0, EFD_CLOEXEC));
	t->epoll_fd = neg_errno(epoll_create1(EPOLL_CLOEXEC));
	r = t->stop_fd < 0 || t->ask_fd < 0 || t->answer_fd < 0 ? -EMFILE : t->epoll_fd;
	if (r >= 0)
		r = watch(t, t->stop_fd, STOP);
	if (r >= 0)
		r = watch(t, t->ask_fd, OPEN);
	if (r >= 0) {
		adopt(t);
		r = -pthread_create(&t->thread, NULL, run, t);
	}
	if (r < 0) {
		release(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct triggers *triggers_stop(struct triggers *t)
{
	if (!t)
		return NULL;
	(void)eventfd_write(t->stop_fd, 1);
	(void)pthread_join(t->thread, NULL);
	release(t);
	return NULL;
}
