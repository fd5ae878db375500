/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call NUMBER|NAME [ARGUMENT]... - make one system call, print the error it answers
 *
 * Arguments are numbers. "0" means that it succeeded.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; long number; } names[] = {
	{ "clone", SYS_clone },	      { "clone3", SYS_clone3 },
	{ "io_uring_setup", SYS_io_uring_setup },
	{ "keyctl", SYS_keyctl },     { "mount", SYS_mount },
	{ "personality", SYS_personality },
	{ "socket", SYS_socket },     { "unshare", SYS_unshare },
	{ "bpf", SYS_bpf },	      { "getpid", SYS_getpid },
};

static long find(const char *text)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, text) == 0)
			return names[i].number;
	return strtol(text, NULL, 0);
}

int main(int argc, char **argv)
{
	long args[6] = { 0 };

	if (argc < 2)
		return 2;
	for (int i = 2; i < argc && i < 8; i++)
		args[i - 2] = (long)strtoul(argv[i], NULL, 0);
	errno = 0;
	if (syscall(find(argv[1]), args[0], args[1], args[2], args[3], args[4], args[5]) >= 0)
		puts("0");
	else
		puts(strerrorname_np(errno));
	return 0;
}
