/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of nacre-unionfs: one word a line. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "unionfs/options.h"

#define WORDS_MAX 16

static void check_layers(const struct options *o)
{
	struct opt_error error = { "" };
	struct opt_list lower, data;

	if (options_layers(o, &lower, &data, &error) < 0) {
		fuzz_assert(strchr(error.text, '\n'));
		return;
	}
	fuzz_assert(lower.count > 0);
	opt_list_done(&lower);
	opt_list_done(&data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct opt_error error = { "" };
	char *words[WORDS_MAX];
	char *next = text;
	struct options o;
	int n = 0;
	int r;

	while (next && n < WORDS_MAX)
		words[n++] = strsep(&next, "\n");
	options_init(&o);
	r = options_parse(&o, n, words, NULL, &error);
	if (r < 0)
		fuzz_assert(error.text[0]);
	else if (!o.help && !o.version)
		check_layers(&o);
	options_done(&o);
	free(text);
	return 0;
}
