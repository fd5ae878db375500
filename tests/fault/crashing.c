/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fault/crashing.so - loaded into a daemon with LD_PRELOAD, dies of making a
 *	directory "crash" */
#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>

int mkdirat(int dir_fd, const char *name, mode_t mode)
{
	int (*real)(int, const char *, mode_t) = dlsym(RTLD_NEXT, "mkdirat");
	volatile int *volatile nowhere = NULL;

	if (strcmp(name, "crash") == 0)
		*nowhere = 1;
	return real(dir_fd, name, mode);
}
