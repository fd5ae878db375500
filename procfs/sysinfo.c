/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/sysinfo.h"

#include <string.h>

#include "procfs/clock.h"

#define LOAD_SHIFT  5		/* from 11 bits after the point to 16 */
#define UNIT_MAX_32 4096	/* bytes */

/* <linux/sysinfo.h> with the widths of both kinds of program. */
#define SYSINFO_OF(name, word, signed_word, padding)				\
	struct name {								\
		signed_word uptime;						\
		word loads[3];							\
		word total_ram, free_ram, shared_ram, buffer_ram;		\
		word total_swap, free_swap;					\
		uint16_t procs, pad;						\
		word total_high, free_high;					\
		uint32_t mem_unit;						\
		char unused[padding];						\
	}

SYSINFO_OF(sysinfo_64, uint64_t, int64_t, 4);
SYSINFO_OF(sysinfo_32, uint32_t, int32_t, 8);

_Static_assert(sizeof(struct sysinfo_64) == SYSINFO_BYTES_64, "as the kernel has it");
_Static_assert(sizeof(struct sysinfo_32) == SYSINFO_BYTES_32, "as the kernel has it");

static void fill_64(const struct view *v, struct sysinfo_64 *s)
{
	*s = (struct sysinfo_64){
		.uptime = (int64_t)((v->uptime_ns + NS_PER_S - 1) / NS_PER_S),
		.total_ram = v->memory.figures.total_bytes,
		.free_ram = v->memory.figures.free_bytes,
		.shared_ram = v->memory.stat.shmem,
		.total_swap = v->memory.swap.total_bytes,
		.free_swap = v->memory.swap.free_bytes,
		.procs = (uint16_t)(v->load.total < UINT16_MAX ? v->load.total : UINT16_MAX),
		.mem_unit = 1,
	};
	for (int i = 0; i < 3; i++)
		s->loads[i] = v->load.average[i] << LOAD_SHIFT;
}

static void fill_32(const struct sysinfo_64 *from, struct sysinfo_32 *s)
{
	uint32_t unit = 1;
	unsigned shift = 0;

	if (from->total_ram > UINT32_MAX || from->total_swap > UINT32_MAX)
		for (; unit < UNIT_MAX_32; unit <<= 1)
			shift++;
	*s = (struct sysinfo_32){
		.uptime = (int32_t)from->uptime,
		.total_ram = (uint32_t)(from->total_ram >> shift),
		.free_ram = (uint32_t)(from->free_ram >> shift),
		.shared_ram = (uint32_t)(from->shared_ram >> shift),
		.total_swap = (uint32_t)(from->total_swap >> shift),
		.free_swap = (uint32_t)(from->free_swap >> shift),
		.procs = from->procs,
		.mem_unit = unit,
	};
	for (int i = 0; i < 3; i++)
		s->loads[i] = (uint32_t)from->loads[i];
}

size_t sysinfo_write(const struct view *v, bool is_64, void *out)
{
	struct sysinfo_64 wide;
	struct sysinfo_32 narrow;

	fill_64(v, &wide);
	if (is_64) {
		memcpy(out, &wide, sizeof(wide));
		return sizeof(wide);
	}
	fill_32(&wide, &narrow);
	memcpy(out, &narrow, sizeof(narrow));
	return sizeof(narrow);
}

/* Masks are arrays of longs: where in bytes a CPU's bit is depends on their order. */
static unsigned byte_of(unsigned cpu)
{
	unsigned byte = cpu / 8;

	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? byte ^ (sizeof(long) - 1) : byte;
}

static bool has_bit(const unsigned char *mask, unsigned cpu)
{
	return mask[byte_of(cpu)] >> cpu % 8 & 1;
}

static void clear_bit(unsigned char *mask, unsigned cpu)
{
	mask[byte_of(cpu)] &= (unsigned char)~(1u << cpu % 8);
}

void sysinfo_affinity(const struct view *v, unsigned char *mask, size_t bytes)
{
	const unsigned bits = (unsigned)bytes * 8;
	unsigned left = v->cpu_count, common = 0;

	for (unsigned cpu = 0; cpu < bits; cpu++)
		common += has_bit(mask, cpu) && cpus_has(&v->visible, cpu);
	for (unsigned cpu = 0; cpu < bits; cpu++) {
		if (!has_bit(mask, cpu))
			continue;
		if (common ? !cpus_has(&v->visible, cpu) : !left)
			clear_bit(mask, cpu);
		else if (!common)
			left--;
	}
}
