// SPDX-License-Identifier: GPL-2.0
/*
 * May this kernel be patched?
 *
 * The two engines share state that no public header describes: requests and
 * states of folios. Their layout is read from the source of the kernel that the
 * module is built for, and compared at compile time. What remains to be shown is
 * that the running kernel is that one, and that nobody else has patched it.
 */
#define pr_fmt(fmt) "iomap_rs_live: " fmt

#include <linux/ftrace.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/utsname.h>
#include <generated/utsrelease.h>
#include <generated/utsversion.h>

#include "live.h"

bio_end_io_t *iomap_rs_live_dio_end_io;

/* The loader has compared releases, but may be told not to, or be deceived. */
static int check_kernel(void)
{
	const struct new_utsname *running = init_utsname();

	if (strcmp(running->release, UTS_RELEASE) ||
	    strcmp(running->version, UTS_VERSION)) {
		pr_err("built for Linux " UTS_RELEASE " " UTS_VERSION ", but this is %s %s: build it for this kernel\n",
		       running->release, running->version);
		return -EINVAL;
	}
	return 0;
}

static void seen(unsigned long ip, unsigned long parent_ip,
		 struct ftrace_ops *ops, struct ftrace_regs *regs)
{
}

/*
 * Livepatches stack: the last one wins, silently. But of what redirects a
 * function there can be one only, which livepatch stands for as a whole: whoever
 * else asks for a function that is patched already is refused.
 */
int iomap_rs_live_check_unpatched(const struct klp_func *functions)
{
	static struct ftrace_ops probe = {
		.func = seen,
		.flags = FTRACE_OPS_FL_IPMODIFY
#ifndef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
			 | FTRACE_OPS_FL_SAVE_REGS
#endif
	};
	const struct klp_func *function;
	int ret = 0;

	for (function = functions; function->old_name; function++) {
		ret = ftrace_set_filter_ip(&probe,
					   (unsigned long)function->old_func,
					   0, 0);
		if (ret) {
			pr_err("%s() cannot be patched: error %d\n",
			       function->old_name, ret);
			goto out;
		}
	}
	ret = register_ftrace_function(&probe);
	if (!ret)
		ret = unregister_ftrace_function(&probe);
	else if (ret == -EBUSY)
		pr_err("another livepatch has taken functions of iomap: switch it off first (/sys/kernel/livepatch)\n");
	else
		pr_err("functions cannot be patched: error %d\n", ret);
out:
	ftrace_free_filter(&probe);
	return ret;
}

int iomap_rs_live_check(void)
{
	int ret = check_kernel();

	if (ret)
		return ret;
	/*
	 * vmlinux exports it, the module has a function of that name: this is how
	 * to get at the former. vmlinux does not go away: no reference is kept.
	 */
	iomap_rs_live_dio_end_io = __symbol_get("iomap_dio_bio_end_io");
	if (!iomap_rs_live_dio_end_io) {
		pr_err("vmlinux does not export the C engine\n");
		return -ENOENT;
	}
	__symbol_put("iomap_dio_bio_end_io");
	return 0;
}
