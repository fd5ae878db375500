/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/command.h - the verbs of the command line, asked of a running daemon */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "procfs/options.h"

/** command_is_verb() - whether a word is a verb, and no mountpoint */
bool command_is_verb(const char *word);

/** command_run() - @words begins with a verb; returns an exit status */
int command_run(const struct config *c, size_t count, char **words);

/** command_print_help() - the verbs and what they do */
void command_print_help(FILE *out);
