/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. The nacre that the user started forks one that leaves its session,
 * starts the container as any nacre does, and then executes nacre-monitor in its
 * place (monitor.c). The lock on the container's directory, the locks on an
 * image's layers and the mount namespace go along. What nacre and its daemons
 * say goes through a pipe: up to the start to the user, later into the log.
 */
#include "config.h"
#include "launcher/run_job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/channel.h"
#include "launcher/container.h"
#include "launcher/daemon.h"
#include "launcher/log_file.h"

struct streams {
	int out[2], err[2], messages[2];
};

static void close_streams(struct streams *s)
{
	int *fds = s->out;

	for (size_t i = 0; i < sizeof(*s) / sizeof(int); i++) {
		cleanup_fd_(&fds[i]);
		fds[i] = -1;
	}
}

static int open_streams(struct streams *s)
{
	if (pipe2(s->out, O_CLOEXEC) < 0 || pipe2(s->err, O_CLOEXEC) < 0 ||
	    pipe2(s->messages, O_CLOEXEC) < 0)
		return -errno;
	return neg_errno(fcntl(s->messages[0], F_SETFL, O_NONBLOCK));
}

/* The caller's terminal and pipes are not ours to keep. */
static int leave_caller(struct streams *s)
{
	cleanup_fd int null_fd = neg_errno(open("/dev/null", O_RDWR | O_CLOEXEC));

	if (null_fd < 0)
		return null_fd;
	if (dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(s->messages[1], 2) < 0)
		return -errno;
	(void)setsid();
	return neg_errno(chdir("/"));
}

/* What was said so far is for the one who waits. */
static void pass_messages(int report, int messages)
{
	struct fault f = FAULT_INIT;
	ssize_t n;

	while (report >= 0 && (n = read(messages, f.text, sizeof(f.text) - 1)) > 0) {
		f.text[n] = '\0';
		channel_send_fault(report, CHANNEL_WARNING, 0, &f);
	}
}

static int keep_open(int fd)
{
	return neg_errno(fcntl(fd, F_SETFD, 0));
}

static int add_source(struct opt_list *words, int fd, const char *name)
{
	int r = keep_open(fd);

	return r < 0 ? r : opt_list_addf(words, "%d:%s", fd, name);
}

static int monitor_words(struct run_job *job, struct container *c, struct streams *s,
			 int log_dir, const char *nacre, struct opt_list *words)
{
	uint64_t log_bytes = job->config.log_bytes ? job->config.log_bytes : LOG_MAX_DEFAULT;
	int r = 0;

	for (size_t i = 0; job->image && r >= 0 && i < job->image->layers.count; i++)
		r = keep_open(job->image->holds[i]);
	if (r < 0 || (r = keep_open(c->dir.fd)) < 0 || (r = keep_open(c->host_mounts)) < 0 ||
	    (r = keep_open(log_dir)) < 0 || (r = opt_list_add(words, "nacre-monitor")) < 0 ||
	    (r = opt_list_addf(words, "%d", c->state->pid)) < 0 ||
	    (r = opt_list_addf(words, "%d", log_dir)) < 0 ||
	    (r = opt_list_addf(words, "%llu", (unsigned long long)log_bytes)) < 0 ||
	    (r = add_source(words, c->terminal_fd >= 0 ? c->terminal_fd : s->out[0],
			    "stdout")) < 0)
		return r;
	if (c->terminal_fd < 0)
		r = add_source(words, s->err[0], "stderr");
	if (r < 0 || (r = add_source(words, s->messages[0], "nacre")) < 0 ||
	    (r = opt_list_add(words, "--")) < 0 || (r = opt_list_add(words, nacre)) < 0 ||
	    (r = opt_list_add(words, "--root")) < 0 ||
	    (r = opt_list_add(words, c->dir.root)) < 0 ||
	    (r = opt_list_add(words, "_ended")) < 0 ||
	    (r = opt_list_add(words, c->state->id)) < 0 ||
	    (r = opt_list_addf(words, "%d", c->dir.fd)) < 0 ||
	    (r = opt_list_addf(words, "%d", c->host_mounts)) < 0)
		return r;
	return opt_list_add(words, "000");	/* the monitor fills the status in */
}

static int become_monitor(struct run_job *job, struct container *c, struct streams *s,
			  int report, struct fault *f)
{
	cleanup_free char *monitor = daemon_find("nacre-monitor");
	cleanup_free char *nacre = daemon_find("nacre");
	cleanup_fd int log_dir = neg_errno(open(c->scratch.vanishes, O_RDONLY | O_DIRECTORY |
						O_CLOEXEC));
	struct opt_list words = { 0 };
	int r;

	if (!monitor || !nacre)
		return fault_set(f, -ENOENT, "cannot find nacre-monitor, which stays beside a "
				 "container in the background\nInstall it, or name its directory "
				 "in NACRE_BINDIR.");
	r = log_dir < 0 ? log_dir : monitor_words(job, c, s, log_dir, nacre, &words);
	if (r >= 0)
		r = opt_list_add(&words, "");
	if (r >= 0) {
		free(words.items[--words.count]);
		words.items[words.count] = NULL;
		pass_messages(report, s->messages[0]);
		if (report >= 0)
			(void)channel_say(report, CHANNEL_READY, 0);
		execv(monitor, words.items);
		r = -errno;
	}
	opt_list_done(&words);
	return fault_set(f, r, "cannot execute '%s'", monitor);
}

static int start(struct run_job *job, struct streams *s, int report, struct fault *f)
{
	struct container c;
	int r;

	run_job_container(job, &c);
	c.child.stdio[0] = 0;
	c.child.stdio[1] = s->out[1];
	c.child.stdio[2] = s->err[1];
	r = container_create(&c, f);
	if (r < 0)
		return r;
	r = container_start(&c, f);
	if (r >= 0)
		r = become_monitor(job, &c, s, report, f);
	if (c.keep) {
		free(c.state->reason);
		c.state->reason = strdup(f->text);
	}
	c.state->exit_status = (unsigned)fault_status(f);
	container_destroy(&c);
	return r;
}

int detach_stay(struct run_job *job, int report, struct fault *f)
{
	struct streams s = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int r = open_streams(&s);

	if (r >= 0)
		r = leave_caller(&s);
	if (r >= 0 && job->signals.fd < 0)
		r = signals_open(&job->signals);
	if (r < 0)
		fault_set(f, r, "cannot leave the caller's session");
	else
		r = start(job, &s, report, f);
	pass_messages(report, s.messages[0]);
	close_streams(&s);
	return r;
}

static void __attribute__((noreturn)) be_background(struct run_job *job, int report)
{
	struct fault f = FAULT_INIT;
	int r = detach_stay(job, report, &f);

	channel_send_fault(report, CHANNEL_FAULT, r, &f);
	_exit(STATUS_FAILED);
}

/* Return: 0 when the container runs; negative errno with @f. */
static int hear(struct run_job *job, int report, pid_t pid, struct fault *f)
{
	bool runs = false;

	for (;;) {
		struct channel_message m;
		int r;

		if (signals_wait_fd(&job->signals, report, -1) == -EINTR) {
			/* It undoes what it did, and says so. */
			(void)kill(pid, job->signals.interrupted);
			(void)signals_wait_fd(&(struct signals){ .fd = -1 }, report, -1);
		}
		r = channel_receive(report, &m, NULL);
		if (r == 0 && !runs)
			return fault_set(f, 0, "the container's monitor was killed\n"
					 "Remove what is left with: nacre rm --force %s",
					 job->plan->id);
		if (r <= 0)
			return r;
		if (m.kind == CHANNEL_READY)
			runs = true;
		if (m.kind == CHANNEL_WARNING)
			fputs(m.fault.text, stderr);
		if (m.kind == CHANNEL_FAULT) {
			*f = m.fault;
			return m.error ? m.error : -EIO;
		}
	}
}

int detach_run(struct run_job *job, struct fault *f)
{
	int ends[2];
	pid_t pid;
	int r;

	container_sweep(job->globals->root);
	r = channel_open(ends);
	if (r >= 0)
		r = signals_open(&job->signals);
	if (r < 0)
		return fault_set(f, r, "cannot start a monitor");
	pid = fork();
	if (pid < 0)
		return fault_set(f, -errno, "cannot start a monitor");
	if (pid == 0) {
		close(ends[0]);
		signals_close(&job->signals);
		be_background(job, ends[1]);
	}
	close(ends[1]);
	r = hear(job, ends[0], pid, f);
	close(ends[0]);
	if (r < 0)
		(void)waitpid(pid, NULL, 0);
	return r;
}
