/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/arrival.h - connections that wait in the holder's hands until a worker is done
 *
 * How it works. Who connects to the socket of session_config.arrivals_fd may send
 * something and be gone: were the connection accepted by a worker, it would be lost with
 * that worker. So the holder accepts, and puts the connection into a socket of its own
 * from where workers take it. They look first (MSG_PEEK gives a descriptor, too, and
 * leaves it there) and take it off when they are done. A successor finds all that are
 * left, in the same order and under the same numbers.
 */
#pragma once

#include <poll.h>

#include "common/session_impl.h"

/** arrival_init() - Return: 0; any socketpair(2) error */
int arrival_init(struct session *s);

/** arrival_done() - whoever waits there is hung up on */
void arrival_done(struct session *s);

/** arrival_wait() - in the holder: what to poll for next */
struct pollfd arrival_wait(const struct session *s);

/** arrival_pass_on() - in the holder, when that has happened */
void arrival_pass_on(struct session *s);

/** arrival_adopt() - in a worker, before it looks: begin with the oldest */
void arrival_adopt(struct session *s);
