/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions that fire the engine's trace events, see trace.c.
 */
#ifndef IOMAP_RS_TRACE_CALLS_H
#define IOMAP_RS_TRACE_CALLS_H

#include <linux/types.h>

struct inode;
struct iomap;
struct iomap_iter;
struct iov_iter;
struct kiocb;

void iomap_rs_trace_iter(struct iomap_iter *iter, const void *ops,
			 unsigned long caller);
void iomap_rs_trace_iter_dstmap(struct inode *inode, struct iomap *iomap);
void iomap_rs_trace_iter_srcmap(struct inode *inode, struct iomap *iomap);
void iomap_rs_trace_dio_rw_begin(struct kiocb *iocb, struct iov_iter *iter,
				 unsigned int dio_flags, size_t done_before);
void iomap_rs_trace_dio_complete(struct kiocb *iocb, int error, ssize_t ret);
void iomap_rs_trace_dio_invalidate_fail(struct inode *inode, loff_t pos,
					u64 len);
void iomap_rs_trace_dio_rw_queued(struct inode *inode, loff_t pos, u64 len);
void iomap_rs_trace_readpage(struct inode *inode, int nr_pages);
void iomap_rs_trace_readahead(struct inode *inode, int nr_pages);
void iomap_rs_trace_writepage(struct inode *inode, loff_t pos, u64 len);
void iomap_rs_trace_release_folio(struct inode *inode, loff_t pos, u64 len);
void iomap_rs_trace_invalidate_folio(struct inode *inode, loff_t pos, u64 len);
void iomap_rs_trace_writepage_map(struct inode *inode, u64 pos,
				  unsigned int dirty_len,
				  struct iomap *iomap);

#endif
