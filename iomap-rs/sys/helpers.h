/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C that Rust calls: inline functions and macros of the kernel that cannot be
 * read by bindgen. Each costs a call. Plain reads of structures are written in
 * Rust instead, in vfs/.
 */
#ifndef IOMAP_RS_HELPERS_H
#define IOMAP_RS_HELPERS_H

#include <linux/blk_types.h>
#include <linux/mm_types.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>

struct address_space;
struct bio;
struct block_device;
struct file;
struct folio;
struct inode;
struct iomap;
struct iomap_ioend;
struct page;
struct readahead_control;
struct task_struct;
struct iov_iter;
struct work_struct;
struct workqueue_struct;
struct writeback_control;

/*
 * A function per defect, each with a warning of its own: the name is what the
 * log says, and one that has fired does not silence the others.
 */
void iomap_rs_mapping_starts_after_pos(void);
void iomap_rs_mapping_is_empty(void);
void iomap_rs_mapping_ends_before_pos(void);
void iomap_rs_mapping_is_stale(void);
void iomap_rs_mapping_has_unknown_type(void);
void iomap_rs_mapping_is_outside_of_any_file(void);
void iomap_rs_mapping_has_bad_source(void);
void iomap_rs_more_processed_than_mapped(void);
void iomap_rs_dio_write_to_hole(void);
void iomap_rs_dio_block_too_large_to_pad(void);
void iomap_rs_dio_without_block_device(void);
void iomap_rs_inline_data_crosses_page(void);
void iomap_rs_operation_missing(void);
void iomap_rs_inline_data_too_short(void);
void iomap_rs_mapping_without_block_device(void);
void iomap_rs_readahead_without_folio(void);
void iomap_rs_folio_freed_while_read(void);
void iomap_rs_folio_freed_while_written(void);
void iomap_rs_folio_uptodate_bits_disagree(void);
void iomap_rs_folio_invalidated_under_writeback(void);
void iomap_rs_folio_not_uptodate(void);
void iomap_rs_write_end_refused(void);
void iomap_rs_unshare_of_zeros(void);
void iomap_rs_inline_data_not_at_start(void);
void iomap_rs_write_outside_of_mapping(void);
void iomap_rs_page_cache_seek_failed(void);
void iomap_rs_buffer_heads_wrote_in_part(void);
void iomap_rs_writeback_in_reclaim(void);
void iomap_rs_writeback_of_unlocked_folio(void);
void iomap_rs_writeback_of_dirty_folio(void);
void iomap_rs_writeback_of_folio_twice(void);
void iomap_rs_writeback_bytes_pending_early(void);
void iomap_rs_writeback_bytes_not_pending(void);
void iomap_rs_writeback_without_state(void);
void iomap_rs_writeback_of_part_of_block(void);
void iomap_rs_read_of_part_of_block(void);
void iomap_rs_empty_bio_refuses_folio(void);
void iomap_rs_writeback_to_no_blocks(void);
void iomap_rs_writeback_mapping_unusable(void);

void *iomap_rs_alloc_dio(void);
struct page *iomap_rs_alloc_zeroed_pages(unsigned int order);

struct page *iomap_rs_zero_page(void);
struct task_struct *iomap_rs_current(void);
void iomap_rs_wait(struct task_struct **waiter);
void iomap_rs_wake(struct task_struct **waiter);
void iomap_rs_account_write(size_t bytes);
void iomap_rs_bio_io_error(struct bio *bio);
void iomap_rs_queue_work(struct workqueue_struct *wq, struct work_struct *work,
			 void (*func)(struct work_struct *work));

size_t iomap_rs_copy_to_iter(const void *data, size_t bytes,
			     struct iov_iter *iter);
size_t iomap_rs_copy_from_iter(void *data, size_t bytes,
			       struct iov_iter *iter);

size_t iomap_rs_spin_lock_irqsave(spinlock_t *lock);
void iomap_rs_spin_unlock_irqrestore(spinlock_t *lock, size_t flags);

void *iomap_rs_alloc_state(size_t size, gfp_t gfp);
void iomap_rs_attach_state(struct folio *folio, void *state);
void iomap_rs_detach_state(struct folio *folio);
void iomap_rs_folio_zero(struct folio *folio, size_t start, size_t end);
void iomap_rs_folio_fill_tail(struct folio *folio, size_t offset,
			      const char *data, size_t len);
void iomap_rs_folio_copy_out(char *data, struct folio *folio, size_t offset,
			     size_t len);
void iomap_rs_folio_unlock_put(struct folio *folio);
struct folio *iomap_rs_readahead_folio(struct readahead_control *rac);
int iomap_rs_read_folio_sync(struct block_device *bdev, sector_t sector,
			     struct folio *folio, size_t offset, size_t len);

void iomap_rs_flush_dcache(struct folio *folio);
bool iomap_rs_range_needs_writeback(struct address_space *mapping,
				    loff_t start, loff_t end);
struct folio *iomap_rs_lock_folio(struct address_space *mapping, loff_t pos);
struct folio *iomap_rs_lock_page_folio(struct page *page);
void iomap_rs_assert_invalidate_locked(struct address_space *mapping);
vm_fault_t iomap_rs_fault_error(int error);
bool iomap_rs_fatal_signal_pending(void);
void iomap_rs_cond_resched(void);
bool iomap_rs_in_direct_reclaim(void);
void iomap_rs_might_sleep(void);
void iomap_rs_wait_for_completions(void);

blk_opf_t iomap_rs_wbc_write_flags(struct writeback_control *wbc);
void iomap_rs_wbc_init_bio(struct writeback_control *wbc, struct bio *bio);
void iomap_rs_wbc_account(struct writeback_control *wbc, struct folio *folio,
			  size_t bytes);
void iomap_rs_mapping_set_error(struct address_space *mapping, int error);
void iomap_rs_writeback_error(struct iomap_ioend *ioend);

void iomap_rs_dio_collision(struct file *file);
void iomap_rs_swapon_failed(struct file *file, const char *why);
void iomap_rs_swapon_no_page(void);

/* Returns 0, or an error: then none of the folio's new buffers is left unzeroed. */
int iomap_rs_buffers_write_begin(struct folio *folio, loff_t pos, size_t len,
				 const struct iomap *iomap);

/* Part of a page cache: bytes @start to @end of the file. */
struct iomap_rs_cached {
	loff_t start, end;
	/* Referenced, if it holds data in some of its blocks only; else NULL. */
	struct folio *folio;
};

/*
 * Finds the first entry of the page cache that ends behind byte @pos and starts
 * before @limit; with @run, also those next to it, as long as all their blocks
 * hold data.
 */
bool iomap_rs_next_cached(struct address_space *mapping, loff_t pos,
			  loff_t limit, bool run, struct iomap_rs_cached *found);
void iomap_rs_folio_lock(struct folio *folio);
void iomap_rs_folio_put(struct folio *folio);

/* A page could not be dropped that direct I/O has made stale. */
void iomap_rs_dio_left_stale(struct file *file);

#endif
