/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/unit.h - a main() for one Check test case */
#pragma once

#include <check.h>
#include <stdlib.h>

/* UNIT_MAIN(name, statements that add tests to `tc`) */
#define UNIT_MAIN(name, ...)                                                   \
	int main(void)                                                         \
	{                                                                      \
		Suite *suite = suite_create(name);                             \
		TCase *tc = tcase_create(name);                                \
		SRunner *runner;                                               \
		int failed;                                                    \
                                                                               \
		tcase_set_timeout(tc, 60);                                     \
		__VA_ARGS__                                                    \
		suite_add_tcase(suite, tc);                                    \
		runner = srunner_create(suite);                                \
		srunner_run_all(runner, CK_NORMAL);                            \
		failed = srunner_ntests_failed(runner);                        \
		srunner_free(runner);                                          \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                   \
	}
