/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/receive.h - waiting for requests
 *
 * How it works. The device does not block. A thread that finds no request
 * sleeps in an epoll set of its own, where the device stands as exclusive, so
 * that a request wakes one thread.
 *
 * Waking a sleeping CPU costs more than most requests do. So a thread may first
 * ask again and again for a few microseconds, if requests came that close
 * together lately. One thread at a time does so: the hot one. It stays hot from
 * request to request until one does not come in time. Meanwhile the others are
 * of no use, and would only be woken for requests that the hot one takes; they
 * park, and look from time to time whether it is held up by a long request.
 * Where no CPU is free the attempt fails, and is not repeated for a while.
 *
 * Where there are two CPUs a thread that serves one caller for long goes further: see
 * pairing.h.
 */
#pragma once

#include "common/fuse_kernel.h"
#include "common/load.h"
#include "common/pairing.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	RECEIVE_WRITE_BYTES = 1 << 20,			/* at most, in one request */
	RECEIVE_BYTES = RECEIVE_WRITE_BYTES + 4096,	/* with its headers */
};

struct receive {
	int device_fd;			/* lent */
	int stop_fd;			/* lent; readable: no more requests */
	int64_t spin_ns;		/* 0: never */
	_Atomic int32_t credit;		/* how worthwhile spinning is */
	_Atomic uint32_t hot;		/* a futex; 1: there is a hot thread */
	_Atomic int64_t busy_since_ns;	/* the hot one's request; 0: it spins */
	struct load load;
	struct pairing pairing;
};

/**
 * receive_init() - set the device up
 * @stop_fd:	an eventfd; once it is readable no thread sleeps any more
 * @spin_us:	how long to spin; 0: never
 * @heeds_load:	never while more threads want to run than there are CPUs; and with two
 *		CPUs, pair. Reads /proc/loadavg, so not for who may serve that file.
 *
 * Return: 0; any fcntl(2) error.
 */
int receive_init(struct receive *r, int device_fd, int stop_fd,
		 unsigned spin_us, bool heeds_load);

/**
 * receive_thread_begin() - where what the calling thread reads leaves its header
 * @header:	lent until receive_thread_done(); its .unique is what the kernel wrote,
 *		in the same moment at which it handed the request out. NULL: nowhere.
 */
void receive_thread_begin(struct fusek_in_header *header);

/**
 * receive_read() - wait for a request and read it
 * @buf:	of at least RECEIVE_BYTES
 *
 * Return: its size; -EAGAIN once stopped and nothing is there; -EINTR; -ENODEV when
 * the mount is gone; any other read(2) error.
 */
ssize_t receive_read(struct receive *r, void *buf, size_t size);

/** receive_thread_done() - the calling thread receives no more */
void receive_thread_done(struct receive *r);

/** receive_done() - no thread receives any more */
void receive_done(struct receive *r);
