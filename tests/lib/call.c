/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call NUMBER|NAME [ARGUMENT]... - make one system call, print the error it answers
 *
 * Arguments are numbers. "0" means that it succeeded.
 *
 * call --key WORD COMMAND... - run a command with a session keyring that has a key of
 * this name; call --find-key WORD looks for it in the session keyring
 *
 * It is run inside containers that have no more than a C library: the build leaves
 * sanitizers out of it.
 */
#include "config.h"

#include <errno.h>
#include <linux/keyctl.h>
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

static int run_with_key(char **words)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
	    syscall(SYS_add_key, "user", words[0], "secret", 6, KEY_SPEC_SESSION_KEYRING) < 0) {
		perror("keyring");
		return 77;
	}
	execvp(words[1], &words[1]);
	perror(words[1]);
	return 1;
}

int main(int argc, char **argv)
{
	long args[6] = { 0 };
	long r;

	if (argc > 3 && strcmp(argv[1], "--key") == 0)
		return run_with_key(&argv[2]);

	if (argc < 2)
		return 2;
	for (int i = 2; i < argc && i < 8; i++)
		args[i - 2] = (long)strtoul(argv[i], NULL, 0);
	if (argc == 3 && strcmp(argv[1], "--find-key") == 0)
		r = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", argv[2], 0);
	else
		r = syscall(find(argv[1]), args[0], args[1], args[2], args[3], args[4], args[5]);
	puts(r >= 0 ? "0" : strerrorname_np(errno));
	return 0;
}
