// SPDX-License-Identifier: GPL-2.0
/*
 * Writes into folios with buffer heads, where an iomap says what lies under them.
 *
 * The kernel has that in fs/buffer.c, for itself alone; this is made of what it
 * offers to modules.
 */
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/iomap.h>
#include <linux/pagemap.h>

#include "helpers.h"

/* Points @bh, which holds byte @pos of @inode and on, to where @iomap says. */
static int map_buffer(struct inode *inode, struct buffer_head *bh, loff_t pos,
		      const struct iomap *iomap)
{
	bool past_eof = pos >= i_size_read(inode);

	if (!iomap->bdev) {
		/* What is to be read is read from it, what is new is looked for in its cache. */
		iomap_rs_mapping_without_block_device();
		return -EIO;
	}
	bh->b_bdev = iomap->bdev;
	if (pos >= iomap->offset + iomap->length)
		return -EIO;

	switch (iomap->type) {
	case IOMAP_DELALLOC:
	case IOMAP_HOLE:
		/* New: what of it is not written has to be zeroed. */
		if (past_eof || !buffer_uptodate(bh))
			set_buffer_new(bh);
		if (iomap->type == IOMAP_DELALLOC) {
			set_buffer_delay(bh);
			set_buffer_mapped(bh);
			set_buffer_uptodate(bh);
		}
		return 0;
	case IOMAP_UNWRITTEN:
		set_buffer_unwritten(bh);
		set_buffer_new(bh);
		break;
	case IOMAP_MAPPED:
		break;
	default:
		WARN_ON_ONCE(1);
		return -EIO;
	}
	if (past_eof || (iomap->flags & IOMAP_F_NEW)) {
		/* A device can shrink under a write, as nothing excludes that. */
		if (S_ISBLK(inode->i_mode))
			return -EIO;
		set_buffer_new(bh);
	}
	bh->b_blocknr = (iomap->addr + pos - iomap->offset) >> inode->i_blkbits;
	set_buffer_mapped(bh);
	return 0;
}

/*
 * Gets @bh, bytes @start to @end of @folio, ready for a write of @from to @to.
 * Returns 1 if it has to be read, which is under way then, or an error.
 */
static int begin_buffer(struct folio *folio, struct buffer_head *bh,
			size_t start, size_t end, size_t from, size_t to,
			const struct iomap *iomap)
{
	struct inode *inode = folio->mapping->host;
	bool in_part = start < from || end > to;

	clear_buffer_new(bh);
	if (!buffer_mapped(bh)) {
		int error = map_buffer(inode, bh, folio_pos(folio) + start,
				       iomap);

		if (error)
			return error;
		if (buffer_new(bh)) {
			/* The device may have cached the block's former life. */
			clean_bdev_bh_alias(bh);
			if (folio_test_uptodate(folio)) {
				clear_buffer_new(bh);
				set_buffer_uptodate(bh);
				mark_buffer_dirty(bh);
			} else if (in_part) {
				folio_zero_segments(folio, to, end, start,
						    from);
			}
			return 0;
		}
	}
	if (folio_test_uptodate(folio)) {
		set_buffer_uptodate(bh);
		return 0;
	}
	if (!in_part || buffer_uptodate(bh) || buffer_delay(bh) ||
	    buffer_unwritten(bh))
		return 0;
	bh_read_nowait(bh, 0);
	return 1;
}

int iomap_rs_buffers_write_begin(struct folio *folio, loff_t pos, size_t len,
				 const struct iomap *iomap)
{
	size_t from = offset_in_folio(folio, pos);
	size_t to = from + len;
	/* A write covers all buffers but the first and the last wholly. */
	struct buffer_head *being_read[2];
	struct buffer_head *head, *bh;
	unsigned int reads = 0;
	size_t start = 0;
	int error = 0;

	head = folio_buffers(folio);
	if (!head)
		head = create_empty_buffers(folio,
					    i_blocksize(folio->mapping->host),
					    0);
	bh = head;
	do {
		size_t end = start + bh->b_size;

		if (end > from && start < to) {
			error = begin_buffer(folio, bh, start, end, from, to,
					     iomap);
			if (error < 0)
				break;
			if (error && !WARN_ON_ONCE(reads == 2))
				being_read[reads++] = bh;
			error = 0;
		} else if (folio_test_uptodate(folio)) {
			set_buffer_uptodate(bh);
		}
		start = end;
		bh = bh->b_this_page;
	} while (bh != head);

	while (reads) {
		bh = being_read[--reads];
		wait_on_buffer(bh);
		if (!buffer_uptodate(bh))
			error = -EIO;
	}
	if (error)
		folio_zero_new_buffers(folio, from, to);
	return error;
}
