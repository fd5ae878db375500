/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/handover.h - a worker that is another program
 *
 * The holder executes it with the command line it was started with itself. What
 * belongs to the mount comes through descriptors, named in one variable of the
 * environment, which the program finds in session_run().
 */
#pragma once

#include "common/session_impl.h"

enum handover_mode {
	HANDOVER_NONE,
	HANDOVER_CHECK,		/* only say whether it could */
	HANDOVER_WORK,
	HANDOVER_ALIEN,		/* by a holder whose words are not ours */
};

/** handover_init() - in the future holder: remember how we were started.
 *	Return: 0 or -errno */
int handover_init(struct session *s);

/** handover_done() - forget it */
void handover_done(struct session *s);

/** handover_open_program() - the program that is installed now where ours was.
 *	Return: a descriptor or -errno */
int handover_open_program(const struct session *s);

/** handover_exec() - in a fork of the holder: become that program */
_Noreturn void handover_exec(struct session *s, int exe_fd,
			     enum handover_mode mode);

/** handover_find() - whether this process was started so, and what for; fills
 *	@s in */
enum handover_mode handover_find(struct session *s);

/**
 * handover_take() - map what was handed over and see whether we understand it
 *
 * Says what is wrong. Return: 0; -EPROTO.
 */
int handover_take(struct session *s);
