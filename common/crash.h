/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/crash.h - where a worker died
 *
 * The dying process writes its backtrace into a memfd, with nothing but what a
 * signal handler may use; the holder, in good health, logs it.
 */
#pragma once

/** crash_open() - the memfd. Return: the descriptor or -errno */
int crash_open(void);

/** crash_watch() - from now on a crash of this process is written to @fd, which
 *	is lent for good. In a build with sanitizers those report instead. */
void crash_watch(int fd);

/** crash_watch_thread() - that of the calling thread also when its stack is full;
 *	not undone: the thread's end is soon the process's */
void crash_watch_thread(void);

/** crash_log() - log what is there, and empty it */
void crash_log(int fd);
