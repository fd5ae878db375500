/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/limits - change a container's limits all the time, and read its view
 *
 *	limits VIEW MEMORY CPU CPUSET SEED CHANGES [HOLDER]
 *
 * VIEW is the container's directory in a mount of nacre-procfs. MEMORY, CPU and CPUSET
 * are the directories of its parent cgroup, which has it as "c", for each controller.
 * Every few milliseconds a limit of one of the two is changed, while readers check what
 * must hold at any time, and, where nothing changed meanwhile, that the files say what
 * the limits are. With HOLDER, that process' child is killed again and again.
 *
 * SEED 0 takes one from the clock. Exit status: 0, or 1 after a line that says what was
 * wrong, or 2 when called wrongly.
 */
#include "config.h"
#include "tests/lib/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READERS 3
#define ENOUGH_S 60	/* fewer changes then, where the machine has other work */
#define PIECES	(READERS + 2)

static uint64_t pick(uint64_t *seed, uint64_t count)	/* splitmix64 */
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % count;
}

void take_token(const struct setting *set)
{
	char byte;

	if (read(set->token[0], &byte, 1) != 1)
		complain("no token: %s", strerror(errno));
}

void give_token(const struct setting *set)
{
	if (write(set->token[1], "", 1) != 1)
		complain("no token to give: %s", strerror(errno));
}

/* --- changing --------------------------------------------------------------------- */

static int write_file(const char *dir, int level, const char *name, const char *value)
{
	char path[4096];
	ssize_t n;
	int fd, error;

	snprintf(path, sizeof(path), "%s%s/%s", dir, level == 0 ? "/c" : "", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	error = errno;
	close(fd);
	return n < 0 ? -error : 0;
}

/* The kernel may refuse: what is charged does not go away, or v1 wants an order. */
static void set_memory(const struct setting *set, int level, uint64_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	if (bytes == UNLIMITED)
		strcpy(text, set->v2[MEMORY] ? "max" : "-1");
	if (write_file(set->dir[MEMORY], level, set->v2[MEMORY] ? "memory.max"
								: "memory.limit_in_bytes",
		       text) == 0)
		set->shared->truth.memory[level] = bytes;
}

static void set_quota(const struct setting *set, int level, uint64_t quota_us)
{
	char text[64];

	snprintf(text, sizeof(text), set->v2[CPU] ? "%" PRIu64 " 100000" : "%" PRIu64, quota_us);
	if (quota_us == UNLIMITED)
		strcpy(text, set->v2[CPU] ? "max 100000" : "-1");
	if (write_file(set->dir[CPU], level, set->v2[CPU] ? "cpu.max" : "cpu.cfs_quota_us",
		       text) == 0)
		set->shared->truth.quota_us[level] = quota_us;
}

static void set_cpus(const struct setting *set, uint64_t bits)
{
	char list[512] = "";
	size_t length = 0;

	for (unsigned cpu = 0; cpu < 64; cpu++)
		if (bits >> cpu & 1)
			length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%u",
						   length ? "," : "", cpu);
	if (write_file(set->dir[CPUSET], 0, "cpuset.cpus", list) == 0)
		set->shared->truth.cpus = bits;
}

/* Swap has no effect where there is none, but the files are read all the same. */
static void set_swap(const struct setting *set, uint64_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	if (bytes == UNLIMITED)
		strcpy(text, set->v2[MEMORY] ? "max" : "-1");
	(void)write_file(set->dir[MEMORY], 0, set->v2[MEMORY] ? "memory.swap.max"
							      : "memory.memsw.limit_in_bytes",
			 text);
}

static uint64_t some_cpus(uint64_t *seed, uint64_t host_cpus)
{
	uint64_t bits;

	do
		bits = host_cpus & pick(seed, UINT64_MAX);
	while (!bits);
	return bits;
}

static void change(const struct setting *set, uint64_t *seed)
{
	static const uint64_t memory[] = { 64 << 20, 96 << 20, 128 << 20, 512 << 20, UNLIMITED };
	static const uint64_t quota[] = { 5000, 50000, 100000, 110000, 200000, UNLIMITED };
	struct shared *shared = set->shared;
	int level = (int)pick(seed, LEVELS);

	take_token(set);
	shared->truth.moment++;
	switch (pick(seed, 4)) {
	case 0:
		set_memory(set, level, memory[pick(seed, sizeof(memory) / sizeof(memory[0]))]);
		break;
	case 1:
		set_quota(set, level, quota[pick(seed, sizeof(quota) / sizeof(quota[0]))]);
		break;
	case 2:
		set_cpus(set, some_cpus(seed, set->host_cpus));
		break;
	default:
		set_swap(set, memory[pick(seed, sizeof(memory) / sizeof(memory[0]))]);
	}
	shared->truth.moment++;
	give_token(set);
}

static void pause_us(uint64_t us)
{
	const struct timespec ts = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };

	nanosleep(&ts, NULL);
}

/* --- killing ----------------------------------------------------------------------- */

static void kill_for_ever(const struct setting *set)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%s/task/%s", set->holder, set->holder);
	while (!set->shared->stop) {
		pid_t worker = atoi(read_whole(path, "children", text, sizeof(text)));

		if (worker > 0 && kill(worker, SIGKILL) == 0)
			set->shared->kills++;
		pause_us(150000);
	}
}

/* --- all together -------------------------------------------------------------------- */

static pid_t begin(void (*run)(const struct setting *set), const struct setting *set)
{
	pid_t pid = fork();

	if (pid < 0)
		complain("fork: %s", strerror(errno));
	if (pid == 0) {
		run(set);
		exit(0);
	}
	return pid;
}

/* Whether one of them ended before it was told to; it has said why. */
static bool has_ended(pid_t pieces[], int count)
{
	for (int i = 0; i < count; i++)
		if (pieces[i] > 0 && waitpid(pieces[i], NULL, WNOHANG) == pieces[i]) {
			pieces[i] = 0;
			return true;
		}
	return false;
}

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int run(const struct setting *set)
{
	struct shared *shared = set->shared;
	uint64_t seed = set->seed;
	pid_t pieces[PIECES] = { 0 };
	time_t enough = now_s() + ENOUGH_S;
	unsigned done = 0;
	bool bad = false;
	int count = 0;

	for (int i = 0; i < READERS; i++)
		pieces[count++] = begin(check_for_ever, set);
	pieces[count++] = begin(check_lscpu, set);
	if (set->holder)
		pieces[count++] = begin(kill_for_ever, set);

	for (; done < set->changes && !bad && now_s() < enough; done++) {
		change(set, &seed);
		pause_us(500 + pick(&seed, 6000));
		bad = has_ended(pieces, count);
	}
	shared->stop = true;
	for (int i = 0; i < count; i++) {
		int status = 0;

		if (pieces[i] > 0 && (waitpid(pieces[i], &status, 0) < 0 || status))
			bad = true;
	}
	printf("limits: seed %" PRIu64 ": %u changes, %lu rounds of reading, %lu looks at "
	       "limits that stood still, %lu of lscpu, %lu kills\n", set->seed, done,
	       shared->reads, shared->compared, shared->lscpu, shared->kills);
	return bad || !shared->compared || !shared->lscpu || (set->holder && !shared->kills);
}

static void prepare(struct setting *set)
{
	static const char *const marks[3] = { "memory.max", "cpu.max", "cpuset.cpus.exclusive" };
	char text[16384], path[4096];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", set->dir[i], marks[i]);
		set->v2[i] = access(path, F_OK) == 0;
	}
	read_whole("/proc", "meminfo", text, sizeof(text));
	set->host_bytes = strtoull(text + strcspn(text, "0123456789"), NULL, 10) * 1024;
	set->host_cpus = list_bits(read_whole("/sys/devices/system/cpu", "online", text,
					      sizeof(text)));
	set->shared = mmap(NULL, sizeof(*set->shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (set->shared == MAP_FAILED)
		complain("mmap: %s", strerror(errno));
	if (pipe2(set->token, O_CLOEXEC) < 0)
		complain("pipe: %s", strerror(errno));
	give_token(set);

	for (int level = 0; level < LEVELS; level++) {
		set->shared->truth.memory[level] = UNLIMITED;
		set->shared->truth.quota_us[level] = UNLIMITED;
	}
	set->shared->truth.cpus = set->host_cpus;
	set_cpus(set, set->host_cpus);
}

int main(int argc, char *argv[])
{
	struct setting set = { 0 };
	struct timespec now;

	if (argc < 7 || argc > 8) {
		fputs("limits: see the top of tests/lib/limits.c\n", stderr);
		return 2;
	}
	set.view = argv[1];
	for (int i = 0; i < 3; i++)
		set.dir[i] = argv[2 + i];
	set.seed = strtoull(argv[5], NULL, 10);
	set.changes = (unsigned)strtoul(argv[6], NULL, 10);
	set.holder = argv[7];
	if (!set.seed) {
		clock_gettime(CLOCK_REALTIME, &now);
		set.seed = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	}
	prepare(&set);
	return run(&set);
}
