/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/monotonic.h"

/* How often to look. What ran at one moment may be gone in the next: the lower of two. */
#define LOOK_NS INT64_C(10000000)

void load_init(struct load *l, bool looks)
{
	*l = (struct load){
		.fd = looks ? open("/proc/loadavg", O_RDONLY | O_CLOEXEC) : -1,
		.cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
	};
}

static void look(struct load *l)
{
	char text[64];
	unsigned running;
	ssize_t n = pread(l->fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%*s %*s %*s %u/", &running) != 1)
		return;
	atomic_store_explicit(&l->before, atomic_load_explicit(&l->running,
							       memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&l->running, running, memory_order_relaxed);
}

static unsigned lower(struct load *l)
{
	unsigned running = atomic_load_explicit(&l->running, memory_order_relaxed);
	unsigned before = atomic_load_explicit(&l->before, memory_order_relaxed);

	return running < before ? running : before;
}

bool load_is_high(struct load *l, unsigned aside)
{
	int64_t now = monotonic_ns();

	if (l->fd < 0)
		return false;
	if (now - atomic_load_explicit(&l->looked_ns, memory_order_relaxed) >= LOOK_NS) {
		atomic_store_explicit(&l->looked_ns, now, memory_order_relaxed);
		look(l);
	}
	return lower(l) > l->cpus + 1 + aside;
}

void load_done(struct load *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
