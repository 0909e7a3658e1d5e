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

#include <linux/elf.h>
#include <linux/ftrace.h>
#include <linux/kernel_read_file.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>
#include <generated/utsrelease.h>
#include <generated/utsversion.h>

#include "live.h"
/* Generated from vmlinux: IOMAP_RS_BUILD_ID, if there is one. */
#include <live_build_id.h>

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

#ifdef IOMAP_RS_BUILD_ID
#define NOTES "/sys/kernel/notes"
#define NOTE_BUILD_ID 3

/* Is this ELF note, which is whole, the build ID of the kernel that this is for? */
static bool is_build_id(const struct elf_note *note)
{
	const char *name = (const char *)(note + 1);
	const char *id = name + ALIGN(note->n_namesz, 4);
	char text[sizeof(IOMAP_RS_BUILD_ID)] = "";

	if (note->n_type != NOTE_BUILD_ID || note->n_namesz != sizeof("GNU") ||
	    memcmp(name, "GNU", sizeof("GNU")) ||
	    2 * (size_t)note->n_descsz != sizeof(text) - 1)
		return false;
	*bin2hex(text, id, note->n_descsz) = '\0';
	return !strcmp(text, IOMAP_RS_BUILD_ID);
}

static bool have_build_id(const void *notes, size_t size)
{
	const struct elf_note *note;
	size_t length;

	for (; size >= sizeof(*note); notes += length, size -= length) {
		note = notes;
		length = sizeof(*note) + ALIGN((size_t)note->n_namesz, 4) +
			 ALIGN((size_t)note->n_descsz, 4);
		if (length > size)
			return false;
		if (is_build_id(note))
			return true;
	}
	return false;
}

/* Two builds may have one version, if it was given to them. */
static int check_build(void)
{
	void *notes = NULL;
	ssize_t size = kernel_read_file_from_path(NOTES, 0, &notes, INT_MAX,
						  NULL, READING_UNKNOWN);
	bool same;

	if (size < 0) {
		pr_err("cannot tell which kernel this is: " NOTES " cannot be read, error %zd\n",
		       size);
		return size;
	}
	same = have_build_id(notes, size);
	vfree(notes);
	if (!same) {
		pr_err("built for the kernel with build ID " IOMAP_RS_BUILD_ID ", which this is not: build it for this kernel\n");
		return -EINVAL;
	}
	return 0;
}
#else
static int check_build(void)
{
	return 0;
}
#endif

static void seen(unsigned long ip, unsigned long parent_ip,
		 struct ftrace_ops *ops, struct ftrace_regs *regs)
{
}

/* Has @probe see the functions for a moment, if ftrace lets it. */
static int try_probe(struct ftrace_ops *probe, const struct klp_func *functions)
{
	const struct klp_func *function;
	int ret = 0;

	for (function = functions; function->old_name; function++) {
		ret = ftrace_set_filter_ip(probe,
					   (unsigned long)function->old_func,
					   0, 0);
		if (ret) {
			pr_err("%s() cannot be patched: error %d\n",
			       function->old_name, ret);
			goto out;
		}
	}
	ret = register_ftrace_function(probe);
	if (!ret)
		ret = unregister_ftrace_function(probe);
	else if (ret != -EBUSY)
		pr_err("functions cannot be patched: error %d\n", ret);
out:
	ftrace_free_filter(probe);
	return ret;
}

/* What lasts is refused while ftrace is off, by the error that others mean, too. */
static int check_ftrace(const struct klp_func *functions)
{
	static struct ftrace_ops probe = {
		.func = seen,
		.flags = FTRACE_OPS_FL_PERMANENT
	};
	int ret = try_probe(&probe, functions);

	if (ret == -EBUSY)
		pr_err("ftrace is off, by which functions are redirected: switch it on first (sysctl kernel.ftrace_enabled=1)\n");
	return ret;
}

/*
 * Livepatches stack: the last one wins, silently. But of what redirects a
 * function there can be one only, which livepatch stands for as a whole: whoever
 * else asks for a function that is patched already is refused.
 */
static int check_redirected(const struct klp_func *functions)
{
	static struct ftrace_ops probe = {
		.func = seen,
		.flags = FTRACE_OPS_FL_IPMODIFY
#ifndef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
			 | FTRACE_OPS_FL_SAVE_REGS
#endif
	};
	int ret = try_probe(&probe, functions);

	if (ret == -EBUSY)
		pr_err("another livepatch has taken functions of iomap: switch it off first (/sys/kernel/livepatch)\n");
	return ret;
}

int iomap_rs_live_check_unpatched(const struct klp_func *functions)
{
	int ret = check_ftrace(functions);

	return ret ?: check_redirected(functions);
}

int iomap_rs_live_check(void)
{
	int ret = check_kernel();

	if (!ret)
		ret = check_build();
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
