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
 * Nobody is led to the engine any more. Who had been, and was preempted before it
 * could be seen there, has got in after a grace period of RCU tasks, and is
 * waited for first. No new callbacks come then, so counts only fall, and once one
 * is seen to be zero it is. Whoever made it so may still run
 * the last instructions of a function of the module or of mempool_free(), but
 * does not sleep in there: after a grace period of RCU, for those in interrupts
 * or with preemption off, and one of RCU tasks, for those that were preempted, it
 * is out: iomap_rs_wait_for_completions().
 */
#define pr_fmt(fmt) "iomap_rs_live: " fmt

#include <linux/delay.h>
#include <linux/jiffies.h>
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

static unsigned long callbacks_to_come(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(to_come, cpu));
	return sum;
}

/* Sleeps until @count returns 0. A device that does not answer may take for ever. */
static void wait_for_none(const char *what, unsigned long (*count)(void))
{
	unsigned long report = jiffies + 10 * HZ;
	unsigned long left;

	while ((left = count()) != 0) {
		if (time_after(jiffies, report)) {
			pr_info("unloading waits for %s: %lu\n", what, left);
			report = jiffies + 10 * HZ;
		}
		msleep(1);
	}
}

void iomap_rs_live_drain(void)
{
	iomap_rs_wait_for_completions();
	wait_for_none("calls to return", iomap_rs_live_inside);
	wait_for_none("I/O to end", callbacks_to_come);
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

static const mempool_t *pool;

static unsigned long elements_outside(void)
{
	/*
	 * Elements first: if one comes back between the two reads, there seem to
	 * be more outside than there are, never less.
	 */
	int all = atomic_read_acquire(&elements);

	return all - min(all, READ_ONCE(pool->curr_nr));
}

void iomap_rs_live_drain_bios(struct bio_set *set)
{
	pool = &set->bio_pool;
	wait_for_none("ioends to be freed", elements_outside);
}
