/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fault/failctl - commands what tests/fault/failing.so does
 *
 *	failctl FILE new		before the daemon starts
 *	failctl FILE arm N ERROR	the Nth call from now fails with ENOSPC, EIO, EMFILE,
 *					or, with MEMORY, the Nth allocation
 *	failctl FILE disarm		prints the name of the call that failed, or nothing
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fault/failing.h"

static const struct {
	const char *name;
	int number;
} errors[] = {
	{ "ENOSPC", ENOSPC }, { "EIO", EIO }, { "EMFILE", EMFILE }, { "ENOMEM", ENOMEM },
};

static int arm(struct failing *s, int n, const char *error)
{
	s->of_memory = strcmp(error, "MEMORY") == 0;
	s->error = 0;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(error, errors[i].name) == 0)
			s->error = errors[i].number;
	if (!s->error && !s->of_memory)
		return 2;
	memset(s->name, 0, sizeof(s->name));
	atomic_store(&s->hit, 0);
	atomic_store(&s->countdown, n);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";
	struct failing *s;
	int fd;

	if (argc < 3)
		return 2;
	fd = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*s)) < 0) {
		perror(argv[1]);
		return 1;
	}
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		return 1;
	if (strcmp(what, "new") == 0)
		return 0;
	if (strcmp(what, "arm") == 0 && argc == 5)
		return arm(s, atoi(argv[3]), argv[4]);
	if (strcmp(what, "disarm") != 0)
		return 2;
	atomic_store(&s->countdown, 0);
	if (atomic_load(&s->hit))
		puts(s->name);
	return 0;
}
