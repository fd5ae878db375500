/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/cmd_inspect.h - a container as JSON, and all there are */
#pragma once

#include "launcher/json.h"
#include "launcher/runtime.h"

/** inspect_to_json() - all that is known; NULL without memory */
struct json_object *inspect_to_json(struct runtime *r);

/**
 * inspect_each() - call @found for each container
 *
 * Return: 0; the first negative result of @found; negative errno with @fault.
 */
int inspect_each(const struct globals *g, int (*found)(struct runtime *r, void *arg),
		 void *arg, struct fault *fault);
