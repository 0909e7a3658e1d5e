/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C that Rust calls: inline functions and macros of the kernel that cannot be
 * read by bindgen, off the hot paths. What is hot is written in Rust, in vfs/.
 */
#ifndef IOMAP_RS_HELPERS_H
#define IOMAP_RS_HELPERS_H

#include <linux/types.h>

struct bio;
struct file;
struct page;
struct task_struct;
struct work_struct;

/* One warning site each: every defect is reported once, not the first only. */
enum iomap_rs_warning {
	IOMAP_RS_WARN_OFFSET_PAST_POS,
	IOMAP_RS_WARN_EMPTY_MAPPING,
	IOMAP_RS_WARN_NOT_COVERING_POS,
	IOMAP_RS_WARN_STALE_MAPPING,
	IOMAP_RS_WARN_UNKNOWN_TYPE,
	IOMAP_RS_WARN_RANGE_OVERFLOW,
	IOMAP_RS_WARN_BAD_SOURCE_MAPPING,
	IOMAP_RS_WARN_TOO_MUCH_PROCESSED,
	IOMAP_RS_WARN_DIO_WRITE_TO_HOLE,
	IOMAP_RS_WARN_DIO_BLOCK_TOO_LARGE,
	IOMAP_RS_WARN_DIO_NO_BDEV,
	IOMAP_RS_WARN_INLINE_BEYOND_PAGE,
};

void iomap_rs_warn_once(enum iomap_rs_warning warning);

struct page *iomap_rs_alloc_zeroed_pages(unsigned int order);

struct task_struct *iomap_rs_current(void);
void iomap_rs_prepare_to_wait(void);
void iomap_rs_finish_wait(void);
void iomap_rs_wake_io_task(struct task_struct *waiter);
void iomap_rs_account_write(size_t bytes);
void iomap_rs_bio_io_error(struct bio *bio);
void iomap_rs_init_work(struct work_struct *work,
			void (*func)(struct work_struct *work));

void iomap_rs_dio_collision(struct file *file);
void iomap_rs_swapon_failed(struct file *file, const char *why);
void iomap_rs_swapon_no_page(void);

#endif
