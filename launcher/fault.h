/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/fault.h - what went wrong, in words, carried to the edge
 *
 * An errno says too little about a container that did not start: which mount,
 * which limit, which file. The module that knows writes the sentence here and
 * returns the errno; the edge prints it once.
 */
#pragma once

#include <stdarg.h>

/* Exit statuses of nacre itself; others are the command's own. */
enum {
	STATUS_FAILED = 125,	 /* nacre failed */
	STATUS_NOT_EXECUTABLE = 126,
	STATUS_NOT_FOUND = 127,
};

struct fault {
	int status;		/* the exit status that fits; 0: STATUS_FAILED */
	char text[1024];
};

#define FAULT_INIT { 0 }

/**
 * fault_set() - say what failed
 * @error:	negative errno, put in words behind the text; 0 adds none
 * @format:	printf(3) format; after a newline comes the next step, which
 *		stays behind the words for @error
 *
 * A fault that is set already is kept: the first, innermost one knows most.
 *
 * Return: @error, or -EINVAL if that is 0.
 */
int fault_set(struct fault *fault, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** fault_print() - write the fault to stderr under the program's name */
void fault_print(const struct fault *fault);

/** fault_status() - the exit status for a fault */
int fault_status(const struct fault *fault);
