/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/negotiate.h - what kernel and file system agree on at INIT
 *
 * How it works. libfuse answers INIT, but an older one drops the flags it does
 * not know. So the reply is completed here on its way out. The request is
 * recorded: a successor has libfuse believe in the same negotiation by feeding
 * it that record, and throws the reply away.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "common/session.h"

/**
 * negotiate_record() - keep the kernel's INIT request
 *
 * Return: 0; -EPROTO if it is not one, or too short.
 */
int negotiate_record(struct session *s, const void *request, size_t bytes);

/** negotiate_begin() - the session's own wishes, before the file system's */
void negotiate_begin(struct session *s, struct fuse_conn_info *conn);

/** negotiate_end() - the file system's init() returned */
void negotiate_end(struct session *s, struct fuse_conn_info *conn);

/** negotiate_want() - see session_want() */
bool negotiate_want(struct session *s, enum session_feature feature);

/** negotiate_has() - see session_has() */
bool negotiate_has(const struct session *s, enum session_feature feature);

/**
 * negotiate_reply() - complete the reply to INIT and note what it grants
 *
 * In a successor, whose reply nobody gets, only what was granted then counts.
 */
void negotiate_reply(struct session *s, const struct iovec *iov, int count);
