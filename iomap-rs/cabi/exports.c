// SPDX-License-Identifier: GPL-2.0
/*
 * Exports of the C interface. The functions are Rust, in this directory; their
 * prototypes are those of <linux/iomap.h>.
 */
#include <linux/export.h>
#include <linux/iomap.h>

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
