// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events of the engine.
 *
 * They are instantiated from the kernel's own fs/iomap/trace.h: system, names,
 * fields and formats are those of the C engine by construction. Rust tests a
 * tracepoint's static key before it calls one of the functions below.
 */
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/uio.h>

#include "trace_calls.h"

/* Found by -I: fs/iomap/trace.h of the kernel. */
#define CREATE_TRACE_POINTS
#include <trace.h>

void iomap_rs_trace_iter(struct iomap_iter *iter, const void *ops,
			 unsigned long caller)
{
	trace_iomap_iter(iter, ops, caller);
}

void iomap_rs_trace_iter_dstmap(struct inode *inode, struct iomap *iomap)
{
	trace_iomap_iter_dstmap(inode, iomap);
}

void iomap_rs_trace_iter_srcmap(struct inode *inode, struct iomap *iomap)
{
	trace_iomap_iter_srcmap(inode, iomap);
}

void iomap_rs_trace_dio_rw_begin(struct kiocb *iocb, struct iov_iter *iter,
				 unsigned int dio_flags, size_t done_before)
{
	trace_iomap_dio_rw_begin(iocb, iter, dio_flags, done_before);
}

void iomap_rs_trace_dio_complete(struct kiocb *iocb, int error, ssize_t ret)
{
	trace_iomap_dio_complete(iocb, error, ret);
}

void iomap_rs_trace_dio_invalidate_fail(struct inode *inode, loff_t pos,
					u64 len)
{
	trace_iomap_dio_invalidate_fail(inode, pos, len);
}

void iomap_rs_trace_dio_rw_queued(struct inode *inode, loff_t pos, u64 len)
{
	trace_iomap_dio_rw_queued(inode, pos, len);
}

void iomap_rs_trace_readpage(struct inode *inode, int nr_pages)
{
	trace_iomap_readpage(inode, nr_pages);
}

void iomap_rs_trace_readahead(struct inode *inode, int nr_pages)
{
	trace_iomap_readahead(inode, nr_pages);
}

void iomap_rs_trace_writepage(struct inode *inode, loff_t pos, u64 len)
{
	trace_iomap_writepage(inode, pos, len);
}

void iomap_rs_trace_release_folio(struct inode *inode, loff_t pos, u64 len)
{
	trace_iomap_release_folio(inode, pos, len);
}

void iomap_rs_trace_invalidate_folio(struct inode *inode, loff_t pos, u64 len)
{
	trace_iomap_invalidate_folio(inode, pos, len);
}

void iomap_rs_trace_writepage_map(struct inode *inode, u64 pos,
				  unsigned int dirty_len,
				  struct iomap *iomap)
{
	trace_iomap_writepage_map(inode, pos, dirty_len, iomap);
}
