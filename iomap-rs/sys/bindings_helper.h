/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The C headers that the engine stands on, read by bindgen.
 *
 * bindgen_parameters names what is taken from them. Sorted alphabetically.
 */
#include <linux/backing-dev.h>
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fscrypt.h>
#include <linux/iomap.h>
#include <linux/list_sort.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

/* Found by -I: fs/internal.h and fs/iomap/trace.h of the kernel. */
#include <internal.h>
#include <trace.h>

#include "helpers.h"
#ifdef IOMAP_RS_LIVE
#include "../cabi/live.h"
#endif
#include "trace_calls.h"
/* Generated from fs/iomap/*.c. */
#include <private_layouts.h>

/* Macros with casts or enum arithmetic, which bindgen does not evaluate. */
const size_t IOMAP_RS_CONST_PAGE_SIZE = PAGE_SIZE;
const gfp_t IOMAP_RS_CONST_GFP_KERNEL = GFP_KERNEL;
const gfp_t IOMAP_RS_CONST_GFP_NOFS = GFP_NOFS;
const gfp_t IOMAP_RS_CONST_GFP_NOWAIT = GFP_NOWAIT;
const gfp_t IOMAP_RS_CONST___GFP_NOFAIL = __GFP_NOFAIL;
const gfp_t IOMAP_RS_CONST___GFP_NORETRY = __GFP_NORETRY;
const gfp_t IOMAP_RS_CONST___GFP_NOWARN = __GFP_NOWARN;
const blk_opf_t IOMAP_RS_CONST_REQ_RAHEAD = REQ_RAHEAD;
const fgf_t IOMAP_RS_CONST_FGP_WRITEBEGIN = FGP_WRITEBEGIN;
const fgf_t IOMAP_RS_CONST_FGP_NOFS = FGP_NOFS;
const fgf_t IOMAP_RS_CONST_FGP_NOWAIT = FGP_NOWAIT;
const unsigned int IOMAP_RS_CONST_PF_MEMALLOC = PF_MEMALLOC;
const unsigned int IOMAP_RS_CONST_PF_KSWAPD = PF_KSWAPD;
const unsigned int IOMAP_RS_CONST_BDP_ASYNC = BDP_ASYNC;
static_assert(FGF_GET_ORDER((__force fgf_t)(1U << 26)) == 1);
const unsigned int IOMAP_RS_CONST_FGF_ORDER_SHIFT = 26;
const blk_opf_t IOMAP_RS_CONST_REQ_SYNC = REQ_SYNC;
const blk_opf_t IOMAP_RS_CONST_REQ_IDLE = REQ_IDLE;
const blk_opf_t IOMAP_RS_CONST_REQ_FUA = REQ_FUA;
const blk_opf_t IOMAP_RS_CONST_REQ_POLLED = REQ_POLLED;
const blk_features_t IOMAP_RS_CONST_BLK_FEAT_FUA = BLK_FEAT_FUA;
const blk_features_t IOMAP_RS_CONST_BLK_FEAT_WRITE_CACHE = BLK_FEAT_WRITE_CACHE;
const blk_flags_t IOMAP_RS_CONST_BLK_FLAG_WRITE_CACHE_DISABLED =
	BLK_FLAG_WRITE_CACHE_DISABLED;
/* Does not fit what bindgen takes a constant for; mapping.rs has it. */
static_assert(IOMAP_NULL_ADDR == U64_MAX);
const u16 IOMAP_RS_CONST_IOMAP_F_BUFFER_HEAD = IOMAP_F_BUFFER_HEAD;
const unsigned int IOMAP_RS_CONST_IOMAP_DAX = IOMAP_DAX;
const int IOMAP_RS_CONST_IOCB_HIPRI = IOCB_HIPRI;
const int IOMAP_RS_CONST_IOCB_DSYNC = IOCB_DSYNC;
const int IOMAP_RS_CONST_IOCB_SYNC = IOCB_SYNC;
const int IOMAP_RS_CONST_IOCB_NOWAIT = IOCB_NOWAIT;
const int IOMAP_RS_CONST_IOCB_DIO_CALLER_COMP = IOCB_DIO_CALLER_COMP;
const unsigned long IOMAP_RS_CONST_SB_SYNCHRONOUS = SB_SYNCHRONOUS;
const vm_fault_t IOMAP_RS_CONST_VM_FAULT_LOCKED = VM_FAULT_LOCKED;
