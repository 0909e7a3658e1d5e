// SPDX-License-Identifier: GPL-2.0
/*
 * The commands that fill the script's lists of answers. Numbers may be as wrong
 * as a test wants them, only what would break this module itself is refused.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include "script_fs.h"

/* Next word of the line, cut into key and value (NULL where there is no "="). */
char *script_word(char **args, char **value)
{
	char *word;

	do {
		word = strsep(args, " \t");
	} while (word && !*word);
	*value = word;
	if (word)
		strsep(value, "=");
	return word;
}

int script_parse_int(const char *value, int *number)
{
	return value ? kstrtoint(value, 0, number) : -EINVAL;
}

int script_parse_ulong(const char *value, unsigned long *number)
{
	return value ? kstrtoul(value, 0, number) : -EINVAL;
}

static const struct script_arg *script_find_arg(const struct script_arg *list, size_t count,
						const char *key, bool number)
{
	for (; count; list++, count--)
		if (!strcmp(list->key, key) && (number ? !!list->number : !!list->flag))
			return list;
	return NULL;
}

/* For commands whose arguments come in any order, each a word or key=number. */
int script_parse_args(char *args, const struct script_arg *list, size_t count)
{
	const struct script_arg *arg;
	char *key, *value;
	int error;

	while ((key = script_word(&args, &value))) {
		arg = script_find_arg(list, count, key, value);
		if (!arg)
			return -EINVAL;
		if (!value) {
			*arg->flag = true;
			continue;
		}
		error = kstrtou64(value, 0, arg->number);
		if (error)
			return error;
	}
	return 0;
}

static int script_append(struct script_file *file, void *list, unsigned int *count,
			 const void *entry, size_t size)
{
	unsigned long irq;
	int error = 0;

	spin_lock_irqsave(&file->lock, irq);
	if (*count < SCRIPT_ENTRIES)
		memcpy(list + size * (*count)++, entry, size);
	else
		error = -ENOSPC;
	spin_unlock_irqrestore(&file->lock, irq);
	return error;
}

static int script_parse_map_word(struct script_file *file, struct script_map *map,
				 const char *key, char *value)
{
	u64 number;
	int error;

	if (!strcmp(key, "no_data")) {
		map->no_data = true;
		return 0;
	}
	if (!value)
		return -EINVAL;
	if (!strcmp(key, "type"))
		return script_parse_name(value, script_type_names, &map->type);
	if (!strcmp(key, "flags"))
		return script_parse_flags(value, script_map_flags, &map->flags);

	error = kstrtou64(value, 0, &number);
	if (error)
		return error;
	if (!strcmp(key, "offset")) {
		map->offset = number;
	} else if (!strcmp(key, "length")) {
		map->length = number;
	} else if (!strcmp(key, "addr")) {
		map->addr = number;
	} else if (!strcmp(key, "bdev")) {
		if (number >= ARRAY_SIZE(file->bdevs))
			return -ENODEV;
		map->bdev = number;
	} else if (!strcmp(key, "data_offset")) {
		if (number >= PAGE_SIZE)
			return -EINVAL;
		map->data_offset = number;
	} else {
		return -EINVAL;
	}
	return 0;
}

int script_cmd_extent(struct script_file *file, char *args)
{
	struct script *script = &file->script;
	struct script_map map = { .type = IOMAP_MAPPED };
	char *key, *value;
	int error;

	while ((key = script_word(&args, &value))) {
		error = script_parse_map_word(file, &map, key, value);
		if (error)
			return error;
	}
	return script_append(file, script->extents, &script->nr_extents, &map, sizeof(map));
}

static int script_parse_answer(struct script_file *file, char *args,
			       struct script_answer *answer)
{
	struct script_map *map = &answer->map;
	char *key, *value;
	int error = 0;

	map->type = IOMAP_MAPPED;
	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "ret")) {
			error = script_parse_int(value, &answer->ret);
		} else if (!strcmp(key, "lookup")) {
			answer->lookup = true;
		} else if (!strcmp(key, "keep")) {
			answer->keep = true;
		} else if (!strcmp(key, "src")) {
			map = &answer->src;
			map->type = IOMAP_MAPPED;
		} else {
			error = script_parse_map_word(file, map, key, value);
		}
		if (error)
			return error;
	}
	return 0;
}

int script_cmd_answer(struct script_file *file, char *args)
{
	struct script *script = &file->script;
	struct script_answer answer = { };
	int error;

	error = script_parse_answer(file, args, &answer);
	if (error)
		return error;
	return script_append(file, script->answers, &script->nr_answers, &answer,
			     sizeof(answer));
}

int script_cmd_map(struct script_file *file, char *args)
{
	struct script *script = &file->script;
	struct script_answer answer = { };
	int error;

	error = script_parse_answer(file, args, &answer);
	if (error)
		return error;
	return script_append(file, script->maps, &script->nr_maps, &answer, sizeof(answer));
}

int script_cmd_get_folio(struct script_file *file, char *args)
{
	struct script *script = &file->script;
	struct script_get get = { };
	char *key, *value;
	int error = 0;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "ret"))
			error = script_parse_int(value, &get.ret);
		else if (!strcmp(key, "null"))
			get.null = true;
		else if (!strcmp(key, "wait"))
			get.wait = true;
		else if (!strcmp(key, "shrink"))
			get.shrink = true;
		else
			error = -EINVAL;
		if (error)
			return error;
	}
	return script_append(file, script->gets, &script->nr_gets, &get, sizeof(get));
}

int script_cmd_valid(struct script_file *file, char *args)
{
	struct script_valid valid = { };
	struct script *script = &file->script;
	bool yes = false;
	u64 times = 1;
	const struct script_arg list[] = {
		{ .key = "yes", .flag = &yes },
		{ .key = "no", .flag = &valid.no },
		{ .key = "times", .number = &times },
	};
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	valid.times = times;
	return script_append(file, script->valids, &script->nr_valids, &valid, sizeof(valid));
}

int script_cmd_prepare(struct script_file *file, char *args)
{
	struct script_prepare prepare = { };
	struct script *script = &file->script;
	char *key, *value;
	int error = 0;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "ret")) {
			prepare.value = true;
			error = script_parse_int(value, &prepare.ret);
		} else if (!strcmp(key, "quiet")) {
			prepare.quiet = true;
		} else if (strcmp(key, "keep")) {
			error = -EINVAL;
		}
		if (error)
			return error;
	}
	return script_append(file, script->prepares, &script->nr_prepares, &prepare,
			     sizeof(prepare));
}

int script_cmd_end(struct script_file *file, char *args)
{
	struct script *script = &file->script;
	struct script_end end = { };
	char *key, *value;
	int error = 0;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "ret"))
			error = script_parse_int(value, &end.ret);
		else if (!strcmp(key, "written"))
			end.written = true;
		else if (!strcmp(key, "stale"))
			end.stale = true;
		else if (!strcmp(key, "release"))
			end.release = true;
		else if (!strcmp(key, "length") && value)
			error = kstrtou64(value, 0, &end.length);
		else
			error = -EINVAL;
		if (error)
			return error;
	}
	return script_append(file, script->ends, &script->nr_ends, &end, sizeof(end));
}

int script_parse_bio(char *args, struct script_bio *bio)
{
	unsigned long delay;
	char *key, *value;
	int error = 0;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "submit")) {
			bio->action = SCRIPT_BIO_SUBMIT;
		} else if (!strcmp(key, "complete")) {
			bio->action = SCRIPT_BIO_COMPLETE;
		} else if (!strcmp(key, "hold")) {
			bio->action = SCRIPT_BIO_HOLD;
		} else if (!strcmp(key, "error")) {
			error = script_parse_int(value, &bio->error);
		} else if (!strcmp(key, "delay")) {
			error = script_parse_ulong(value, &delay);
			if (!error)
				bio->delay = delay;
		} else {
			error = -EINVAL;
		}
		if (error)
			return error;
	}
	return 0;
}

int script_cmd_bio(struct script_file *file, char *args)
{
	struct script *script = &file->script;
	struct script_bio bio = { };
	int error;

	error = script_parse_bio(args, &bio);
	if (error)
		return error;
	return script_append(file, script->bios, &script->nr_bios, &bio, sizeof(bio));
}
