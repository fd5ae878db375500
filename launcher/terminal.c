/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void terminal_resize(int master_fd)
{
	struct winsize size;

	/* stdin need not be a terminal; then the size stays what it is. */
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(master_fd, TIOCSWINSZ, &size);
}

void terminal_begin(struct terminal *t, int master_fd)
{
	struct termios raw;
	int flags = fcntl(master_fd, F_GETFL);

	*t = (struct terminal){ .master_fd = master_fd };
	/* A command that does not read must not keep us from our signals. */
	if (flags >= 0)
		(void)fcntl(master_fd, F_SETFL, flags | O_NONBLOCK);

	if (tcgetattr(STDIN_FILENO, &t->saved) < 0)
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	t->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void write_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t n = write(fd, data, length);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;	/* our reader is gone: nobody is left to show it to */
		if (n > 0) {
			data += n;
			length -= (size_t)n;
		}
	}
}

static void pass_output(struct terminal *t)
{
	char data[16384];
	ssize_t n = read(t->master_fd, data, sizeof(data));

	if (n > 0)
		write_all(STDOUT_FILENO, data, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		t->output_ended = true;	/* EIO: the last user of the other side is gone */
}

static void pass_input(struct terminal *t)
{
	ssize_t n;

	if (!t->input_length)
		return;
	n = write(t->master_fd, t->input, t->input_length);
	if (n <= 0)
		return;
	t->input_length -= (size_t)n;
	memmove(t->input, t->input + n, t->input_length);
}

bool terminal_wants_input(const struct terminal *t)
{
	return !t->input_ended && t->input_length < sizeof(t->input);
}

void terminal_read_input(struct terminal *t)
{
	ssize_t n = read(STDIN_FILENO, t->input + t->input_length,
			 sizeof(t->input) - t->input_length);

	if (n > 0) {
		t->input_length += (size_t)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		t->input_ended = true;
		/* The end of a pipe is the end of typing: what Ctrl-D says. */
		if (t->input_length < sizeof(t->input))
			t->input[t->input_length++] = 4;
	}
	pass_input(t);
}

void terminal_serve_master(struct terminal *t)
{
	pass_input(t);
	pass_output(t);
}

void terminal_end(struct terminal *t)
{
	/* The master holds what was written before the end. */
	while (!t->output_ended) {
		char data[16384];
		ssize_t n = read(t->master_fd, data, sizeof(data));

		if (n <= 0)
			break;
		write_all(STDOUT_FILENO, data, (size_t)n);
	}
	if (t->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved);
	t->raw = false;
}
