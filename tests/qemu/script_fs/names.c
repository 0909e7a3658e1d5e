// SPDX-License-Identifier: GPL-2.0
/*
 * The names of flags and types: one set of tables for the script parser and
 * for the log, so that a test reads back the words it wrote.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include "script_fs.h"

const struct trace_print_flags script_type_names[] = {
	{ IOMAP_HOLE,		"hole" },
	{ IOMAP_DELALLOC,	"delalloc" },
	{ IOMAP_MAPPED,		"mapped" },
	{ IOMAP_UNWRITTEN,	"unwritten" },
	{ IOMAP_INLINE,		"inline" },
	{ 0, NULL }
};

const struct trace_print_flags script_map_flags[] = {
	{ IOMAP_F_NEW,		"new" },
	{ IOMAP_F_DIRTY,	"dirty" },
	{ IOMAP_F_SHARED,	"shared" },
	{ IOMAP_F_MERGED,	"merged" },
	{ IOMAP_F_BUFFER_HEAD,	"bh" },
	{ IOMAP_F_XATTR,	"xattr" },
	{ IOMAP_F_SIZE_CHANGED,	"size_changed" },
	{ IOMAP_F_STALE,	"stale" },
	{ 0, NULL }
};

const struct trace_print_flags script_op_flags[] = {
	{ IOMAP_WRITE,		"write" },
	{ IOMAP_ZERO,		"zero" },
	{ IOMAP_REPORT,		"report" },
	{ IOMAP_FAULT,		"fault" },
	{ IOMAP_DIRECT,		"direct" },
	{ IOMAP_NOWAIT,		"nowait" },
	{ IOMAP_OVERWRITE_ONLY,	"overwrite_only" },
	{ IOMAP_UNSHARE,	"unshare" },
	{ 0, NULL }
};

const struct trace_print_flags script_dio_flags[] = {
	{ IOMAP_DIO_FORCE_WAIT,		"force_wait" },
	{ IOMAP_DIO_OVERWRITE_ONLY,	"overwrite_only" },
	{ IOMAP_DIO_PARTIAL,		"partial" },
	{ 0, NULL }
};

/* end_io may also see bits that belong to the engine: not printed. */
const struct trace_print_flags script_end_io_flags[] = {
	{ IOMAP_DIO_UNWRITTEN,	"unwritten" },
	{ IOMAP_DIO_COW,	"cow" },
	{ 0, NULL }
};

const struct trace_print_flags script_bio_flags[] = {
	{ (__force unsigned long)REQ_SYNC,	"sync" },
	{ (__force unsigned long)REQ_IDLE,	"idle" },
	{ (__force unsigned long)REQ_FUA,	"fua" },
	{ (__force unsigned long)REQ_PREFLUSH,	"preflush" },
	{ (__force unsigned long)REQ_NOWAIT,	"nowait" },
	{ (__force unsigned long)REQ_POLLED,	"polled" },
	{ (__force unsigned long)REQ_BACKGROUND, "background" },
	{ 0, NULL }
};

/* Append " key=name", or the number where it has no name. */
void script_print_name(struct seq_buf *line, const char *key, unsigned long value,
		       const struct trace_print_flags *names)
{
	for (; names->name; names++) {
		if (names->mask == value) {
			seq_buf_printf(line, " %s=%s", key, names->name);
			return;
		}
	}
	seq_buf_printf(line, " %s=%lu", key, value);
}

/* Append " key=a|b", or "-" where no known flag is set. */
void script_print_flags(struct seq_buf *line, const char *key, unsigned long flags,
			const struct trace_print_flags *names)
{
	const char *separator = "";

	seq_buf_printf(line, " %s=", key);
	for (; names->name; names++) {
		if (!(flags & names->mask))
			continue;
		seq_buf_printf(line, "%s%s", separator, names->name);
		separator = "|";
	}
	if (!*separator)
		seq_buf_puts(line, "-");
}

/* A name of the table or any number: tests need wrong values as well. */
int script_parse_name(const char *text, const struct trace_print_flags *names, u16 *value)
{
	for (; names->name; names++) {
		if (!strcmp(names->name, text)) {
			*value = names->mask;
			return 0;
		}
	}
	return kstrtou16(text, 0, value);
}

int script_parse_flags(char *text, const struct trace_print_flags *names, u16 *flags)
{
	char *word;
	u16 flag;
	int error;

	*flags = 0;
	while ((word = strsep(&text, "|"))) {
		error = script_parse_name(word, names, &flag);
		if (error)
			return error;
		*flags |= flag;
	}
	return 0;
}
