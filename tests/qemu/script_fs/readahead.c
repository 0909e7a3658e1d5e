// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that have the engine fill folios of a given size, one or a request of
 * several, which the page cache would choose the sizes of by itself.
 */
#include <linux/blkdev.h>
#include <linux/log2.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include "script_fs.h"

int script_cmd_read_folio(struct script_file *file, char *args)
{
	struct address_space *mapping = file->inode->i_mapping;
	u64 pos = 0, size = PAGE_SIZE;
	const struct script_arg list[] = {
		{ .key = "pos", .number = &pos },
		{ .key = "size", .number = &size },
	};
	struct folio *folio;
	int ret;

	ret = script_parse_args(args, list, ARRAY_SIZE(list));
	if (ret)
		return ret;
	folio = __filemap_get_folio(mapping, pos >> PAGE_SHIFT,
				    FGP_LOCK | FGP_CREAT | fgf_set_order(size), GFP_KERNEL);
	if (IS_ERR(folio))
		return PTR_ERR(folio);

	filemap_invalidate_lock_shared(mapping);
	ret = mapping->a_ops->read_folio(NULL, folio);
	filemap_invalidate_unlock_shared(mapping);
	folio_wait_locked(folio);
	script_log(file->log, "read_folio_return ret=%d size=%zu uptodate=%d", ret,
		   folio_size(folio), folio_test_uptodate(folio));
	folio_put(folio);
	return 0;
}

/* Locked folios of the same size, with the reference that the request owns. */
static int script_add_folios(struct address_space *mapping, u64 pos, u64 len, u64 size)
{
	/* As the page cache's own, so that they come from the same free pages. */
	gfp_t gfp = mapping_gfp_mask(mapping);
	struct folio *folio;
	u64 end = pos + len;
	int error;

	for (; pos < end; pos += size) {
		folio = filemap_alloc_folio(gfp, ilog2(size) - PAGE_SHIFT);
		if (!folio)
			return -ENOMEM;
		error = filemap_add_folio(mapping, folio, pos >> PAGE_SHIFT, GFP_KERNEL);
		if (error) {
			folio_put(folio);
			return error;
		}
	}
	return 0;
}

static void script_wait_for_folios(struct address_space *mapping, u64 pos, u64 len)
{
	struct folio *folio;
	u64 end = pos + len;

	for (; pos < end; pos += PAGE_SIZE) {
		folio = filemap_get_folio(mapping, pos >> PAGE_SHIFT);
		if (IS_ERR(folio))
			continue;
		folio_wait_locked(folio);
		folio_put(folio);
	}
}

int script_cmd_readahead(struct script_file *file, char *args)
{
	struct address_space *mapping = file->inode->i_mapping;
	u64 pos = 0, len = PAGE_SIZE, size = PAGE_SIZE, take = 0;
	const struct script_arg list[] = {
		{ .key = "pos", .number = &pos },
		{ .key = "len", .number = &len },
		{ .key = "size", .number = &size },
		{ .key = "take", .number = &take },
	};
	unsigned int nofs, left = 0;
	struct blk_plug plug;
	struct folio *folio;
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	if (!is_power_of_2(size) || size < PAGE_SIZE || pos % size || len % size)
		return -EINVAL;

	filemap_invalidate_lock_shared(mapping);
	error = script_add_folios(mapping, pos, len, size);
	if (!error) {
		DEFINE_READAHEAD(request, NULL, NULL, mapping, pos >> PAGE_SHIFT);

		request._nr_pages = len >> PAGE_SHIFT;
		file->readahead = &request;
		file->take = take;
		nofs = memalloc_nofs_save();
		blk_start_plug(&plug);
		mapping->a_ops->readahead(&request);
		blk_finish_plug(&plug);
		memalloc_nofs_restore(nofs);
		file->readahead = NULL;

		while ((folio = readahead_folio(&request))) {
			folio_unlock(folio);
			left++;
		}
		script_wait_for_folios(mapping, pos, len);
		script_log(file->log, "readahead_return left=%u", left);
	}
	filemap_invalidate_unlock_shared(mapping);
	return error;
}

/* A filesystem that takes folios of a request which the engine is at. */
void script_rob_readahead(struct script_file *file)
{
	struct folio *folio;

	for (; file->readahead && file->take; file->take--) {
		folio = readahead_folio(file->readahead);
		if (folio)
			folio_unlock(folio);
	}
}
