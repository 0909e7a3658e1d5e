// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache of files whose mappings have IOMAP_F_BUFFER_HEAD set: the
 * engine writes into it, all else is done by buffer heads, as in a block device.
 */
#include <linux/buffer_head.h>
#include <linux/mpage.h>
#include <linux/spinlock.h>
#include "script_fs.h"

static int script_get_block(struct inode *inode, sector_t block, struct buffer_head *bh,
			    int create)
{
	struct script_file *file = script_file(inode);
	loff_t pos = block << inode->i_blkbits;
	struct script_map map;
	unsigned long irq;

	spin_lock_irqsave(&file->lock, irq);
	script_lookup(&file->script, pos, i_blocksize(inode), &map);
	spin_unlock_irqrestore(&file->lock, irq);

	if (map.type != IOMAP_MAPPED)
		return create ? -ENOSPC : 0;
	bh->b_bdev = file->bdevs[map.bdev];
	bh->b_blocknr = (map.addr + pos - map.offset) >> inode->i_blkbits;
	bh->b_size = i_blocksize(inode);
	set_buffer_mapped(bh);
	return 0;
}

static int script_buffer_read_folio(struct file *unused, struct folio *folio)
{
	return block_read_full_folio(folio, script_get_block);
}

static int script_buffer_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	return mpage_writepages(mapping, wbc, script_get_block);
}

const struct address_space_operations script_buffer_aops = {
	.dirty_folio		= block_dirty_folio,
	.invalidate_folio	= block_invalidate_folio,
	.is_partially_uptodate	= block_is_partially_uptodate,
	.migrate_folio		= buffer_migrate_folio,
	.read_folio		= script_buffer_read_folio,
	.writepages		= script_buffer_writepages,
};
