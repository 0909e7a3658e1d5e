// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for what outlives the switch back to C: see docs/hot-swap.md.
 *
 * Three kinds of things lead into the module when no function is redirected to it
 * any more: bios that read into the page cache, whose completion is ours; ends
 * of direct I/O that are left to a workqueue or to the issuer; and ioends, whose
 * memory is ours, whoever frees it. The first two are counted here, the third
 * where it is allocated.
 *
 * No new ones come while this waits, as nobody calls the engine. So counts only
 * fall, and once one is seen to be zero it is. Whoever made it so may still run
 * the last instructions of a function of the module or of mempool_free(), but
 * does not sleep in there: after a grace period of RCU, for those in interrupts
 * or with preemption off, and one of RCU tasks, for those that were preempted, it
 * is out: iomap_rs_wait_for_completions().
 */
#include <linux/delay.h>
#include <linux/mempool.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "../sys/helpers.h"
#include "live.h"

/* Callbacks to come; one that was counted on one CPU may come on another. */
static DEFINE_PER_CPU(long, to_come);

void iomap_rs_live_hold(void)
{
	this_cpu_inc(to_come);
}

void iomap_rs_live_release(void)
{
	this_cpu_dec(to_come);
}

static bool some_to_come(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(to_come, cpu));
	return sum != 0;
}

void iomap_rs_live_drain(void)
{
	while (some_to_come())
		msleep(1);
	iomap_rs_wait_for_completions();
}

/* Elements of the pool: those in use and those in reserve. */
static atomic_t elements = ATOMIC_INIT(0);

static void *alloc_counted(gfp_t gfp, void *slab)
{
	void *element = kmem_cache_alloc(slab, gfp);

	if (element)
		atomic_inc(&elements);
	return element;
}

static void free_counted(void *element, void *slab)
{
	kmem_cache_free(slab, element);
	atomic_dec(&elements);
}

int iomap_rs_live_count_bios(struct bio_set *set)
{
	int reserve = set->bio_pool.min_nr;

	/* The same pool again, but with functions that count. */
	mempool_exit(&set->bio_pool);
	return mempool_init(&set->bio_pool, reserve, alloc_counted,
			    free_counted, set->bio_slab);
}

void iomap_rs_live_drain_bios(struct bio_set *set)
{
	/*
	 * Elements first: if one comes back between the two reads, there seem to
	 * be more outside than there are, never less.
	 */
	while (atomic_read_acquire(&elements) >
	       READ_ONCE(set->bio_pool.curr_nr))
		msleep(1);
}
