/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/cmd_image.h - the verbs about images */
#pragma once

#include "launcher/verbs.h"

/* Each takes the words behind the verb and returns an exit status. */
int verb_images(const struct globals *globals, int argc, char **argv);
int verb_rmi(const struct globals *globals, int argc, char **argv);

/* These run nacre-image, which links what they need. */
int verb_import(const struct globals *globals, int argc, char **argv);
int verb_commit(const struct globals *globals, int argc, char **argv);
int verb_export(const struct globals *globals, int argc, char **argv);

/** cmd_image_program() - execute nacre-image; returns a status only on failure */
int cmd_image_program(const char *verb, int argc, char **argv);
