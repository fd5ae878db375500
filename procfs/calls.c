/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "procfs/calls_impl.h"
#include "procfs/clock.h"
#include "procfs/control.h"

/* <linux/seccomp.h> of Linux 6.6; Debian 12's headers are older. */
#define NOTIF_SET_FLAGS_ _IOW(SECCOMP_IOC_MAGIC, 4, uint64_t)
#define FD_SYNC_WAKE_UP_ UINT64_C(1)

#define NOT_KEPT       UINT32_MAX	/* for a place: a successor will not have it */
#define CLIENTS	       32
#define CLIENT_TIME_NS (5 * NS_PER_S)
#define EVENTS	       64

/* What an event is about; the rest of its number is an index. */
enum { ABOUT_STOP, ABOUT_ARRIVAL, ABOUT_CLIENT, ABOUT_LISTENER };

struct calls {
	struct service *service;	/* lent */
	struct calls_state *state;	/* lent */
	int epoll_fd, stop_fd;		/* owned */
	pthread_t thread;
	int fds[CALLS_LISTENERS];	/* of the listeners in the state; or -1 */
	/* A ring in the order of their arrival; the oldest one is not done. */
	struct {
		struct calls_client *client;	/* owned, or NULL: done */
		uint64_t since_ns, arrival;
	} clients[CLIENTS];
	unsigned oldest, client_count;
};

static int watch(struct calls *a, int fd, unsigned about, unsigned index)
{
	bool is_left_there = about == ABOUT_ARRIVAL || about == ABOUT_CLIENT;
	struct epoll_event event = {
		.events = is_left_there ? EPOLLIN | EPOLLET : EPOLLIN,
		.data.u64 = (uint64_t)about << 32 | index,
	};

	return neg_errno(epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &event));
}

/* --- listeners -------------------------------------------------------------- */

static void drop_listener(struct calls *a, unsigned i)
{
	struct session *session = a->service->session;
	uint32_t place = a->state->listeners[i].place;
	bool is_inherited = place != NOT_KEPT && session_kept_fd(session, (int)place) == a->fds[i];

	/* The holder has it, too: closing ours alone would leave it watched. */
	(void)epoll_ctl(a->epoll_fd, EPOLL_CTL_DEL, a->fds[i], NULL);
	if (!is_inherited)
		close(a->fds[i]);
	a->fds[i] = -1;
	if (place != NOT_KEPT)
		session_drop_fd(session, (int)place);
	__atomic_store_n(&a->state->listeners[i].place, 0, __ATOMIC_RELEASE);
}

static int watch_listener(struct calls *a, unsigned i, int fd)
{
	/* Both sides run on one CPU then; older kernels do without. */
	(void)ioctl(fd, NOTIF_SET_FLAGS_, FD_SYNC_WAKE_UP_);
	a->fds[i] = fd;
	return watch(a, fd, ABOUT_LISTENER, i);
}

static void give_to_keeper(struct calls *a, unsigned i, const char *id)
{
	int keeper_fd = a->service->keeper_fd;
	int r = keeper_fd < 0 ? -EPIPE : calls_keeper_give(keeper_fd, i, a->fds[i]);

	if (r < 0)
		log_warn("a listener of '%s' will not outlive this daemon: %s", id,
			 strerror(-r));
	a->state->listeners[i].is_given = r >= 0;
}

static int free_listener(const struct calls *a)
{
	for (unsigned i = 0; i < CALLS_LISTENERS; i++)
		if (!a->state->listeners[i].place)
			return (int)i;
	return -ENOSPC;
}

/* An earlier worker kept it, and was killed before it was done with the connection. */
static bool is_known(const struct calls *a, uint64_t arrival)
{
	for (unsigned i = 0; i < a->state->highest; i++)
		if (a->state->listeners[i].place && a->state->listeners[i].arrival == arrival)
			return true;
	return false;
}

static int add_listener(struct calls *a, const struct calls_message *m, uint64_t arrival)
{
	cleanup_container struct container *c = containers_find(a->service->containers, m->id);
	int i = free_listener(a);
	struct calls_listener *l;
	int r;

	if (i < 0)
		return i;
	l = &a->state->listeners[i];
	l->slot = c ? container_slot(c) : 0;
	l->generation = c ? container_generation(c) : 0;
	l->is_given = false;
	l->arrival = arrival;
	if ((unsigned)i >= a->state->highest)
		a->state->highest = (unsigned)i + 1;
	r = session_keep_fd_at(a->service->session, m->listener_fd, &l->place);
	if (r < 0) {
		log_warn("a listener of '%s' will not outlive this worker: %s", m->id,
			 strerror(-r));
		l->place = NOT_KEPT;
	}
	r = watch_listener(a, (unsigned)i, m->listener_fd);
	if (r < 0)
		drop_listener(a, (unsigned)i);
	else
		give_to_keeper(a, (unsigned)i, m->id);
	return r < 0 ? r : 0;
}

static void send_answer(struct calls *a, unsigned i)
{
	const struct seccomp_notif *n = calls_notification(a->state);
	const struct calls_listener *l = &a->state->listeners[i];
	cleanup_container struct container *c =
		containers_get(a->service->containers, l->slot, l->generation);
	struct seccomp_notif_resp response = { .id = n->id };
	int r = 0;

	if (++a->state->tries <= CALLS_TRIES)
		r = calls_answer(a->service, a->fds[i], c, n, &response);
	else
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	/* ENOENT here, too: the caller was killed or interrupted meanwhile. */
	if (r >= 0 && ioctl(a->fds[i], SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 &&
	    errno != ENOENT)
		log_warn("cannot answer a system call: %s", strerror(errno));
	__atomic_store_n(&a->state->answering, 0, __ATOMIC_RELEASE);
}

/* Received into the state: see calls.h. */
static void take_call(struct calls *a, unsigned i)
{
	int r;

	memset(a->state->notification, 0, sizeof(a->state->notification));
	a->state->tries = 0;
	__atomic_store_n(&a->state->answering, i + 1, __ATOMIC_RELEASE);
	do
		r = neg_errno(ioctl(a->fds[i], SECCOMP_IOCTL_NOTIF_RECV,
				    calls_notification(a->state)));
	while (r == -EINTR);
	if (r >= 0)
		send_answer(a, i);
	else
		__atomic_store_n(&a->state->answering, 0, __ATOMIC_RELEASE);
}

/* What an earlier worker left: its listeners, and the call that it had in hand. */
static void adopt(struct calls *a)
{
	struct calls_state *state = a->state;

	for (unsigned i = 0; i < state->highest; i++) {
		uint32_t place = state->listeners[i].place;
		int fd;

		if (!place)
			continue;
		fd = place == NOT_KEPT ? -ENOENT
				       : session_kept_fd(a->service->session, (int)place);
		if (fd < 0)
			state->listeners[i].place = 0;
		else if (watch_listener(a, i, fd) < 0)
			drop_listener(a, i);
		else if (a->service->new_keeper || !state->listeners[i].is_given)
			give_to_keeper(a, i, "an earlier worker");
	}
	if (state->answering > CALLS_LISTENERS)
		state->answering = 0;
	if (!state->answering)
		return;
	if (calls_notification(state)->id && a->fds[state->answering - 1] >= 0)
		send_answer(a, state->answering - 1);
	else
		state->answering = 0;
}

/* --- engines ------------------------------------------------------------------ */

/* Only the oldest can be taken off: what came later and is done waits for those before. */
static void let_go(struct calls *a)
{
	while (a->client_count && !a->clients[a->oldest].client) {
		session_arrivals_done(a->service->session);
		a->oldest = (a->oldest + 1) % CLIENTS;
		a->client_count--;
	}
}

static void drop_client(struct calls *a, unsigned i)
{
	/* It may stay open where it arrived: closing ours alone would leave it watched. */
	if (a->clients[i].client)
		(void)epoll_ctl(a->epoll_fd, EPOLL_CTL_DEL,
				calls_client_fd(a->clients[i].client), NULL);
	a->clients[i].client = calls_client_free(a->clients[i].client);
}

static void end_client(struct calls *a, unsigned i)
{
	drop_client(a, i);
	let_go(a);
}

static void read_client(struct calls *a, unsigned i)
{
	struct calls_message m = { .listener_fd = -1 };
	int r;

	if (!a->clients[i].client)
		return;
	r = calls_client_read(a->clients[i].client, &m);
	if (r == 0)
		return;
	if (r > 0) {
		r = add_listener(a, &m, a->clients[i].arrival);
		if (r >= 0)
			m.listener_fd = -1;	/* it is the listener's */
	}
	if (r < 0)
		log_warn("an engine's message about '%s' was not understood: %s\n"
			 "The filter's system calls fail in this container.",
			 m.id ? m.id : "a container", strerror(-r));
	calls_message_done(&m);
	end_client(a, i);
}

static void add_client(struct calls *a, int take_fd, uint64_t arrival)
{
	unsigned i = (a->oldest + a->client_count++) % CLIENTS;
	struct ucred peer;

	a->clients[i].arrival = arrival;
	a->clients[i].since_ns = clock_now_ns();
	if (take_fd >= 0 && !is_known(a, arrival) && control_is_allowed(take_fd, &peer))
		a->clients[i].client = calls_client_new(take_fd);
	else
		cleanup_fd_(&take_fd);
	if (!a->clients[i].client ||
	    watch(a, calls_client_fd(a->clients[i].client), ABOUT_CLIENT, i) < 0)
		end_client(a, i);
	else
		read_client(a, i);
}

static void look_at_arrivals(struct calls *a)
{
	uint64_t arrival;
	int fd;

	for (;;) {
		if (a->client_count == CLIENTS)
			end_client(a, a->oldest);	/* silent for longest */
		fd = session_arrivals_look(a->service->session, &arrival);
		if (fd < 0 && fd != -EMFILE)
			return;
		add_client(a, fd, arrival);
	}
}

static bool expire_clients(struct calls *a)
{
	uint64_t now = clock_now_ns();

	while (a->client_count && now - a->clients[a->oldest].since_ns > CLIENT_TIME_NS)
		end_client(a, a->oldest);
	return a->client_count;
}

/* --- the thread ------------------------------------------------------------- */

static bool handle(struct calls *a, const struct epoll_event *event)
{
	unsigned about = event->data.u64 >> 32, i = (uint32_t)event->data.u64;

	if (about == ABOUT_STOP)
		return false;
	if (about == ABOUT_ARRIVAL)
		look_at_arrivals(a);
	else if (about == ABOUT_CLIENT)
		read_client(a, i);
	else if (event->events & EPOLLIN)
		take_call(a, i);
	else
		drop_listener(a, i);	/* nobody is left under the filter */
	return true;
}

static void *run(void *calls)
{
	struct calls *a = calls;
	struct epoll_event events[EVENTS];
	bool go_on = true;

	(void)pthread_setname_np(pthread_self(), "calls");
	adopt(a);
	while (go_on) {
		int timeout = expire_clients(a) ? 1000 : -1;
		int n = epoll_wait(a->epoll_fd, events, EVENTS, timeout);

		for (int i = 0; i < n && go_on; i++)
			go_on = handle(a, &events[i]);
	}
	return NULL;
}

size_t calls_state_size(void)
{
	return sizeof(struct calls_state);
}

static bool kernel_fits(void)
{
	struct seccomp_notif_sizes sizes;

	return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0 &&
	       sizes.seccomp_notif <= CALLS_NOTIFICATION &&
	       sizes.seccomp_notif_resp <= sizeof(struct seccomp_notif_resp);
}

static void release(struct calls *a)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		drop_client(a, i);
	cleanup_fd_(&a->epoll_fd);
	cleanup_fd_(&a->stop_fd);
	free(a);
}

int calls_start(struct service *service, struct calls_state *state, struct calls **ret)
{
	struct calls *a = calloc(1, sizeof(*a));
	int arrivals_fd = session_arrivals_fd(service->session);
	int r;

	if (!a)
		return -ENOMEM;
	a->service = service;
	a->state = state;
	for (unsigned i = 0; i < CALLS_LISTENERS; i++)
		a->fds[i] = -1;
	a->stop_fd = neg_errno(eventfd(0, EFD_CLOEXEC));
	a->epoll_fd = neg_errno(epoll_create1(EPOLL_CLOEXEC));
	r = a->stop_fd < 0 ? a->stop_fd : a->epoll_fd;
	if (r >= 0)
		r = watch(a, a->stop_fd, ABOUT_STOP, 0);
	if (r >= 0 && arrivals_fd >= 0 && kernel_fits())
		r = watch(a, arrivals_fd, ABOUT_ARRIVAL, 0);
	if (r >= 0)
		r = -pthread_create(&a->thread, NULL, run, a);
	if (r < 0) {
		release(a);
		return r;
	}
	*ret = a;
	return 0;
}

struct calls *calls_stop(struct calls *a)
{
	if (!a)
		return NULL;
	(void)eventfd_write(a->stop_fd, 1);
	(void)pthread_join(a->thread, NULL);
	release(a);
	return NULL;
}
