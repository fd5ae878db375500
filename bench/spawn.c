/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/spawn.c - how long a command takes from posix_spawn() to its reaping
 *
 * Usage: spawn RUNS GAP_MS COMMAND...
 * A word of the command that contains "%d" gets the number of the run there.
 * Prints one line per run: microseconds, and the largest resident set (KiB) of
 * the command and of what it waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* with_number() - @word with its "%d" replaced; never freed, the run is short
 */
static char *with_number(char *word, int run)
{
	char *at = strstr(word, "%d"), *out;

	if (!at)
		return word;
	if (asprintf(&out, "%.*s%d%s", (int)(at - word), word, run, at + 2) < 0)
		return NULL;
	return out;
}

static char **command_of_run(int argc, char **argv, int run)
{
	char **out = calloc((size_t)argc + 1, sizeof(*out));

	for (int i = 0; out && i < argc; i++) {
		out[i] = with_number(argv[i], run);
		if (!out[i])
			return NULL;
	}
	return out;
}

static int time_run(char **command, const posix_spawn_file_actions_t *actions)
{
	struct rusage usage;
	uint64_t start = now_ns();
	int status;
	pid_t pid;

	errno = posix_spawnp(&pid, command[0], actions, NULL, command, environ);
	if (errno || wait4(pid, &status, 0, &usage) < 0) {
		fprintf(stderr, "spawn: '%s': %s\n", command[0],
			strerror(errno));
		return 1;
	}
	start = now_ns() - start;
	if (status != 0) {
		fprintf(stderr, "spawn: '%s' ended with wait status 0x%x\n",
			command[0], (unsigned)status);
		return 1;
	}
	printf("%llu %ld\n", (unsigned long long)(start / 1000),
	       usage.ru_maxrss);
	return 0;
}

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	struct timespec gap = { 0 };
	int runs, gap_ms;

	if (argc < 4) {
		fputs("Usage: spawn RUNS GAP_MS COMMAND...\n", stderr);
		return 2;
	}
	runs = atoi(argv[1]);
	gap_ms = atoi(argv[2]);
	gap.tv_sec = gap_ms / 1000;
	gap.tv_nsec = (long)(gap_ms % 1000) * 1000000;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);

	for (int run = 0; run < runs; run++) {
		char **command = command_of_run(argc - 3, argv + 3, run);

		nanosleep(&gap, NULL); /* the idle time is what is asked for */
		if (!command || time_run(command, &actions) != 0)
			return 1;
	}
	return 0;
}
