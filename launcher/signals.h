/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/signals.h - signals of the supervisor, taken when it is ready for them
 *
 * They are blocked from the start and read from a descriptor, so a signal
 * never interrupts a stage half way: it is seen between stages and in waits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct signals {
	int fd;			/* a signalfd */
	int interrupted;	/* the first of INT, TERM, HUP, QUIT seen; 0 */
};

/** signals_open() - block all signals and make the descriptor; 0 or negative errno */
int signals_open(struct signals *s);

/** signals_close() - accepts one that was not opened */
void signals_close(struct signals *s);

/**
 * signals_read() - the next signal
 * @ret_sender:	the process that sent it, 0 if the kernel did; may be NULL
 *
 * Return: its number; 0 if none waits.
 */
int signals_read(struct signals *s, pid_t *ret_sender);

/** signals_check() - look for an interruption; -EINTR if there was one */
int signals_check(struct signals *s);

/**
 * signals_wait_fd() - wait until @fd can be read
 * @timeout_ms:	-1: for ever
 *
 * Return: 1; 0 when the time is up; -EINTR when interrupted.
 */
int signals_wait_fd(struct signals *s, int fd, int timeout_ms);
