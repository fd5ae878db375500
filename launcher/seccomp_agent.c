/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/seccomp_agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/json.h"
#include "launcher/state.h"

/* The specification's container process state; freed by the caller. */
static char *process_state(const struct plan *plan, const char *status, pid_t pid)
{
	cleanup_json struct json_object *o = json_object_new_object();
	cleanup_free char *text = state_for_hooks(plan, status, pid);
	struct json_object *state = text ? json_parse(text, NULL) : NULL;
	struct json_object *fds = json_object_new_array();

	if (!o || !state || !fds) {
		json_object_put(state);
		json_object_put(fds);
		return NULL;
	}
	json_object_array_add(fds, json_object_new_string("seccompFd"));
	json_object_object_add(o, "ociVersion", json_object_new_string(OCI_VERSION));
	json_object_object_add(o, "fds", fds);
	json_object_object_add(o, "pid", json_object_new_int(pid));
	json_object_object_add(o, "metadata", json_object_new_string(
				       plan->seccomp_metadata ? plan->seccomp_metadata : ""));
	json_object_object_add(o, "state", state);
	return strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						     JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* The descriptor goes with the first byte; what does not fit at once follows. */
static int send_all(int s, const char *text, int fd)
{
	size_t left = strlen(text);
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec iov;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));

	while (left) {
		ssize_t n;

		iov = (struct iovec){ (void *)(uintptr_t)text, left };
		n = sendmsg(s, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	return 0;
}

int seccomp_agent_send(const struct plan *plan, const char *status, pid_t pid, int listener,
		       struct fault *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_free char *text = process_state(plan, status, pid);
	cleanup_fd int s = neg_errno(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const char *path = plan->seccomp_listener;
	int r = s < 0 ? s : 0;

	if (!text)
		return fault_set(f, -ENOMEM, "cannot describe the process to the seccomp agent");
	if (strlen(path) >= sizeof(address.sun_path))
		return fault_set(f, -ENAMETOOLONG, "the path '%s' of the seccomp agent is too long",
				 path);
	strcpy(address.sun_path, path);
	if (r >= 0)
		r = neg_errno(connect(s, (struct sockaddr *)&address, sizeof(address)));
	if (r >= 0)
		r = send_all(s, text, listener);
	/* Without "no such file": engines would take it for a missing command. */
	if (r == -ENOENT)
		return fault_set(f, 0, "the seccomp agent's socket '%s' is missing", path), r;
	return r < 0 ? fault_set(f, r, "cannot reach the seccomp agent at '%s'", path) : 0;
}
