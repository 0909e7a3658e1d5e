/* SPDX-License-Identifier: GPL-2.0 */
/*
 * script_fs: a filesystem that answers the iomap engine from a script.
 *
 * It owns no on-disk format. Each of its files answers every engine hook
 * (iomap_begin, iomap_end, submit_io, end_io, ...) with what a test wrote into
 * debugfs before, right or wrong, and logs each call with its arguments. The
 * language is described in README.md.
 */
#ifndef SCRIPT_FS_H
#define SCRIPT_FS_H

#include <linux/bio.h>
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/mutex.h>
#include <linux/seq_buf.h>
#include <linux/pagemap.h>
#include <linux/spinlock.h>
#include <linux/tracepoint-defs.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define SCRIPT_FILES	8	/* file0 to file7 */
#define SCRIPT_ENTRIES	32	/* of each list in a script */
#define SCRIPT_LOG_SIZE	(128 * 1024)
#define SCRIPT_COOKIE	0x5c12	/* validity_cookie of mappings with folio hooks */

struct dentry;

/* One mapping as the script spells it. */
struct script_map {
	u64 addr;
	loff_t offset;
	u64 length;
	u16 type;
	u16 flags;
	unsigned int bdev;	/* 0: the mounted device, 1: the bdev2= one, 2: none */
	unsigned int data_offset;	/* of inline data in the data page */
	bool no_data;		/* leave inline_data NULL */
};

/* What one call of iomap_begin, or of map_blocks, returns. */
struct script_answer {
	int ret;		/* not 0 of map_blocks, negative of both: no mapping is filled */
	bool lookup;		/* take the mapping from the extent table */
	bool keep;		/* map_blocks: leave the mapping that is there */
	struct script_map map;
	struct script_map src;	/* type 0, a hole, means no source */
};

/* What one call of iomap_end does. */
struct script_end {
	int ret;
	bool written;		/* return the written count, like erofs */
	bool stale;		/* mark the mapping stale */
	bool release;		/* give reserved space behind what was written back */
	u64 length;		/* not 0: shrink the mapping to this */
};

enum script_bio_action {
	SCRIPT_BIO_SUBMIT,	/* hand it to the block layer */
	SCRIPT_BIO_COMPLETE,	/* complete it without any I/O */
	SCRIPT_BIO_HOLD,	/* keep it until "release" or a delay */
};

/* What submit_io does with one bio. */
struct script_bio {
	enum script_bio_action action;
	int error;		/* status of SCRIPT_BIO_COMPLETE */
	unsigned int delay;	/* of SCRIPT_BIO_HOLD: ms, 0 for no limit */
};

/* What get_folio does in one call. */
struct script_get {
	int ret;		/* negative: fail */
	bool null;		/* return no folio at all */
	bool wait;		/* have it, but wait for "go" */
	bool shrink;		/* and cut the mapping to one byte */
};

/* What iomap_valid says in so many calls. */
struct script_valid {
	bool no;
	unsigned int times;
};

/* What prepare_ioend does with one ioend. */
struct script_prepare {
	bool value;		/* return ret instead of the error passed in */
	int ret;
	bool quiet;		/* have the engine log no error of it */
};

enum script_end_io_result {
	SCRIPT_END_IO_KEEP,	/* return the error that was passed in */
	SCRIPT_END_IO_SIZE,	/* return the size, like ext4 */
	SCRIPT_END_IO_VALUE,	/* return a scripted value */
};

/* All that a test dictates; zero is the sane default. */
struct script {
	/* Where iomap_begin looks when its list of answers is used up. */
	struct script_map extents[SCRIPT_ENTRIES];
	unsigned int nr_extents;

	/* Answers consumed call by call. */
	struct script_answer answers[SCRIPT_ENTRIES];
	unsigned int nr_answers, next_answer;
	struct script_end ends[SCRIPT_ENTRIES];
	unsigned int nr_ends, next_end;
	struct script_bio bios[SCRIPT_ENTRIES];
	unsigned int nr_bios, next_bio;
	struct script_get gets[SCRIPT_ENTRIES];
	unsigned int nr_gets, next_get;
	struct script_valid valids[SCRIPT_ENTRIES];
	unsigned int nr_valids, next_valid;
	struct script_answer maps[SCRIPT_ENTRIES];
	unsigned int nr_maps, next_map;
	struct script_prepare prepares[SCRIPT_ENTRIES];
	unsigned int nr_prepares, next_prepare;

	enum script_end_io_result end_io;
	int end_io_value;
	bool end_io_grows;	/* end_io moves i_size, as filesystems do */
	bool end_io_waits;	/* end_io, which may sleep, waits for "go" */

	unsigned int dio_flags;	/* IOMAP_DIO_* for the engine */
	size_t done_before;
	bool split;		/* __iomap_dio_rw(), then iomap_dio_complete() */
	bool nofault;		/* disable page faults on the iov_iter */
	bool caller_comp;	/* offer completion in the caller's context */

	int fsync_error;
	int writeback_error;

	/* How the page cache runs, see the command "buffered". */
	bool buffered;		/* on the engine; else as cache.c has it */
	bool own_ioends;	/* ioends that have ended wait for "finish" */
};

/* One file of the mounted filesystem, alive as long as the mount. */
struct script_file {
	struct inode *inode;
	struct script_log *log;
	struct block_device *bdevs[3];	/* indexed by script_map::bdev */
	void *data;			/* one page: inline data, page 0 of the cache */

	struct mutex control;	/* serialises writers of the script */
	spinlock_t lock;	/* guards script, held and probe; any context */
	struct script script;
	struct bio_list held;
	struct page *probe;	/* first page of the last bio with user data */
	struct delayed_work release;

	/* Built from the script, so that hooks can be left out. */
	struct iomap_ops ops;
	struct iomap_dio_ops dio_ops;
	bool no_dio_ops;
	bool folio_hooks;	/* mappings come with folio_ops */
	struct iomap_folio_ops folio_ops;
	struct iomap_writeback_ops writeback_ops;

	struct list_head ioends;	/* have ended, guarded by lock */
	unsigned int ioends_open;	/* have not, guarded by lock */
	wait_queue_head_t ioends_wait;

	/* Where hooks wait for "go". */
	wait_queue_head_t gate;
	bool gate_closed;
	unsigned int gated_mkwrites;	/* page_mkwrite waits so many times */

	struct folio *locked;	/* by the command "lock" */

	/* The request of the command "readahead", and how many folios to rob it of. */
	struct readahead_control *readahead;
	unsigned int take;
};

/* Passed through the engine as iomap_iter::private. */
struct script_call {
	struct script_file *file;
	struct kiocb *iocb;
};

struct script_log {
	spinlock_t lock;	/* taken in any context */
	size_t len;
	bool overflow;
	char text[SCRIPT_LOG_SIZE];
};

struct script_sb {
	struct script_file files[SCRIPT_FILES];
	struct script_log log;
	struct file *bdev2;
	struct dentry *debugfs;
};

static inline struct script_file *script_file(const struct inode *inode)
{
	return inode->i_private;
}

/* names.c: flag and type names, the same in scripts and in the log */
extern const struct trace_print_flags script_type_names[];
extern const struct trace_print_flags script_map_flags[];
extern const struct trace_print_flags script_op_flags[];
extern const struct trace_print_flags script_dio_flags[];
extern const struct trace_print_flags script_end_io_flags[];
extern const struct trace_print_flags script_bio_flags[];
void script_print_name(struct seq_buf *line, const char *key, unsigned long value,
		       const struct trace_print_flags *names);
void script_print_flags(struct seq_buf *line, const char *key, unsigned long flags,
			const struct trace_print_flags *names);
int script_parse_name(const char *text, const struct trace_print_flags *names, u16 *value);
int script_parse_flags(char *text, const struct trace_print_flags *names, u16 *flags);

/* log.c */
void script_log_line(struct script_log *log, struct seq_buf *line);
__printf(2, 3) void script_log(struct script_log *log, const char *fmt, ...);
extern const struct file_operations script_log_fops;

/* parse.c */
struct script_arg {
	const char *key;
	u64 *number;		/* set by key=number */
	bool *flag;		/* set by key alone */
};

char *script_word(char **args, char **value);
int script_parse_args(char *args, const struct script_arg *list, size_t count);
int script_parse_int(const char *value, int *number);
int script_parse_ulong(const char *value, unsigned long *number);
int script_parse_bio(char *args, struct script_bio *bio);
int script_cmd_answer(struct script_file *file, char *args);
int script_cmd_bio(struct script_file *file, char *args);
int script_cmd_end(struct script_file *file, char *args);
int script_cmd_extent(struct script_file *file, char *args);
int script_cmd_get_folio(struct script_file *file, char *args);
int script_cmd_map(struct script_file *file, char *args);
int script_cmd_prepare(struct script_file *file, char *args);
int script_cmd_valid(struct script_file *file, char *args);

/* command.c */
int script_run_command(struct script_file *file, char *line);
void script_reset(struct script_file *file);

/* control.c */
extern struct dentry *script_debugfs;
void script_control_init(struct script_sb *sbi, const char *name);

/* mapping.c */
void script_lookup(const struct script *script, loff_t pos, loff_t length,
		   struct script_map *map);
void script_fill(const struct script_file *file, const struct script_map *map,
		 struct iomap *iomap);
void script_print_map(struct seq_buf *line, const struct iomap *iomap);
int script_iomap_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
		       struct iomap *iomap, struct iomap *srcmap);
int script_iomap_end(struct inode *inode, loff_t pos, loff_t length, ssize_t written,
		     unsigned int flags, struct iomap *iomap);

/* direct.c */
extern struct bio_set script_bio_set;
ssize_t script_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t script_write_iter(struct kiocb *iocb, struct iov_iter *from);
int script_end_io(struct kiocb *iocb, ssize_t size, int error, unsigned int flags);
void script_submit_io(const struct iomap_iter *iter, struct bio *bio, loff_t pos);
void script_release_bios(struct script_file *file, const struct script_bio *how);
void script_release_work(struct work_struct *work);

void script_log_return(struct script_file *file, const char *call, ssize_t ret,
		       struct kiocb *iocb, struct iov_iter *iter);
int script_lock(struct kiocb *iocb, struct inode *inode, bool write);

/* report.c */
int script_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len);
sector_t script_bmap(struct address_space *mapping, sector_t block);
loff_t script_llseek(struct file *file, loff_t offset, int whence);
int script_swap_activate(struct swap_info_struct *sis, struct file *file, sector_t *span);

/* cache.c */
extern const struct address_space_operations script_aops;
int script_cache_folio(struct inode *inode, pgoff_t index, bool dirty, bool busy,
		       unsigned long blocks);

/* buffered.c */
extern const struct address_space_operations script_engine_aops;
ssize_t script_buffered_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t script_buffered_write(struct kiocb *iocb, struct iov_iter *from);
int script_mmap(struct file *file, struct vm_area_struct *vma);
int script_cmd_buffered(struct script_file *file, char *args);
void script_buffered_reset(struct script_file *file);

/* buffers.c */
extern const struct address_space_operations script_buffer_aops;

/* folio.c */
extern const struct iomap_folio_ops script_folio_ops;
void script_wait_at_gate(struct script_file *file);
void script_open_gate(struct script_file *file);
int script_cmd_gate(struct script_file *file, char *args);
int script_cmd_go(struct script_file *file, char *args);
int script_cmd_dirty(struct script_file *file, char *args);
int script_cmd_drop(struct script_file *file, char *args);
int script_cmd_folio(struct script_file *file, char *args);
int script_cmd_folios(struct script_file *file, char *args);
int script_cmd_invalidate(struct script_file *file, char *args);
int script_cmd_lock(struct script_file *file, char *args);
int script_cmd_unlock(struct script_file *file, char *args);
void script_unlock_held(struct script_file *file);

/* operate.c */
void script_release_delalloc(struct script_file *file, loff_t start, loff_t end,
			     unsigned int flags, struct iomap *iomap);
int script_cmd_punch(struct script_file *file, char *args);
int script_cmd_truncate(struct script_file *file, char *args);
int script_cmd_truncate_page(struct script_file *file, char *args);
int script_cmd_unshare(struct script_file *file, char *args);
int script_cmd_zero(struct script_file *file, char *args);

/* readahead.c */
void script_rob_readahead(struct script_file *file);
int script_cmd_read_folio(struct script_file *file, char *args);
int script_cmd_readahead(struct script_file *file, char *args);

/* symbols.c */
int script_cmd_ftrace_enabled(struct script_file *file, char *args);
int script_cmd_walk(struct script_file *file, char *args);

/* writeback.c */
extern const struct iomap_writeback_ops script_writeback_ops;
int script_engine_writepages(struct address_space *mapping, struct writeback_control *wbc);
void script_finish_ioends(struct script_file *file, bool sort, bool merge, int error);
int script_cmd_finish(struct script_file *file, char *args);
int script_cmd_write_back(struct script_file *file, char *args);

#endif /* SCRIPT_FS_H */
