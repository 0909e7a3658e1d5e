// SPDX-License-Identifier: GPL-2.0
/*
 * C that Rust calls, see helpers.h.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/bug.h>
#include <linux/errseq.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/iomap.h>
#include <linux/lockdep.h>
#include <linux/pagemap.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/task_io_accounting_ops.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

#include "helpers.h"
/* Generated from the sources of the C engine. */
#include <private_layouts.h>

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
WARNING(iomap_rs_inline_data_too_short)
WARNING(iomap_rs_mapping_without_block_device)
WARNING(iomap_rs_readahead_without_folio)
WARNING(iomap_rs_folio_freed_while_read)
WARNING(iomap_rs_folio_freed_while_written)
WARNING(iomap_rs_folio_uptodate_bits_disagree)
WARNING(iomap_rs_folio_invalidated_under_writeback)
WARNING(iomap_rs_folio_not_uptodate)
WARNING(iomap_rs_write_end_refused)
WARNING(iomap_rs_unshare_of_zeros)
WARNING(iomap_rs_inline_data_not_at_start)
WARNING(iomap_rs_write_outside_of_mapping)
WARNING(iomap_rs_page_cache_seek_failed)
WARNING(iomap_rs_buffer_heads_wrote_in_part)
WARNING(iomap_rs_writeback_in_reclaim)
WARNING(iomap_rs_writeback_of_unlocked_folio)
WARNING(iomap_rs_writeback_of_dirty_folio)
WARNING(iomap_rs_writeback_of_folio_twice)
WARNING(iomap_rs_writeback_bytes_pending_early)
WARNING(iomap_rs_writeback_bytes_not_pending)
WARNING(iomap_rs_writeback_without_state)
WARNING(iomap_rs_writeback_of_part_of_block)
WARNING(iomap_rs_read_of_part_of_block)
WARNING(iomap_rs_empty_bio_refuses_folio)
WARNING(iomap_rs_writeback_to_no_blocks)
WARNING(iomap_rs_writeback_mapping_unusable)

/*
 * Requests and states of folios may outlive the module that takes the C engine's
 * place: with CONFIG_MEM_ALLOC_PROFILING they must not be tied to its counters.
 */
#ifdef IOMAP_RS_LIVE
#define ALLOC(name) name##_noprof
#else
#define ALLOC(name) name
#endif

/* Of a constant size, for which the compiler knows the slab cache. */
void *iomap_rs_alloc_dio(void)
{
	return ALLOC(kmalloc)(sizeof(struct iomap_dio), GFP_KERNEL);
}

struct page *iomap_rs_alloc_zeroed_pages(unsigned int order)
{
	return alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
}

struct page *iomap_rs_zero_page(void)
{
	return ZERO_PAGE(0);
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

size_t iomap_rs_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

void iomap_rs_spin_unlock_irqrestore(spinlock_t *lock, size_t flags)
{
	spin_unlock_irqrestore(lock, flags);
}

/* The state starts with its lock. */
void *iomap_rs_alloc_state(size_t size, gfp_t gfp)
{
	spinlock_t *lock = ALLOC(kzalloc)(size, gfp);

	if (!lock)
		return NULL;
	spin_lock_init(lock);
#if defined(IOMAP_RS_LIVE) && defined(CONFIG_LOCKDEP)
	/*
	 * The state may outlive the module, and with it the class that the lock
	 * would have: no class, and for a name a string that stays, empty. The
	 * class that is merely not validated would not do: it is one of locks that
	 * sleep, and this one is taken in interrupts.
	 */
	lockdep_set_class_and_name(lock, &__lockdep_no_track__,
				   (char *)page_address(ZERO_PAGE(0)));
#endif
	return lock;
}

void iomap_rs_attach_state(struct folio *folio, void *state)
{
	folio_attach_private(folio, state);
}

void iomap_rs_detach_state(struct folio *folio)
{
	kfree(folio_detach_private(folio));
}

void iomap_rs_folio_zero(struct folio *folio, size_t start, size_t end)
{
	/* In one piece, and without caches to be flushed page by page. */
	if (!IS_ENABLED(CONFIG_HIGHMEM) && !ARCH_IMPLEMENTS_FLUSH_DCACHE_PAGE)
		memset(folio_address(folio) + start, 0, end - start);
	else
		folio_zero_segment(folio, start, end);
}

void iomap_rs_folio_fill_tail(struct folio *folio, size_t offset,
			      const char *data, size_t len)
{
	folio_fill_tail(folio, offset, data, len);
}

void iomap_rs_folio_copy_out(char *data, struct folio *folio, size_t offset,
			     size_t len)
{
	memcpy_from_folio(data, folio, offset, len);
}

void iomap_rs_folio_unlock_put(struct folio *folio)
{
	folio_unlock(folio);
	folio_put(folio);
}

struct folio *iomap_rs_readahead_folio(struct readahead_control *rac)
{
	return readahead_folio(rac);
}

int iomap_rs_read_folio_sync(struct block_device *bdev, sector_t sector,
			     struct folio *folio, size_t offset, size_t len)
{
	struct bio_vec bvec;
	struct bio bio;

	bio_init(&bio, bdev, &bvec, 1, REQ_OP_READ);
	bio.bi_iter.bi_sector = sector;
	bio_add_folio_nofail(&bio, folio, len, offset);
	return submit_bio_wait(&bio);
}

void iomap_rs_flush_dcache(struct folio *folio)
{
	flush_dcache_folio(folio);
}

bool iomap_rs_range_needs_writeback(struct address_space *mapping,
				    loff_t start, loff_t end)
{
	return filemap_range_needs_writeback(mapping, start, end);
}

struct folio *iomap_rs_lock_folio(struct address_space *mapping, loff_t pos)
{
	return filemap_lock_folio(mapping, pos >> PAGE_SHIFT);
}

struct folio *iomap_rs_lock_page_folio(struct page *page)
{
	struct folio *folio = page_folio(page);

	folio_lock(folio);
	return folio;
}

void iomap_rs_assert_invalidate_locked(struct address_space *mapping)
{
	lockdep_assert_held_write(&mapping->invalidate_lock);
}

vm_fault_t iomap_rs_fault_error(int error)
{
	return vmf_fs_error(error);
}

bool iomap_rs_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

void iomap_rs_cond_resched(void)
{
	cond_resched();
}

bool iomap_rs_in_direct_reclaim(void)
{
	return (current->flags & (PF_MEMALLOC | PF_KSWAPD)) == PF_MEMALLOC;
}

void iomap_rs_might_sleep(void)
{
	might_sleep();
}

/*
 * Waits until each processor has left what it was at, which is how completions
 * in interrupts or without preemption end, and until each task has gone to sleep
 * of its own or left the kernel: completions in a task that was preempted, as
 * devices have that end bios when they are submitted. The latter is how the
 * kernel makes sure that no task is in code that it is about to free; where no
 * task can be preempted, both are the same. A preemptible kernel without
 * CONFIG_TASKS_RCU, that is without tracing, kprobes and BPF, has no way to know.
 */
void iomap_rs_wait_for_completions(void)
{
	synchronize_rcu();
	synchronize_rcu_tasks();
}

blk_opf_t iomap_rs_wbc_write_flags(struct writeback_control *wbc)
{
	return wbc_to_write_flags(wbc);
}

void iomap_rs_wbc_init_bio(struct writeback_control *wbc, struct bio *bio)
{
	wbc_init_bio(wbc, bio);
}

void iomap_rs_wbc_account(struct writeback_control *wbc, struct folio *folio,
			  size_t bytes)
{
	wbc_account_cgroup_owner(wbc, folio, bytes);
}

void iomap_rs_mapping_set_error(struct address_space *mapping, int error)
{
	mapping_set_error(mapping, error);
}

void iomap_rs_writeback_error(struct iomap_ioend *ioend)
{
	struct inode *inode = ioend->io_inode;

	if (bio_flagged(&ioend->io_bio, BIO_QUIET))
		return;
	pr_err_ratelimited("%s: writeback error on inode %lu, offset %lld, sector %llu",
			   inode->i_sb->s_id, inode->i_ino, ioend->io_offset,
			   ioend->io_sector);
}

void iomap_rs_dio_collision(struct file *file)
{
	pr_warn_ratelimited("Direct I/O collision with buffered writes! File: %pD4 Comm: %.20s\n",
			    file, current->comm);
}

void iomap_rs_dio_left_stale(struct file *file)
{
	static DEFINE_RATELIMIT_STATE(once_a_day, 24 * 60 * 60 * HZ,
				      DEFAULT_RATELIMIT_BURST);
	char buf[128], *path;

	/* For all who sync the file, by whichever way they opened it. */
	errseq_set(&file->f_mapping->wb_err, -EIO);
	if (!__ratelimit(&once_a_day))
		return;
	path = file_path(file, buf, sizeof(buf));
	pr_crit("Page cache invalidation failure on direct I/O.  Possible data corruption due to collision with buffered I/O!\n");
	pr_crit("File: %s PID: %d Comm: %.20s\n",
		IS_ERR(path) ? "(unknown)" : path, current->pid, current->comm);
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
