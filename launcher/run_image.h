/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/run_image.h - what an image says about how to run it */
#pragma once

#include "launcher/fault.h"
#include "launcher/image_store.h"
#include "launcher/run_config.h"

/**
 * run_image_apply() - complete a command line by an image
 * @config:	layers, variables, user and directory are added where the command
 *		line gives none
 * @words:	the command's words; NULL ends them
 * @ret_command: the words to run; its items are those of the image or of @words
 *
 * A user's name is looked up in the image's own table.
 *
 * Return: 0 or negative errno with @fault.
 */
int run_image_apply(struct run_config *config, const struct image *image, char *const *words,
		    struct opt_list *ret_command, struct fault *fault);
