/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/request.h - a request's way in and its reply's way out
 *
 * libfuse decodes requests and encodes replies. What we add on the way is the
 * record of what is in hand and what was decided, and what libfuse cannot say.
 */
#pragma once

#include "common/session_impl.h"

/** request_init() - once in a worker, before its threads: from now on replies pass
 *	by here. Return: 0; -EAGAIN */
int request_init(struct session *s);

/** request_header_place() - where the calling thread's requests leave their header, so
 *	that a successor knows them; NULL: there is no place left */
struct fusek_in_header *request_header_place(void);

/** request_work_on() - a request was received: have it answered */
void request_work_on(struct session *s, const struct fuse_buf *buf);

/**
 * request_recover() - in a successor that is ready
 * @lost:	unique ids that the dead worker had in hand
 *
 * They come again, or must be answered now.
 */
void request_recover(struct session *s, const uint64_t *lost, unsigned count);
