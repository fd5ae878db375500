/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/layers.h - all layers of a union, opened and checked against each other
 */
#pragma once

#include <stddef.h>

#include "common/opt.h"
#include "unionfs/layer.h"
#include "unionfs/options.h"
#include "unionfs/workdir.h"

struct layers {
	struct layer *upper;	/* owned; NULL: the union is read-only */
	struct workdir *work;	/* owned; there if upper is */
	struct layer **lowers;	/* owned: ordinary ones topmost first, then data-only */
	size_t lower_count;	/* ordinary */
	size_t data_count;
};

/**
 * layers_open() - open what the options name
 * @error:	two lines that name the layer and the way out, on any failure
 *
 * A union that cannot be written (option ro, or an upper on a filesystem mounted
 * read-only) has its upperdir as its topmost lower layer.
 *
 * Return: 0; -errno with @error filled.
 */
int layers_open(const struct options *o, struct layers *ret, struct opt_error *error);

/** layers_close() - accepts what layers_open() filled, and zeroes */
void layers_close(struct layers *l);
