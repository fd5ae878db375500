/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survivor DIR - has every kind of thing in use that a mount's daemon may die over
 *
 * DIR holds "lower" (with "lower data"), "many" (a directory of 500 files) and room for
 * more. For each line on stdin all is tried once more, and "ok" printed.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, MANY = 500 };

static unsigned rounds;

static void check(int holds, const char *what)
{
	if (holds)
		return;
	printf("round %u: %s: %s\n", rounds, what, strerror(errno));
	exit(1);
}

static int make(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0640);

	check(fd >= 0, name);
	return fd;
}

static void says(int fd, off_t at, const char *text, const char *what)
{
	char buffer[64] = "";

	errno = 0;
	check(pread(fd, buffer, strlen(text), at) == (ssize_t)strlen(text), what);
	check(strcmp(buffer, text) == 0, what);
}

/* What was written last time is there, and this time's is written. */
static void goes_on(int fd, const char *what)
{
	char text[32];

	if (rounds > 0) {
		snprintf(text, sizeof(text), "round %u", rounds - 1);
		says(fd, 0, text, what);
	}
	snprintf(text, sizeof(text), "round %u", rounds);
	check(pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text), what);
	says(fd, 0, text, what);
}

static void has_links(int fd, unsigned links, const char *what)
{
	struct stat st;

	check(fstat(fd, &st) == 0, what);
	errno = 0;
	check(st.st_nlink == links, what);
}

static void maps_go_on(char *map)
{
	if (rounds > 0)
		check(map[PAGE] == (char)(rounds - 1), "a map keeps what was written");
	map[100] = map[PAGE] = (char)rounds;
	check(msync(map, 2 * PAGE, MS_SYNC) == 0, "msync");
}

/* By another open file. It stays open: closing it would drop this process's locks. */
static void is_locked(const char *name, int posix)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	static int fds[2];
	int fd = fds[posix], r;

	if (rounds == 0)
		fd = fds[posix] = open(name, O_RDWR);
	check(fd >= 0, name);
	if (posix) {
		check(fcntl(fd, F_OFD_GETLK, &lock) == 0, "F_OFD_GETLK");
		errno = 0;
		check(lock.l_type != F_UNLCK, "a posix lock");
	} else {
		r = flock(fd, LOCK_EX | LOCK_NB);
		check(r < 0 && errno == EWOULDBLOCK, "a lock");
	}
}

static unsigned listed;
static char seen[MANY];

static void lists_on(DIR *dir, unsigned count)
{
	struct dirent *e;

	for (unsigned n = 0; n < count && (errno = 0, e = readdir(dir)); n++) {
		unsigned number;

		if (sscanf(e->d_name, "f%u", &number) != 1)
			continue;
		check(number < MANY && !seen[number], "a name that is listed once");
		seen[number] = 1;
		listed++;
	}
	check(errno == 0, "readdir");
}

int main(int argc, char **argv)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int lower, upper, gone, over, temp, mapped, flocked, locked, removed, hidden;
	DIR *dir;
	char line[64], *map;

	check(argc == 2 && chdir(argv[1]) == 0, "usage: survivor DIR");
	lower = open("lower", O_RDONLY);
	check(lower >= 0, "lower");
	hidden = open("hidden", O_RDONLY);
	check(hidden >= 0 && unlink("hidden") == 0, "hidden");
	upper = make("upper");
	gone = make("gone");
	check(unlink("gone") == 0, "unlink");
	over = make("over");
	close(make("other"));
	check(rename("other", "over") == 0, "rename");
	temp = open(".", O_TMPFILE | O_RDWR, 0600);
	check(temp >= 0, "O_TMPFILE");
	mapped = make("mapped");
	check(ftruncate(mapped, 2 * PAGE) == 0, "ftruncate");
	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 0);
	check(map != MAP_FAILED, "mmap");
	flocked = make("flocked");
	check(flock(flocked, LOCK_EX) == 0, "flock");
	locked = make("locked");
	check(fcntl(locked, F_SETLK, &lock) == 0, "F_SETLK");
	dir = opendir("many");
	check(dir != NULL, "many");
	check(mkdir("removed", 0755) == 0, "mkdir");
	removed = open("removed", O_RDONLY | O_DIRECTORY);
	check(removed >= 0 && rmdir("removed") == 0, "rmdir");

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	for (; fgets(line, sizeof(line), stdin); rounds++) {
		struct stat st;

		says(lower, 0, "lower data", "an open lower file");
		says(hidden, 0, "hidden data", "a lower file whose name went");
		goes_on(upper, "an open file");
		goes_on(gone, "an unlinked file");
		has_links(gone, 0, "the links of an unlinked file");
		goes_on(over, "a file that another was renamed over");
		goes_on(temp, "a file without a name");
		goes_on(mapped, "a mapped file");
		maps_go_on(map);
		is_locked("flocked", 0);
		is_locked("locked", 1);
		lists_on(dir, 40);
		check(fstat(removed, &st) == 0, "a removed directory");
		check(stat("upper", &st) == 0, "a name in the working directory");
		check(access("gone", F_OK) < 0 && errno == ENOENT, "a name that went");
		puts("ok");
	}
	lists_on(dir, MANY + 2);
	errno = 0;
	check(listed == MANY, "every name is listed");
	check(fsync(gone) == 0 && fsync(upper) == 0, "fsync");
	closedir(dir);
	puts("done");
	return 0;
}
