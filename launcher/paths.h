/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/paths.h - where nacre keeps things, for root and for ordinary users */
#pragma once

#include <sys/types.h>

/** paths_state_root() - directory of the containers' states; freed by the caller */
char *paths_state_root(void);

/** paths_data() - directory of scratch layers and images, a real disk; freed by the caller */
char *paths_data(void);

/** paths_cache() - directory of the default root; freed by the caller */
char *paths_cache(void);

/** paths_make() - mkdir -p; parents get 0755, the last @mode; 0 or negative errno */
int paths_make(const char *path, mode_t mode);

/** paths_absolute() - @path from the current directory, not resolved; freed by the caller */
char *paths_absolute(const char *path);
