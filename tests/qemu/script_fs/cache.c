// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache of a file. There is no buffered I/O here: a test asks for
 * folios in a certain state (dirty, not releasable, partly up to date) to see
 * how direct I/O and SEEK_DATA deal with them. Page 0 holds the file's data
 * page, which also makes a swap header possible; all others are zero.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/swap.h>
#include <linux/writeback.h>
#include "script_fs.h"

/* folio->private of a folio that the script has marked, otherwise not set */
#define SCRIPT_FOLIO_BUSY	BIT(0)	/* release_folio refuses */
#define SCRIPT_FOLIO_BLOCKS	1	/* shift of the up-to-date blocks' bits */

static void script_fill_folio(struct folio *folio)
{
	const struct script_file *file = script_file(folio->mapping->host);

	if (folio->index == 0)
		memcpy_to_folio(folio, 0, file->data, PAGE_SIZE);
	else
		folio_zero_range(folio, 0, folio_size(folio));
	folio_mark_uptodate(folio);
}

static int script_read_folio(struct file *unused, struct folio *folio)
{
	script_fill_folio(folio);
	folio_unlock(folio);
	return 0;
}

static int script_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct script_file *file = script_file(mapping->host);
	struct folio *folio = NULL;
	int error = 0;

	script_log(file->log, "writepages start=%lld end=%lld ret=%d", wbc->range_start,
		   wbc->range_end, file->script.writeback_error);
	if (file->script.writeback_error)
		return file->script.writeback_error;

	/* There is nowhere to write to: clean is all that a folio becomes. */
	while ((folio = writeback_iter(mapping, wbc, folio, &error))) {
		folio_start_writeback(folio);
		folio_unlock(folio);
		folio_end_writeback(folio);
	}
	return error;
}

static bool script_release_folio(struct folio *folio, gfp_t gfp)
{
	if ((unsigned long)folio_get_private(folio) & SCRIPT_FOLIO_BUSY)
		return false;
	folio_detach_private(folio);
	return true;
}

static void script_invalidate_folio(struct folio *folio, size_t offset, size_t length)
{
	if (offset == 0 && length == folio_size(folio))
		folio_detach_private(folio);
}

static bool script_is_partially_uptodate(struct folio *folio, size_t from, size_t count)
{
	unsigned long blocks = (unsigned long)folio_get_private(folio) >> SCRIPT_FOLIO_BLOCKS;
	unsigned int blkbits = folio->mapping->host->i_blkbits;
	size_t last = min(from + count, folio_size(folio)) - 1;
	size_t block;

	for (block = from >> blkbits; block <= last >> blkbits; block++)
		if (!(blocks & BIT(block)))
			return false;
	return true;
}

const struct address_space_operations script_aops = {
	.bmap			= script_bmap,
	.dirty_folio		= filemap_dirty_folio,
	.invalidate_folio	= script_invalidate_folio,
	.is_partially_uptodate	= script_is_partially_uptodate,
	.migrate_folio		= filemap_migrate_folio,
	.read_folio		= script_read_folio,
	.release_folio		= script_release_folio,
	.swap_activate		= script_swap_activate,
	.writepages		= script_writepages,
};

/*
 * Put a folio into the page cache. With some bits in blocks only those blocks
 * count as up to date, without any the whole folio does.
 */
int script_cache_folio(struct inode *inode, pgoff_t index, bool dirty, bool busy,
		       unsigned long blocks)
{
	unsigned long state = blocks << SCRIPT_FOLIO_BLOCKS | (busy ? SCRIPT_FOLIO_BUSY : 0);
	struct folio *folio;

	folio = filemap_grab_folio(inode->i_mapping, index);
	if (IS_ERR(folio))
		return PTR_ERR(folio);

	if (!blocks && !folio_test_uptodate(folio))
		script_fill_folio(folio);
	if (state && !folio_test_private(folio))
		folio_attach_private(folio, (void *)state);
	if (dirty)
		folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}
