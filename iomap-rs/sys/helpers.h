/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C that Rust calls: inline functions and macros of the kernel that cannot be
 * read by bindgen. Each costs a call. What is small and runs for every piece of
 * a request is written in Rust instead, in vfs/.
 */
#ifndef IOMAP_RS_HELPERS_H
#define IOMAP_RS_HELPERS_H

#include <linux/types.h>

struct bio;
struct file;
struct page;
struct task_struct;
struct iov_iter;
struct work_struct;
struct workqueue_struct;

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

void *iomap_rs_kmalloc(size_t size);
struct page *iomap_rs_alloc_zeroed_pages(unsigned int order);

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

void iomap_rs_dio_collision(struct file *file);
void iomap_rs_swapon_failed(struct file *file, const char *why);
void iomap_rs_swapon_no_page(void);

#endif
