// SPDX-License-Identifier: GPL-2.0
/*
 * Buffered I/O on the engine: the page cache operations, read_iter, write_iter
 * and mmap of files for which the script says "buffered". What the engine is
 * asked by memory management is logged here, what it asks of a filesystem in
 * mapping.c, folio.c and writeback.c.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/string.h>
#include <linux/uio.h>
#include "script_fs.h"

static int script_engine_read_folio(struct file *unused, struct folio *folio)
{
	struct script_file *file = script_file(folio->mapping->host);

	script_log(file->log, "read_folio pos=%lld size=%zu", folio_pos(folio),
		   folio_size(folio));
	return iomap_read_folio(folio, &file->ops);
}

static void script_engine_readahead(struct readahead_control *rac)
{
	struct script_file *file = script_file(rac->mapping->host);

	script_log(file->log, "readahead pos=%lld len=%zu", readahead_pos(rac),
		   readahead_length(rac));
	iomap_readahead(rac, &file->ops);
}

static bool script_engine_dirty_folio(struct address_space *mapping, struct folio *folio)
{
	struct script_file *file = script_file(mapping->host);
	loff_t pos = folio_pos(folio);
	bool newly = iomap_dirty_folio(mapping, folio);

	script_log(file->log, "dirty_folio pos=%lld ret=%d", pos, newly);
	return newly;
}

static bool script_engine_release_folio(struct folio *folio, gfp_t gfp)
{
	struct script_file *file = script_file(folio->mapping->host);
	bool released = iomap_release_folio(folio, gfp);

	script_log(file->log, "release_folio pos=%lld ret=%d", folio_pos(folio), released);
	return released;
}

static void script_engine_invalidate_folio(struct folio *folio, size_t offset, size_t len)
{
	struct script_file *file = script_file(folio->mapping->host);

	script_log(file->log, "invalidate_folio pos=%lld offset=%zu len=%zu",
		   folio_pos(folio), offset, len);
	iomap_invalidate_folio(folio, offset, len);
}

static bool script_engine_is_partially_uptodate(struct folio *folio, size_t from, size_t count)
{
	struct script_file *file = script_file(folio->mapping->host);
	bool uptodate = iomap_is_partially_uptodate(folio, from, count);

	script_log(file->log, "is_partially_uptodate pos=%lld from=%zu count=%zu ret=%d",
		   folio_pos(folio), from, count, uptodate);
	return uptodate;
}

const struct address_space_operations script_engine_aops = {
	.bmap			= script_bmap,
	.dirty_folio		= script_engine_dirty_folio,
	.invalidate_folio	= script_engine_invalidate_folio,
	.is_partially_uptodate	= script_engine_is_partially_uptodate,
	.migrate_folio		= filemap_migrate_folio,
	.read_folio		= script_engine_read_folio,
	.readahead		= script_engine_readahead,
	.release_folio		= script_engine_release_folio,
	.swap_activate		= script_swap_activate,
	.writepages		= script_engine_writepages,
};

ssize_t script_buffered_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	if (!script_file(inode)->script.buffered)
		return -EOPNOTSUPP;
	ret = script_lock(iocb, inode, false);
	if (ret)
		return ret;
	ret = generic_file_read_iter(iocb, to);
	inode_unlock_shared(inode);
	return ret;
}

/* Without any sync, O_SYNC or not: that the engine does none shows in the log. */
ssize_t script_buffered_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct script_file *file = script_file(inode);
	struct script_call call = { .file = file, .iocb = iocb };
	ssize_t ret;

	if (!file->script.buffered)
		return -EOPNOTSUPP;
	ret = script_lock(iocb, inode, true);
	if (ret)
		return ret;
	from->nofault = file->script.nofault;
	script_log(file->log, "write pos=%lld count=%zu", iocb->ki_pos, iov_iter_count(from));
	ret = iomap_file_buffered_write(iocb, from, &file->ops, &call);
	script_log_return(file, "return", ret, iocb, from);
	from->nofault = false;
	inode_unlock(inode);
	return ret;
}

static const struct trace_print_flags script_fault_names[] = {
	{ VM_FAULT_OOM,		"oom" },
	{ VM_FAULT_SIGBUS,	"sigbus" },
	{ VM_FAULT_NOPAGE,	"nopage" },
	{ VM_FAULT_LOCKED,	"locked" },
	{ 0, NULL }
};

static vm_fault_t script_page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct script_file *file = script_file(inode);
	struct folio *folio = page_folio(vmf->page);
	DECLARE_SEQ_BUF(line, 128);
	vm_fault_t ret;

	script_log(file->log, "mkwrite index=%lu", vmf->pgoff);
	if (file->gated_mkwrites) {
		file->gated_mkwrites--;
		script_wait_at_gate(file);
	}
	sb_start_pagefault(inode->i_sb);
	filemap_invalidate_lock_shared(inode->i_mapping);
	ret = iomap_page_mkwrite(vmf, &file->ops);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	sb_end_pagefault(inode->i_sb);

	seq_buf_puts(&line, "mkwrite_return");
	script_print_name(&line, "ret", ret, script_fault_names);
	seq_buf_printf(&line, " locked=%d dirty=%d", folio_test_locked(folio),
		       folio_test_dirty(folio));
	script_log_line(file->log, &line);
	return ret;
}

static const struct vm_operations_struct script_vm_ops = {
	.fault		= filemap_fault,
	.map_pages	= filemap_map_pages,
	.page_mkwrite	= script_page_mkwrite,
};

int script_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (!script_file(file_inode(file))->script.buffered)
		return generic_file_mmap(file, vma);
	vma->vm_ops = &script_vm_ops;
	return 0;
}

/* buffered [buffers] [hooks] [large=BYTES] [own] */
int script_cmd_buffered(struct script_file *file, char *args)
{
	struct address_space *mapping = file->inode->i_mapping;
	struct script *script = &file->script;
	bool buffers = false;
	u64 large = 0;
	const struct script_arg list[] = {
		{ .key = "buffers", .flag = &buffers },
		{ .key = "hooks", .flag = &file->folio_hooks },
		{ .key = "large", .number = &large },
		{ .key = "own", .flag = &script->own_ioends },
	};
	int error;

	if (mapping->nrpages)
		return -EBUSY;
	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	if (large > PAGE_SIZE)
		mapping_set_folio_order_range(mapping, 0, ilog2(large) - PAGE_SHIFT);
	mapping->a_ops = buffers ? &script_buffer_aops : &script_engine_aops;
	script->buffered = true;
	return 0;
}

/* For an empty page cache: back to that of cache.c. */
void script_buffered_reset(struct script_file *file)
{
	struct address_space *mapping = file->inode->i_mapping;

	mapping_set_folio_order_range(mapping, 0, 0);
	mapping->a_ops = &script_aops;
}
