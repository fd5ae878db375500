/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's state file. Whatever is in it, it is read or refused in words; what
 * was read can be shown and written, and is then the same.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/state.h"
#include "tests/fuzz/fuzz.h"

static int directory(void)
{
	static char path[] = "/dev/shm/nacre-fuzz-state-XXXXXX";
	static int fd = -1;

	if (fd < 0 && mkdtemp(path))
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_assert(fd >= 0);
	return fd;
}

static void put(int dir, const uint8_t *data, size_t size)
{
	int fd = openat(dir, "state.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fuzz_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static void read_again(struct state_dir *dir, const struct state *s)
{
	struct fault f = FAULT_INIT;
	struct state *again = NULL;

	fuzz_assert(state_save(dir, s, &f) == 0);
	fuzz_assert(state_load(dir, &again, &f) == 0);
	fuzz_assert(strcmp(again->id, s->id) == 0);
	fuzz_assert(again->pid == s->pid && again->pid_start == s->pid_start);
	fuzz_assert(again->annotations.count == s->annotations.count);
	for (size_t i = 0; i < s->annotations.count; i++)
		fuzz_assert(strcmp(again->annotations.items[i], s->annotations.items[i]) == 0);
	state_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_dir dir = STATE_DIR_INIT;
	struct fault f = FAULT_INIT;
	struct state *s = NULL;
	char name[] = "fuzz", *text;

	dir.path = name;
	dir.fd = directory();
	put(dir.fd, data, size);
	if (state_load(&dir, &s, &f) < 0) {
		fuzz_assert(f.text[0] && !s);
		return 0;
	}
	fuzz_assert(s->id);
	text = state_to_json(s, STATE_RUNNING);
	fuzz_assert(text);
	free(text);
	read_again(&dir, s);
	state_free(s);
	return 0;
}
