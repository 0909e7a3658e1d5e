// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of a device, cached. See helpers.h.
 */
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/printk.h>

#include "helpers.h"

struct buffer_head *fs_rs_sb_bread(struct super_block *sb, sector_t block)
{
	return sb_bread(sb, block);
}

struct buffer_head *fs_rs_sb_getblk(struct super_block *sb, sector_t block)
{
	return sb_getblk(sb, block);
}

void fs_rs_lock_buffer(struct buffer_head *bh)
{
	lock_buffer(bh);
}

void fs_rs_unlock_buffer(struct buffer_head *bh)
{
	unlock_buffer(bh);
}

void fs_rs_set_buffer_uptodate(struct buffer_head *bh)
{
	set_buffer_uptodate(bh);
}

bool fs_rs_buffer_write_failed(struct buffer_head *bh)
{
	return buffer_req(bh) && !buffer_uptodate(bh);
}

/* A write that failed says that the buffer is not uptodate, which it is. */
void fs_rs_clear_write_error(struct buffer_head *bh, const char *fs,
			     const char *what)
{
	if (!buffer_write_io_error(bh))
		return;
	pr_err("%s (%pg): previous I/O error to %s detected\n", fs,
	       bh->b_bdev, what);
	clear_buffer_write_io_error(bh);
	set_buffer_uptodate(bh);
}
