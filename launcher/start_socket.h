/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/start_socket.h - how "start" reaches a created container
 *
 * The container's first process waits in accept() on a socket in the state
 * directory. Whoever connects first starts it, and hears through the same
 * connection whether the command could be executed. Named by way of the
 * directory's descriptor, so the path may be longer than a socket's may be.
 */
#pragma once

/** start_socket_listen() - a listening descriptor, or negative errno */
int start_socket_listen(int dir_fd);

/** start_socket_connect() - a connection; -ECONNREFUSED or -ENOENT if nobody waits */
int start_socket_connect(int dir_fd);

/** start_socket_remove() - the container is started: nobody waits any more */
void start_socket_remove(int dir_fd);
