/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/keep.h - descriptors that the holder keeps for later workers
 *
 * How it works. A worker sends a descriptor and the number of a place over a
 * socket. From then on the kernel, and soon the holder, holds it, whatever
 * becomes of the worker. The holder empties the socket before it starts
 * another worker, which so inherits every descriptor; the record says under
 * which number.
 */
#pragma once

#include "common/session_impl.h"

/** keep_init() - Return: 0; any socketpair(2) error */
int keep_init(struct session *s);

/** keep_done() - closes what is kept */
void keep_done(struct session *s);

/** keep_collect() - in the holder: take in what workers sent */
void keep_collect(struct session *s);

/** keep_show() - in the holder: have session_kept_fd() find them */
void keep_show(struct session *s);

/** keep_adopt() - in a successor: places whose descriptor never left the dead
 *	worker are free again */
void keep_adopt(struct session *s);
