// SPDX-License-Identifier: GPL-2.0
/*
 * Exports of the C interface. The functions are Rust, in this directory; their
 * prototypes are those of <linux/iomap.h>.
 */
#include <linux/export.h>
#include <linux/iomap.h>

/* cabi/buffered.rs */
EXPORT_SYMBOL_GPL(iomap_dirty_folio);
EXPORT_SYMBOL_GPL(iomap_file_buffered_write);
EXPORT_SYMBOL_GPL(iomap_file_unshare);
EXPORT_SYMBOL_GPL(iomap_get_folio);
EXPORT_SYMBOL_GPL(iomap_invalidate_folio);
EXPORT_SYMBOL_GPL(iomap_is_partially_uptodate);
EXPORT_SYMBOL_GPL(iomap_page_mkwrite);
EXPORT_SYMBOL_GPL(iomap_read_folio);
EXPORT_SYMBOL_GPL(iomap_readahead);
EXPORT_SYMBOL_GPL(iomap_release_folio);
EXPORT_SYMBOL_GPL(iomap_truncate_page);
EXPORT_SYMBOL_GPL(iomap_write_delalloc_release);
EXPORT_SYMBOL_GPL(iomap_zero_range);

/* cabi/direct.rs */
EXPORT_SYMBOL_GPL(__iomap_dio_rw);
EXPORT_SYMBOL_GPL(iomap_dio_bio_end_io);
EXPORT_SYMBOL_GPL(iomap_dio_complete);
EXPORT_SYMBOL_GPL(iomap_dio_rw);

/* cabi/report.rs */
EXPORT_SYMBOL_GPL(iomap_bmap);
EXPORT_SYMBOL_GPL(iomap_fiemap);
EXPORT_SYMBOL_GPL(iomap_seek_data);
EXPORT_SYMBOL_GPL(iomap_seek_hole);
#ifdef CONFIG_SWAP
EXPORT_SYMBOL_GPL(iomap_swapfile_activate);
#endif

/* cabi/writeback.rs */
EXPORT_SYMBOL_GPL(iomap_finish_ioends);
EXPORT_SYMBOL_GPL(iomap_ioend_try_merge);
EXPORT_SYMBOL_GPL(iomap_sort_ioends);
EXPORT_SYMBOL_GPL(iomap_writepages);
