/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/fsops - see fsops.h */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/sanitizer.h"

static int usage(void)
{
	fprintf(stderr,
		"usage: fsops run DIRECTORY LIST	run the operations in the file LIST\n"
		"       fsops dump DIRECTORY	print the tree as a user sees it\n"
		"       fsops upper DIRECTORY	print an upper layer as it is on disk\n"
		"       fsops layer DIRECTORY	the same with everything, ctime too\n"
		"       fsops generate SEED COUNT	print a random list\n"
		"       fsops generate-moves SEED COUNT	one that moves directories about\n"
		"       fsops generate-layer SEED COUNT	one that builds a layer\n"
		"       fsops generate-redirects SEED COUNT	one of redirected directories\n");
	return 2;
}

static int enter(const char *dir)
{
	if (chdir(dir) == 0)
		return 0;
	fprintf(stderr, "fsops: cannot enter '%s': %m\n", dir);
	return -1;
}

static int run(const char *dir, const char *list)
{
	FILE *in = fopen(list, "re");
	bool ok;

	if (!in) {
		fprintf(stderr, "fsops: cannot read '%s': %m\n", list);
		return EXIT_FAILURE;
	}
	if (enter(dir) < 0) {
		fclose(in);
		return EXIT_FAILURE;
	}
	ok = fsops_run(in);
	fclose(in);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int dump(const char *dir, enum dump_kind kind)
{
	int r;

	if (enter(dir) < 0)
		return EXIT_FAILURE;
	r = fsops_dump(kind);
	if (r < 0)
		fprintf(stderr, "fsops: cannot walk '%s': %s\n", dir, strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
	static const struct { const char *verb; enum generate_kind kind; } generators[] = {
		{ "generate", GENERATE_OPS },
		{ "generate-moves", GENERATE_MOVES },
		{ "generate-layer", GENERATE_LAYER },
		{ "generate-redirects", GENERATE_REDIRECTS },
	};
	const char *verb = argc > 2 ? argv[1] : "";
	size_t i;

	if (argc == 4 && !strcmp(verb, "run"))
		return run(argv[2], argv[3]);
	if (argc == 3 && !strcmp(verb, "dump"))
		return dump(argv[2], DUMP_TREE);
	if (argc == 3 && !strcmp(verb, "upper"))
		return dump(argv[2], DUMP_UPPER);
	if (argc == 3 && !strcmp(verb, "layer"))
		return dump(argv[2], DUMP_LAYER);
	for (i = 0; argc == 4 && i < sizeof(generators) / sizeof(*generators); i++) {
		if (strcmp(verb, generators[i].verb) != 0)
			continue;
		fsops_generate(generators[i].kind, strtoull(argv[2], NULL, 0), atol(argv[3]));
		return EXIT_SUCCESS;
	}
	return usage();
}
