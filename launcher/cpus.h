/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/cpus.h - amounts of CPU, lists of CPUs, and which ones to give */
#pragma once

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_PERIOD_US 100000

/**
 * cpus_parse_amount() - read "2", "0.5" or ".25"
 * @ret_milli:	thousandths of a CPU
 *
 * Return: 0; -EINVAL if it is not a number; -ERANGE if it is below 0.01 (the
 * smallest quota the kernel takes is 1 ms in 100) or above a million.
 */
int cpus_parse_amount(const char *text, uint32_t *ret_milli);

/** cpus_quota_us() - CPU time per CPU_PERIOD_US for an amount */
int64_t cpus_quota_us(uint32_t milli);

/** cpus_needed() - how many CPUs an amount fills: half a CPU needs one */
unsigned cpus_needed(uint32_t milli);

/**
 * cpus_parse_list() - read the kernel's form of a CPU list: "0-2,5"
 *
 * Return: 0; -EINVAL if it is none; -ERANGE if it names a CPU above 1023.
 */
int cpus_parse_list(const char *text, cpu_set_t *ret_set);

/** cpus_format_list() - write that form; -ENOSPC if @size is too small */
int cpus_format_list(const cpu_set_t *set, char *text, size_t size);

/**
 * cpus_choose() - the CPUs for a new container
 * @available:	those that may be given
 * @users:	how many containers each CPU was given to already
 * @count:	how many are wanted; at most those available are given
 *
 * The least used come first, the lowest number among equals: containers
 * started one after the other go round all CPUs.
 */
void cpus_choose(const cpu_set_t *available, const unsigned users[CPU_SETSIZE],
		 unsigned count, cpu_set_t *ret_chosen);
