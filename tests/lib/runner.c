/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/runner - run one behaviour script where it can do no harm
 *
 *	runner SCRIPT [ARGUMENT...]
 *
 * The script gets a mount namespace of its own (as root), a process group, an
 * empty private directory (NACRE_TEST_TMP), a name that is its own for cgroups
 * and containers (NACRE_TEST_ID) and a time limit: NACRE_TEST_TIMEOUT seconds,
 * or the number in its own line "# timeout: SECONDS", times NACRE_TEST_SLOWER.
 * NACRE_TEST_GRACE seconds are left to traps and to daemons that are about to end.
 * It fails, whatever it answered, if it leaves a mount, a process, a cgroup or
 * a sanitizer report behind; those are removed.
 *
 * Exit status: the script's (0 passed, 77 skipped), 1 for a time-out or
 * leavings, 99 if the runner itself could not do its work.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/lib/runner.h"

#define DEFAULT_TIMEOUT_S 240
#define DEFAULT_GRACE_S	  10	/* see grace_deadline() */
#define STATUS_SKIPPED	  77
#define STATUS_BROKEN	  99
#define FUSECTL		  "/sys/fs/fuse/connections"
#define TRACEFS		  "/sys/kernel/tracing"
#define FUSECTL_MAGIC	  0x65735543
#define TRACEFS_MAGIC	  0x74726163

struct run {
	char **argv;		/* the script and its arguments */
	char tmp[4096];
	const char *id;		/* last component of tmp */
	struct mount_set *before;
	pid_t script;		/* 0 once reaped */
	int status;		/* as from waitpid() */
	sigset_t signals;	/* what wait_script() listens to */
};

enum wait_result { WAIT_ENDED, WAIT_TIMEOUT, WAIT_INTERRUPTED };

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static unsigned env_number(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);
	unsigned long value = text ? strtoul(text, NULL, 10) : 0;

	return value ? (unsigned)value : otherwise;
}

/* The script may ask for another limit in one of its first lines. */
static unsigned timeout_of(const char *script)
{
	unsigned seconds = env_number("NACRE_TEST_TIMEOUT", DEFAULT_TIMEOUT_S);
	cleanup_file FILE *file = fopen(script, "re");
	char line[256];
	int n;

	for (n = 0; file && n < 30 && fgets(line, sizeof(line), file); n++)
		(void)sscanf(line, "# timeout: %u", &seconds);
	return seconds * env_number("NACRE_TEST_SLOWER", 1);
}

/*
 * Nothing that is mounted from here on reaches the host, and a daemon that
 * serves the host's own containers from /run is not met. An ordinary user cannot
 * have this; such scripts mount by fusermount3 and clean up themselves.
 */
static void isolate_mounts(void)
{
	struct statfs fs;

	if (geteuid() != 0)
		return;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		fprintf(stderr, "runner: no mount namespace of our own (%m): "
				"the script runs in the host's\n");
		return;
	}
	if (mount_own_run() < 0)
		fprintf(stderr, "runner: no /run of our own (%m)\n");
	/* For tests that count requests; where there is none, they say so. */
	if (statfs(TRACEFS, &fs) == 0 && fs.f_type != TRACEFS_MAGIC)
		(void)mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	if (statfs(FUSECTL, &fs) == 0 && fs.f_type != FUSECTL_MAGIC &&
	    mount("fusectl", FUSECTL, "fusectl", 0, NULL) < 0)
		fprintf(stderr, "runner: cannot mount fusectl (%m): a FUSE "
				"server that hangs cannot be aborted\n");
}

static int make_tmp(struct run *run)
{
	const char *base = getenv("TMPDIR");

	snprintf(run->tmp, sizeof(run->tmp), "%s/nacre-test-XXXXXX",
		 base && *base ? base : "/tmp");
	if (!mkdtemp(run->tmp)) {
		fprintf(stderr, "runner: cannot make '%s': %m\n", run->tmp);
		return -errno;
	}
	if (chmod(run->tmp, 01777) < 0)	/* tests act as other users, too */
		return -errno;
	run->id = strrchr(run->tmp, '/') + 1;
	return 0;
}

static void set_environment(const struct run *run)
{
	static const char *const sanitizers[] = {
		"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
	};
	char value[8192];
	size_t i;

	setenv("NACRE_TEST_TMP", run->tmp, 1);
	setenv("NACRE_TEST_ID", run->id, 1);
	for (i = 0; i < sizeof(sanitizers) / sizeof(*sanitizers); i++) {
		const char *old = getenv(sanitizers[i]);

		snprintf(value, sizeof(value), "%s%slog_path=%s/san", old ? old : "",
			 old ? ":" : "", run->tmp);
		setenv(sanitizers[i], value, 1);
	}
}

/* For a script's traps after SIGTERM, and daemons whose mount has just gone. */
static double grace_deadline(void)
{
	return now_s() + env_number("NACRE_TEST_GRACE", DEFAULT_GRACE_S);
}

static void exec_script(const struct run *run)
{
	sigset_t none;
	int null;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDONLY);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	execvp(run->argv[0], run->argv);
	fprintf(stderr, "runner: cannot run '%s': %m\n", run->argv[0]);
	_exit(STATUS_BROKEN);
}

/* Reap whatever ended; true once the script itself is among it. */
static bool reap(struct run *run)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != run->script)
			continue;
		run->status = status;
		run->script = 0;
	}
	return run->script == 0;
}

static bool wait_signal(const struct run *run, double deadline, int *ret_signal)
{
	double left = deadline - now_s();
	struct timespec ts = { 0 };

	if (left > 0) {
		ts.tv_sec = (time_t)left;
		ts.tv_nsec = (long)((left - (double)ts.tv_sec) * 1e9);
	}
	*ret_signal = sigtimedwait(&run->signals, NULL, &ts);
	return *ret_signal > 0 || errno == EINTR;
}

static enum wait_result wait_script(struct run *run, unsigned seconds)
{
	double deadline = now_s() + seconds;
	int sig;

	while (!reap(run)) {
		if (!wait_signal(run, deadline, &sig))
			return WAIT_TIMEOUT;
		if (sig > 0 && sig != SIGCHLD)
			return WAIT_INTERRUPTED;
	}
	return WAIT_ENDED;
}

/* Let its traps run, unless they hang as well. */
static void end_script(struct run *run)
{
	double deadline = grace_deadline();
	pid_t group = run->script;
	int sig;

	kill(-group, SIGTERM);
	while (!reap(run) && wait_signal(run, deadline, &sig))
		;
	if (run->script) {
		leaks_abort_fuse(run->before);
		kill(-group, SIGKILL);
		while (!reap(run) && wait_signal(run, grace_deadline(), &sig))
			;
	}
}

/* A daemon whose mount has just gone needs a moment to end. */
static void wait_daemons(const struct run *run)
{
	double deadline = grace_deadline();
	int sig;

	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return;		/* no child left */
		if (pid == 0 && !wait_signal(run, deadline, &sig))
			return;
	}
}

static void remove_tmp(const struct run *run)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--one-file-system", "--", run->tmp, NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static unsigned collect_leavings(const struct run *run, bool report)
{
	unsigned n;

	wait_daemons(run);
	n = leaks_mounts(run->before, report);
	n += leaks_processes(report);
	n += leaks_mounts(run->before, report);	/* what they mounted meanwhile */
	n += leaks_cgroups(run->id, report);
	n += leaks_sanitizer(run->tmp);
	remove_tmp(run);
	return n;
}

static int exit_status(const struct run *run)
{
	if (WIFEXITED(run->status))
		return WEXITSTATUS(run->status);
	fprintf(stderr, "runner: the script was killed by signal %d\n",
		WTERMSIG(run->status));
	return EXIT_FAILURE;
}

static int start(struct run *run)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&run->signals);
	sigaddset(&run->signals, SIGCHLD);
	sigaddset(&run->signals, SIGINT);
	sigaddset(&run->signals, SIGTERM);
	sigaddset(&run->signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &run->signals, NULL);

	isolate_mounts();
	run->before = mount_set_now();
	if (!run->before || make_tmp(run) < 0)
		return -1;
	set_environment(run);

	run->script = fork();
	if (run->script == 0)
		exec_script(run);
	if (run->script > 0)
		setpgid(run->script, run->script);
	return run->script > 0 ? 0 : -1;
}

int main(int argc, char *argv[])
{
	struct run run = { .argv = argv + 1 };
	enum wait_result result;
	double began = now_s();
	unsigned limit_s, left;
	int status;

	if (argc < 2) {
		fprintf(stderr, "usage: runner SCRIPT [ARGUMENT...]\n");
		return STATUS_BROKEN;
	}
	limit_s = timeout_of(argv[1]);
	if (start(&run) < 0)
		return STATUS_BROKEN;

	result = wait_script(&run, limit_s);
	if (result == WAIT_TIMEOUT) {
		fprintf(stderr, "runner: not done after %u seconds; these still run:\n",
			limit_s);
		leaks_show_processes();
	}
	if (result != WAIT_ENDED)
		end_script(&run);
	left = collect_leavings(&run, result == WAIT_ENDED);
	run.before = mount_set_free(run.before);

	status = result == WAIT_ENDED ? exit_status(&run) : EXIT_FAILURE;
	if (left && (status == 0 || status == STATUS_SKIPPED))
		status = EXIT_FAILURE;
	fprintf(stderr, "runner: %s: %s after %.1f s\n", argv[1],
		result == WAIT_INTERRUPTED  ? "interrupted" :
		status == 0		    ? "passed" :
		status == STATUS_SKIPPED    ? "skipped" : "FAILED",
		now_s() - began);
	return status;
}
