/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/terminal.h - carry bytes between our terminal and the container's */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct terminal {
	int master_fd;		/* lent; the container's side */
	bool raw;		/* our side was changed, `saved` is how it was */
	struct termios saved;
	char input[4096];	/* typed, not yet taken by the container */
	size_t input_length;
	bool input_ended;
	bool output_ended;
};

/** terminal_begin() - raw mode on stdin if it is a terminal; same size inside */
void terminal_begin(struct terminal *t, int master_fd);

/** terminal_end() - pass on what is left of the output, and restore stdin */
void terminal_end(struct terminal *t);

/** terminal_resize() - give the container's side the size of ours */
void terminal_resize(int master_fd);

/** terminal_wants_input() - there is room for more typing */
bool terminal_wants_input(const struct terminal *t);

/** terminal_read_input() - take what was typed; call when stdin can be read */
void terminal_read_input(struct terminal *t);

/** terminal_serve_master() - carry both ways; call when the master is ready */
void terminal_serve_master(struct terminal *t);
