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
#include <linux/workqueue.h>

#include "helpers.h"

void iomap_rs_warn_once(enum iomap_rs_warning warning)
{
	switch (warning) {
	case IOMAP_RS_WARN_OFFSET_PAST_POS:
		WARN_ONCE(1, "iomap: filesystem returned a mapping that starts after the position\n");
		break;
	case IOMAP_RS_WARN_EMPTY_MAPPING:
		WARN_ONCE(1, "iomap: filesystem returned an empty mapping\n");
		break;
	case IOMAP_RS_WARN_NOT_COVERING_POS:
		WARN_ONCE(1, "iomap: filesystem returned a mapping that ends before the position\n");
		break;
	case IOMAP_RS_WARN_STALE_MAPPING:
		WARN_ONCE(1, "iomap: filesystem returned a stale mapping\n");
		break;
	case IOMAP_RS_WARN_UNKNOWN_TYPE:
		WARN_ONCE(1, "iomap: filesystem returned a mapping of unknown type\n");
		break;
	case IOMAP_RS_WARN_RANGE_OVERFLOW:
		WARN_ONCE(1, "iomap: filesystem returned a mapping outside of any file\n");
		break;
	case IOMAP_RS_WARN_BAD_SOURCE_MAPPING:
		WARN_ONCE(1, "iomap: filesystem returned a bad source mapping\n");
		break;
	case IOMAP_RS_WARN_TOO_MUCH_PROCESSED:
		WARN_ONCE(1, "iomap: more processed than was mapped\n");
		break;
	case IOMAP_RS_WARN_DIO_WRITE_TO_HOLE:
		WARN_ONCE(1, "iomap: filesystem mapped a direct write to a hole\n");
		break;
	case IOMAP_RS_WARN_DIO_BLOCK_TOO_LARGE:
		WARN_ONCE(1, "iomap: block too large to be padded by direct I/O\n");
		break;
	case IOMAP_RS_WARN_DIO_NO_BDEV:
		WARN_ONCE(1, "iomap: filesystem mapped direct I/O to no block device\n");
		break;
	case IOMAP_RS_WARN_INLINE_BEYOND_PAGE:
		WARN_ONCE(1, "iomap: inline data crosses a page\n");
		break;
	}
}

struct page *iomap_rs_alloc_zeroed_pages(unsigned int order)
{
	return alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
}

struct task_struct *iomap_rs_current(void)
{
	return current;
}

void iomap_rs_prepare_to_wait(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
}

void iomap_rs_finish_wait(void)
{
	__set_current_state(TASK_RUNNING);
}

void iomap_rs_wake_io_task(struct task_struct *waiter)
{
	blk_wake_io_task(waiter);
}

void iomap_rs_account_write(size_t bytes)
{
	task_io_account_write(bytes);
}

void iomap_rs_bio_io_error(struct bio *bio)
{
	bio_io_error(bio);
}

void iomap_rs_init_work(struct work_struct *work,
			void (*func)(struct work_struct *work))
{
	INIT_WORK(work, func);
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
