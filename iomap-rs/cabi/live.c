// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of iomap_rs_live.ko that take the place of the C engine's.
 *
 * Instead of exporting the engine's functions under the names of the C ones, as
 * exports.c does, this has livepatch redirect the C functions, in vmlinux, to
 * them: callers stay as they are.
 *
 * Livepatch holds that no task is inside of the module when it is switched off,
 * as it looks for the functions below on all stacks. So each has a stack frame as
 * long as it is at work: it must not end in a jump to the engine. What it does
 * after the call, counting it, keeps the compiler from that.
 *
 * What livepatch does not see is a task that was preempted between having been
 * led here and being here. So calls are counted when they begin, too: the
 * module is not left before as many have ended.
 */
#define pr_fmt(fmt) "iomap_rs_live: " fmt

#include <linux/iomap.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/percpu.h>

#include "live.h"

/* Calls that have begun, and those that have ended, maybe on another CPU. */
static DEFINE_PER_CPU(unsigned long, begun);
static DEFINE_PER_CPU(unsigned long, ended);

/* The engine's functions, in Rust, under the names of <linux/iomap.h>. */
#define LIVE(type, name, params, args)					\
	static type live_##name params					\
	{								\
		type ret;						\
									\
		this_cpu_inc(begun);					\
		ret = name args;					\
		this_cpu_inc(ended);					\
		return ret;						\
	}

#define LIVE_VOID(name, params, args)					\
	static void live_##name params					\
	{								\
		this_cpu_inc(begun);					\
		name args;						\
		this_cpu_inc(ended);					\
	}

/* iter.rs */
LIVE(int, iomap_iter,
     (struct iomap_iter *iter, const struct iomap_ops *ops),
     (iter, ops))

/* buffered.rs */
LIVE(bool, iomap_dirty_folio,
     (struct address_space *mapping, struct folio *folio),
     (mapping, folio))
LIVE(ssize_t, iomap_file_buffered_write,
     (struct kiocb *iocb, struct iov_iter *from, const struct iomap_ops *ops,
      void *private),
     (iocb, from, ops, private))
LIVE(int, iomap_file_unshare,
     (struct inode *inode, loff_t pos, loff_t len, const struct iomap_ops *ops),
     (inode, pos, len, ops))
LIVE(struct folio *, iomap_get_folio,
     (struct iomap_iter *iter, loff_t pos, size_t len),
     (iter, pos, len))
LIVE_VOID(iomap_invalidate_folio,
	  (struct folio *folio, size_t offset, size_t len),
	  (folio, offset, len))
LIVE(bool, iomap_is_partially_uptodate,
     (struct folio *folio, size_t from, size_t count),
     (folio, from, count))
LIVE(vm_fault_t, iomap_page_mkwrite,
     (struct vm_fault *vmf, const struct iomap_ops *ops),
     (vmf, ops))
LIVE(int, iomap_read_folio,
     (struct folio *folio, const struct iomap_ops *ops),
     (folio, ops))
LIVE_VOID(iomap_readahead,
	  (struct readahead_control *rac, const struct iomap_ops *ops),
	  (rac, ops))
LIVE(bool, iomap_release_folio,
     (struct folio *folio, gfp_t gfp_flags),
     (folio, gfp_flags))
LIVE(int, iomap_truncate_page,
     (struct inode *inode, loff_t pos, bool *did_zero,
      const struct iomap_ops *ops),
     (inode, pos, did_zero, ops))
LIVE_VOID(iomap_write_delalloc_release,
	  (struct inode *inode, loff_t start, loff_t end, unsigned int flags,
	   struct iomap *iomap, iomap_punch_t punch),
	  (inode, start, end, flags, iomap, punch))
LIVE(int, iomap_zero_range,
     (struct inode *inode, loff_t pos, loff_t len, bool *did_zero,
      const struct iomap_ops *ops),
     (inode, pos, len, did_zero, ops))

/* direct.rs */
LIVE(struct iomap_dio *, __iomap_dio_rw,
     (struct kiocb *iocb, struct iov_iter *iter, const struct iomap_ops *ops,
      const struct iomap_dio_ops *dops, unsigned int dio_flags, void *private,
      size_t done_before),
     (iocb, iter, ops, dops, dio_flags, private, done_before))
LIVE_VOID(iomap_dio_bio_end_io, (struct bio *bio), (bio))
LIVE(ssize_t, iomap_dio_complete, (struct iomap_dio *dio), (dio))
LIVE(ssize_t, iomap_dio_rw,
     (struct kiocb *iocb, struct iov_iter *iter, const struct iomap_ops *ops,
      const struct iomap_dio_ops *dops, unsigned int dio_flags, void *private,
      size_t done_before),
     (iocb, iter, ops, dops, dio_flags, private, done_before))

/* report.rs */
LIVE(sector_t, iomap_bmap,
     (struct address_space *mapping, sector_t bno, const struct iomap_ops *ops),
     (mapping, bno, ops))
LIVE(int, iomap_fiemap,
     (struct inode *inode, struct fiemap_extent_info *fieinfo, u64 start,
      u64 len, const struct iomap_ops *ops),
     (inode, fieinfo, start, len, ops))
LIVE(loff_t, iomap_seek_data,
     (struct inode *inode, loff_t offset, const struct iomap_ops *ops),
     (inode, offset, ops))
LIVE(loff_t, iomap_seek_hole,
     (struct inode *inode, loff_t offset, const struct iomap_ops *ops),
     (inode, offset, ops))
#ifdef CONFIG_SWAP
LIVE(int, iomap_swapfile_activate,
     (struct swap_info_struct *sis, struct file *swap_file, sector_t *span,
      const struct iomap_ops *ops),
     (sis, swap_file, span, ops))
#endif

/* writeback.rs */
LIVE_VOID(iomap_finish_ioends,
	  (struct iomap_ioend *ioend, int error),
	  (ioend, error))
LIVE_VOID(iomap_ioend_try_merge,
	  (struct iomap_ioend *ioend, struct list_head *more_ioends),
	  (ioend, more_ioends))
LIVE_VOID(iomap_sort_ioends, (struct list_head *ioend_list), (ioend_list))
LIVE(int, iomap_writepages,
     (struct address_space *mapping, struct writeback_control *wbc,
      struct iomap_writepage_ctx *wpc, const struct iomap_writeback_ops *ops),
     (mapping, wbc, wpc, ops))

#define PATCHED(name) { .old_name = #name, .new_func = live_##name }

static struct klp_func functions[] = {
	PATCHED(iomap_iter),
	PATCHED(iomap_dirty_folio),
	PATCHED(iomap_file_buffered_write),
	PATCHED(iomap_file_unshare),
	PATCHED(iomap_get_folio),
	PATCHED(iomap_invalidate_folio),
	PATCHED(iomap_is_partially_uptodate),
	PATCHED(iomap_page_mkwrite),
	PATCHED(iomap_read_folio),
	PATCHED(iomap_readahead),
	PATCHED(iomap_release_folio),
	PATCHED(iomap_truncate_page),
	PATCHED(iomap_write_delalloc_release),
	PATCHED(iomap_zero_range),
	PATCHED(__iomap_dio_rw),
	PATCHED(iomap_dio_bio_end_io),
	PATCHED(iomap_dio_complete),
	PATCHED(iomap_dio_rw),
	PATCHED(iomap_bmap),
	PATCHED(iomap_fiemap),
	PATCHED(iomap_seek_data),
	PATCHED(iomap_seek_hole),
#ifdef CONFIG_SWAP
	PATCHED(iomap_swapfile_activate),
#endif
	PATCHED(iomap_finish_ioends),
	PATCHED(iomap_ioend_try_merge),
	PATCHED(iomap_sort_ioends),
	PATCHED(iomap_writepages),
	{ }
};

/* Here the functions have been found, and nothing is redirected yet. */
static int before_patching(struct klp_object *object)
{
	return iomap_rs_live_check_unpatched(functions);
}

static struct klp_object objects[] = {
	{
		.funcs = functions,
		.callbacks = { .pre_patch = before_patching },
	},
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

int iomap_rs_live_patch(void)
{
	int ret = klp_enable_patch(&patch);

	/* It is silent about another patch that is in transition. */
	if (ret)
		pr_err("livepatch refuses: error %d%s\n", ret,
		       ret == -EBUSY ? "; another livepatch is in the way, or in transition" : "");
	return ret;
}

static unsigned long sum_of(unsigned long __percpu *counter)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(counter, cpu));
	return sum;
}

unsigned long iomap_rs_live_inside(void)
{
	/* In this order no call seems to have ended that has not begun. */
	unsigned long out = sum_of(&ended);

	smp_rmb();
	return sum_of(&begun) - out;
}

/* How often the kernel has called the engine, and it has returned. */
static int calls_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%lu\n", sum_of(&ended));
}

static const struct kernel_param_ops calls_ops = { .get = calls_get };

module_param_cb(calls, &calls_ops, NULL, 0444);
MODULE_PARM_DESC(calls, "how often the kernel has called this engine (read only)");
MODULE_INFO(livepatch, "Y");
