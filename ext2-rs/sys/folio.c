// SPDX-License-Identifier: GPL-2.0
/*
 * Page caches and their folios. See helpers.h.
 */
#include <linux/cacheflush.h>
#include <linux/pagemap.h>

#include "helpers.h"

void fs_rs_inode_nohighmem(struct inode *inode)
{
	inode_nohighmem(inode);
}

void fs_rs_mapping_set_large_folios(struct address_space *mapping)
{
	mapping_set_large_folios(mapping);
}

struct folio *fs_rs_read_mapping_folio(struct address_space *mapping,
				       pgoff_t index)
{
	return read_mapping_folio(mapping, index, NULL);
}

void fs_rs_folio_lock(struct folio *folio)
{
	folio_lock(folio);
}

void fs_rs_folio_unlock(struct folio *folio)
{
	folio_unlock(folio);
}

void fs_rs_folio_put(struct folio *folio)
{
	folio_put(folio);
}

void fs_rs_folio_wait_stable(struct folio *folio)
{
	folio_wait_stable(folio);
}

void *fs_rs_folio_address(struct folio *folio, size_t offset)
{
	return folio_address(folio) + offset;
}

void fs_rs_flush_dcache(struct folio *folio)
{
	flush_dcache_folio(folio);
}

size_t fs_rs_folio_size(struct folio *folio)
{
	return folio_size(folio);
}
