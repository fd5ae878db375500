/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

/* "what failed\nnext step" becomes "what failed: why\nnext step". */
static void add_reason(struct fault *fault, const char *reason)
{
	char *newline = strchr(fault->text, '\n');
	char next[512] = "";
	size_t length;

	if (newline) {
		snprintf(next, sizeof(next), "%s", newline);
		*newline = '\0';
	}

	length = strlen(fault->text);
	snprintf(fault->text + length, sizeof(fault->text) - length, ": %s%s",
		 reason, next);
}

int fault_set(struct fault *fault, int error, const char *format, ...)
{
	va_list args;

	if (fault->text[0])
		return error ? error : -EINVAL;

	va_start(args, format);
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);

	if (!error)
		return -EINVAL;
	add_reason(fault, strerror(-error));
	return error;
}

void fault_print(const struct fault *fault)
{
	log_error("%s", fault->text[0] ? fault->text : "failed for an unknown reason");
}

int fault_status(const struct fault *fault)
{
	return fault->status ? fault->status : STATUS_FAILED;
}
