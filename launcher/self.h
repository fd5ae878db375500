/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/self.h - keep containers from writing to our own executable
 *
 * A process that is about to become a container's command still runs nacre, and
 * /proc/self/exe leads there: an image whose command is a script that begins
 * with "#!/proc/self/exe" makes the container run the host's file, and then
 * hold it open until it can be written. So before we enter anything we execute
 * ourselves again by way of a read-only mount, or as a sealed copy: what the
 * container gets hold of then cannot be written.
 */
#pragma once

#include "launcher/fault.h"

/**
 * self_protect() - execute ourselves again, unless that has been done
 * @argv:	of main()
 *
 * Return: 0 in the protected process; negative errno with @fault.
 */
int self_protect(char **argv, struct fault *fault);

/** self_directory() - where the executable was started from; freed by the caller */
char *self_directory(void);
