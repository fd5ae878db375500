/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/elf.h - what an executable needs to run */
#pragma once

#include <stdbool.h>

#include "common/opt.h"

/**
 * elf_is_static() - an executable that needs no interpreter
 *
 * Return: 1; 0; -ENOEXEC if it is no ELF file of this machine's word size; any
 * open(2) or read(2) error.
 */
int elf_is_static(const char *path);

/**
 * elf_closure() - all files that a program needs: itself, its interpreter, its
 *	libraries and theirs
 * @closure:	absolute paths are appended, none twice
 *
 * Libraries are looked for where the interpreter of a Debian or Fedora would:
 * the program's own RUNPATH, then the system's directories.
 *
 * Return: 0; -ENOENT if a library is not found; -ENOEXEC; -ENOMEM.
 */
int elf_closure(const char *path, struct opt_list *closure);
