// SPDX-License-Identifier: GPL-2.0
/*
 * C that Rust calls, see helpers.h.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/bug.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/iomap.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/task_io_accounting_ops.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "helpers.h"

#define WARNING(name) noinline void name(void) { WARN_ON_ONCE(1); }

WARNING(iomap_rs_mapping_starts_after_pos)
WARNING(iomap_rs_mapping_is_empty)
WARNING(iomap_rs_mapping_ends_before_pos)
WARNING(iomap_rs_mapping_is_stale)
WARNING(iomap_rs_mapping_has_unknown_type)
WARNING(iomap_rs_mapping_is_outside_of_any_file)
WARNING(iomap_rs_mapping_has_bad_source)
WARNING(iomap_rs_more_processed_than_mapped)
WARNING(iomap_rs_dio_write_to_hole)
WARNING(iomap_rs_dio_block_too_large_to_pad)
WARNING(iomap_rs_dio_without_block_device)
WARNING(iomap_rs_inline_data_crosses_page)
WARNING(iomap_rs_operation_missing)

void *iomap_rs_kmalloc(size_t size)
{
	return kmalloc(size, GFP_KERNEL);
}

struct page *iomap_rs_alloc_zeroed_pages(unsigned int order)
{
	return alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
}

struct task_struct *iomap_rs_current(void)
{
	return current;
}

/* Sleeps until *waiter, the current task, is taken away. */
void iomap_rs_wait(struct task_struct **waiter)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (!smp_load_acquire(waiter))
			break;
		blk_io_schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/*
 * Takes *waiter away and wakes the task. It may see that before it is woken,
 * free what *waiter lies in, and exit: RCU keeps the task meanwhile.
 */
void iomap_rs_wake(struct task_struct **waiter)
{
	struct task_struct *task = *waiter;

	rcu_read_lock();
	smp_store_release(waiter, NULL);
	blk_wake_io_task(task);
	rcu_read_unlock();
}

void iomap_rs_account_write(size_t bytes)
{
	task_io_account_write(bytes);
}

void iomap_rs_bio_io_error(struct bio *bio)
{
	bio_io_error(bio);
}

void iomap_rs_queue_work(struct workqueue_struct *wq, struct work_struct *work,
			 void (*func)(struct work_struct *work))
{
	INIT_WORK(work, func);
	queue_work(wq, work);
}

size_t iomap_rs_copy_to_iter(const void *data, size_t bytes,
			     struct iov_iter *iter)
{
	return copy_to_iter(data, bytes, iter);
}

size_t iomap_rs_copy_from_iter(void *data, size_t bytes,
			       struct iov_iter *iter)
{
	return copy_from_iter(data, bytes, iter);
}

void iomap_rs_dio_collision(struct file *file)
{
	pr_warn_ratelimited("Direct I/O collision with buffered writes! File: %pD4 Comm: %.20s\n",
			    file, current->comm);
}

void iomap_rs_swapon_failed(struct file *file, const char *why)
{
	char *buf = kmalloc(PATH_MAX, GFP_KERNEL);
	char *path = buf ? file_path(file, buf, PATH_MAX) : ERR_PTR(-ENOMEM);

	pr_err("swapon: file %s %s\n", IS_ERR(path) ? "<unknown>" : path, why);
	kfree(buf);
}

void iomap_rs_swapon_no_page(void)
{
	pr_warn("swapon: Cannot find a single usable page in file.\n");
}
