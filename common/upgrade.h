/* SPDX-License-Identifier: Apache-2.0 */
/* common/upgrade.h - how who wants an upgrade and the holder speak */
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* The answer that means success; any other says why not. */
#define UPGRADE_OK "ok"

/*
 * A device number is given out again as soon as its mount is gone, while the holder
 * that ends still has its socket. So a mount may take the next of a few names.
 */
#define UPGRADE_NAMES 4

/** upgrade_address() - the abstract socket of a mount, under its @nth name, from 0.
 *	Return: its length */
socklen_t upgrade_address(const char *subtype, dev_t device, unsigned nth,
			  struct sockaddr_un *ret_address);

/** upgrade_receive_fd() - the descriptor that comes with one byte. Return: it,
 *	or -errno */
int upgrade_receive_fd(int socket_fd);
