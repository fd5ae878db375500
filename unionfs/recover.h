/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/recover.h - completing or undoing what a worker that died had begun */
#pragma once

struct unionfs;

/**
 * recover() - bring disk and tables to agree, and clean the work directory
 *
 * Before the first request is served, with everything else set up. What cannot be
 * looked at stays as it is.
 */
void recover(struct unionfs *u);
