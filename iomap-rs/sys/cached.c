// SPDX-License-Identifier: GPL-2.0
/*
 * What a page cache holds, entry by entry.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "helpers.h"

/*
 * Whether all blocks behind the entry hold data: it remembers a folio that was
 * evicted, or is one that is uptodate. The folio is not referenced: what is read
 * of it counts only if the entry is still there afterwards.
 */
static bool is_whole(void *entry)
{
	struct folio *folio = entry;

	return xa_is_value(entry) || test_bit(PG_uptodate, &folio->flags);
}

bool iomap_rs_next_cached(struct address_space *mapping, loff_t pos,
			  loff_t limit, bool run, struct iomap_rs_cached *found)
{
	XA_STATE(xas, &mapping->i_pages, pos >> PAGE_SHIFT);
	pgoff_t last = (limit - 1) >> PAGE_SHIFT;
	void *entry;

	found->folio = NULL;
	found->start = limit;
	found->end = pos;

	rcu_read_lock();
	xas_for_each(&xas, entry, last) {
		loff_t start, end;
		size_t size;
		bool whole;

		if (xas_retry(&xas, entry))
			continue;
		size = PAGE_SIZE << xas_get_order(&xas);
		start = round_down((u64)xas.xa_index << PAGE_SHIFT, size);
		/* A folio may reach to where loff_t ends, and one byte on. */
		end = min((u64)start + size, (u64)LLONG_MAX);
		whole = is_whole(entry);
		if (unlikely(entry != xas_reload(&xas))) {
			xas_reset(&xas);
			continue;
		}
		if (found->end == pos) {
			found->start = start;
		} else if (!whole || start != found->end) {
			/* Not part of the run: for another call. */
			break;
		}
		if (!whole) {
			struct folio *folio = entry;

			if (!folio_try_get(folio)) {
				xas_reset(&xas);
				continue;
			}
			if (unlikely(entry != xas_reload(&xas))) {
				folio_put(folio);
				xas_reset(&xas);
				continue;
			}
			found->folio = folio;
			found->end = end;
			break;
		}
		found->end = end;
		if (!run || found->end >= limit || need_resched())
			break;
		/* Past the entry, wherever in it the search has come in. */
		if (size > PAGE_SIZE)
			xas_set(&xas, found->end >> PAGE_SHIFT);
	}
	rcu_read_unlock();
	return found->end > pos;
}

void iomap_rs_folio_lock(struct folio *folio)
{
	folio_lock(folio);
}

void iomap_rs_folio_put(struct folio *folio)
{
	folio_put(folio);
}
