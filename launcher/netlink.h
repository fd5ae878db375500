/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/netlink.h - requests to the kernel's rtnetlink
 *
 * The few calls of libmnl that a bridge needs. libmnl itself would have to be
 * loaded at every start, for it cannot be had as a static library everywhere.
 */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_REQUEST_MAX 1024

/* One message that grows. What does not fit any more makes netlink_talk() fail. */
struct netlink_request {
	_Alignas(NLMSG_ALIGNTO) char bytes[NETLINK_REQUEST_MAX];
	size_t length;		/* above NETLINK_REQUEST_MAX: it did not fit */
};

/** netlink_begin() - a request of @type, without NLM_F_REQUEST and NLM_F_ACK: they are implied */
void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags);

/** netlink_add_header() - @size zero bytes for the family's own header; NULL: no room */
void *netlink_add_header(struct netlink_request *r, size_t size);

/** netlink_add() - an attribute */
void netlink_add(struct netlink_request *r, uint16_t type, const void *data, size_t size);

/** netlink_add_text() - an attribute that is text, with its final zero */
void netlink_add_text(struct netlink_request *r, uint16_t type, const char *text);

/** netlink_add_u32() - an attribute that is a number, in the order of bytes it has */
void netlink_add_u32(struct netlink_request *r, uint16_t type, uint32_t value);

/** netlink_nest() - what follows lies in an attribute; give the answer to netlink_unnest() */
size_t netlink_nest(struct netlink_request *r, uint16_t type);

/** netlink_unnest() - the attribute ends here */
void netlink_unnest(struct netlink_request *r, size_t nest);

/** netlink_open() - a socket in the network namespace we are in; negative errno */
int netlink_open(void);

/** netlink_talk() - send, wait for the kernel's word: 0; -EPROTO; -EMSGSIZE; its negative errno */
int netlink_talk(int fd, struct netlink_request *r);

/**
 * netlink_ask() - send, and receive one object
 * @type:	what the answer has to be
 * @size:	of the family's header, which goes to @ret_header
 *
 * Return: 0; -ENODEV if the answer is another; -EMSGSIZE; the kernel's negative errno.
 */
int netlink_ask(int fd, struct netlink_request *r, uint16_t type, void *ret_header, size_t size);
