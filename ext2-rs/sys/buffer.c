// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of a device, cached. See helpers.h.
 */
#include <linux/buffer_head.h>

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
