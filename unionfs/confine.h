/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/confine.h - what a union's worker needs of the system */
#pragma once

struct unionfs;

/** union_confine() - give up the rest; see common/confine.h. Return: 0 or -errno */
int union_confine(const struct unionfs *u);
