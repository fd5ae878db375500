/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/upgrade.c - the holder's part in an upgrade
 *
 * How it works. Who asks connects to a socket that is named after the mount's
 * device number and sends its stderr. The program that is installed now is run
 * once, to say on that stderr whether it understands the state. Then the old
 * worker is told to take no more requests and to end, and the new program is
 * started as any worker is. Should it fail before it serves, the old one is
 * started again.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/holder_impl.h"
#include "common/log.h"
#include "common/upgrade.h"

enum { STEP_SECONDS = 20 };

static void set_timer(struct holder *h, int seconds)
{
	struct itimerspec in = { .it_value.tv_sec = seconds };

	(void)timerfd_settime(h->timer_fd, 0, &in, NULL);
}

static int bind_free_name(int fd, const struct session *s)
{
	struct sockaddr_un address;
	int r = -EADDRINUSE;

	for (unsigned nth = 0; r == -EADDRINUSE && nth < UPGRADE_NAMES; nth++) {
		socklen_t length = upgrade_address(s->config->subtype,
						   s->mount.device, nth, &address);

		r = neg_errno(bind(fd, (struct sockaddr *)&address, length));
	}
	return r;
}

void upgrade_init(struct holder *h)
{
	cleanup_fd int fd = neg_errno(socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	int r = fd < 0 ? fd : bind_free_name(fd, h->s);

	if (r == 0)
		r = neg_errno(listen(fd, 4));
	if (r == 0)
		h->listen_fd = take_fd(&fd);
	else
		log_warn("this mount cannot be upgraded while it runs: %s",
			 strerror(-r));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(take_fd(fd));
}

void upgrade_done(struct holder *h)
{
	close_fd(&h->listen_fd);
	close_fd(&h->client_fd);
	close_fd(&h->other_exe_fd);
}

/* Answers who asked, and is ready for the next one. */
static void finish(struct holder *h, const char *answer)
{
	if (h->client_fd >= 0)	/* it may have gone: that is its business */
		(void)send(h->client_fd, answer, strlen(answer),
			   MSG_NOSIGNAL | MSG_DONTWAIT);
	close_fd(&h->client_fd);
	close_fd(&h->other_exe_fd);
	h->stage = UPGRADE_NONE;
	if (!h->ending)
		set_timer(h, 0);
}

static void start_check(struct holder *h, int error_fd)
{
	h->other_exe_fd = handover_open_program(h->s);
	if (h->other_exe_fd < 0) {
		finish(h, "the installed program cannot be opened");
		return;
	}
	h->candidate = fork();
	if (h->candidate == 0) {
		int exe_fd = take_fd(&h->other_exe_fd);

		(void)dup2(error_fd, STDERR_FILENO);
		workers_exec(h, exe_fd, HANDOVER_CHECK);
	}
	if (h->candidate < 0) {
		h->candidate = 0;
		finish(h, "no process could be started");
		return;
	}
	h->stage = UPGRADE_CHECKING;
	set_timer(h, STEP_SECONDS);
}

static bool may_ask(int client_fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(client_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

void upgrade_on_connect(struct holder *h)
{
	cleanup_fd int client_fd = accept4(h->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	cleanup_fd int error_fd = -1;

	if (client_fd < 0 || !may_ask(client_fd))
		return;
	/* It sends before it waits, so this does not hold us up for long. */
	error_fd = upgrade_receive_fd(client_fd);
	if (error_fd < 0)
		return;
	if (h->stage != UPGRADE_NONE || h->ending || !h->ready) {
		(void)send(client_fd, "busy", 4, MSG_NOSIGNAL | MSG_DONTWAIT);
		return;
	}
	h->client_fd = take_fd(&client_fd);
	start_check(h, error_fd);
}

void upgrade_on_checked(struct holder *h, int status)
{
	h->candidate = 0;
	if (h->stage != UPGRADE_CHECKING)
		return;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		finish(h, "refused");
		return;
	}
	h->stage = UPGRADE_STOPPING;
	atomic_store(&h->s->record->stopping, 1);
	(void)eventfd_write(h->s->stop_fd, 1);
	set_timer(h, STEP_SECONDS);
}

static void start_next(struct holder *h)
{
	struct record *r = h->s->record;
	eventfd_t ignored;

	atomic_store(&r->stopping, 0);
	(void)eventfd_read(h->s->stop_fd, &ignored);
	atomic_store(&r->crashed, 0);
	atomic_fetch_add(&r->generation, 1);
	workers_start(h);
}

static void swap_programs(struct holder *h)
{
	int fd = h->exe_fd;

	h->exe_fd = h->other_exe_fd;
	h->other_exe_fd = fd;
}

bool upgrade_on_worker_end(struct holder *h, int status)
{
	if (h->stage == UPGRADE_STOPPING) {	/* however it ended */
		swap_programs(h);
		h->stage = UPGRADE_TAKING;
		set_timer(h, STEP_SECONDS);
		start_next(h);
		return true;
	}
	if (h->stage == UPGRADE_TAKING) {
		log_warn("the new version did not take over '%s'; the old one goes on",
			 h->s->mount.path);
		swap_programs(h);
		finish(h, "failed");
		start_next(h);
		return true;
	}
	return false;
}

void upgrade_on_serving(struct holder *h)
{
	if (h->stage != UPGRADE_TAKING)
		return;
	log_info("'%s' is served by the version that is installed now",
		 h->s->mount.path);
	finish(h, UPGRADE_OK);
}

/* Whoever is in our way is killed; its end is the next event. */
void upgrade_on_timeout(struct holder *h)
{
	if (h->stage == UPGRADE_CHECKING)
		(void)kill(h->candidate, SIGKILL);
	else if (h->stage != UPGRADE_NONE && h->worker)
		(void)kill(h->worker, SIGKILL);
}
