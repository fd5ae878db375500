/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fault/failing.h - what the library in the daemon shares with who commands it */
#pragma once

#include <stdatomic.h>

struct failing {
	atomic_int countdown;	/* > 0: that call from now fails, and no other */
	int error;
	int of_memory;		/* count allocations instead of system calls */
	atomic_int hit;		/* one failed */
	char name[32];		/* which */
};
