// SPDX-License-Identifier: GPL-2.0
/* Extent reports: fiemap, bmap, llseek and swap files. */
#include <linux/fiemap.h>
#include <linux/swap.h>
#include "script_fs.h"

int script_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	int ret;

	inode_lock_shared(inode);
	ret = iomap_fiemap(inode, info, start, len, &script_file(inode)->ops);
	inode_unlock_shared(inode);
	return ret;
}

sector_t script_bmap(struct address_space *mapping, sector_t block)
{
	return iomap_bmap(mapping, block, &script_file(mapping->host)->ops);
}

loff_t script_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	switch (whence) {
	case SEEK_HOLE:
		offset = iomap_seek_hole(inode, offset, &script_file(inode)->ops);
		break;
	case SEEK_DATA:
		offset = iomap_seek_data(inode, offset, &script_file(inode)->ops);
		break;
	default:
		return generic_file_llseek(file, offset, whence);
	}
	if (offset < 0)
		return offset;
	return vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
}

/* The extents that the engine has added, in the order of swap pages. */
static void script_log_swap_extents(struct script_log *log, struct swap_info_struct *sis)
{
	struct rb_node *node;

	for (node = rb_first(&sis->swap_extent_root); node; node = rb_next(node)) {
		const struct swap_extent *extent = rb_entry(node, struct swap_extent, rb_node);

		/* start_block counts pages of the device */
		script_log(log, "swap_extent page=%lu pages=%lu start=%llu",
			   extent->start_page, extent->nr_pages, extent->start_block);
	}
}

int script_swap_activate(struct swap_info_struct *sis, struct file *file, sector_t *span)
{
	struct inode *inode = file_inode(file);
	struct script_file *script = script_file(inode);
	unsigned int max = sis->max;
	int ret;

	sis->bdev = inode->i_sb->s_bdev;
	ret = iomap_swapfile_activate(sis, file, span, &script->ops);
	if (ret < 0) {
		script_log(script->log, "swap ret=%d header=%u", ret, max);
		return ret;
	}
	script_log_swap_extents(script->log, sis);
	script_log(script->log, "swap ret=%d header=%u max=%u pages=%u highest_bit=%u span=%llu",
		   ret, max, sis->max, sis->pages, sis->highest_bit, *span);
	return ret;
}
