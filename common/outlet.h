/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/outlet.h - what libfuse writes to the device passes through our hands
 *
 * How it works. libfuse sends with libc's writev(2) and splice(2). A definition of
 * these names in the program comes before libc's, for the libraries it is linked
 * with, too. So we define them: a call for the device goes to the hooks, any other
 * straight to the kernel. fuse_session_custom_io() would do the same, but is not
 * built into every libfuse.
 */
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

struct outlet {
	int device_fd;
	/* As the calls they stand for: errors are in errno. */
	ssize_t (*send)(int fd, const struct iovec *iov, int count);
	ssize_t (*send_spliced)(int pipe_fd, int fd, size_t bytes, unsigned flags);
};

/** outlet_set() - before anything is sent; @outlet is lent to the end */
void outlet_set(const struct outlet *outlet);

/** outlet_writev() - the call itself, past the hooks */
ssize_t outlet_writev(int fd, const struct iovec *iov, int count);

/** outlet_splice() - the call itself, past the hooks */
ssize_t outlet_splice(int pipe_fd, int fd, size_t bytes, unsigned flags);
