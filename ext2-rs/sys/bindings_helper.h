/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The C headers that the VFS edge stands on, read by bindgen.
 *
 * bindgen_parameters names what is taken from them. Sorted alphabetically.
 */
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/errno.h>
#include <linux/exportfs.h>
#include <linux/fiemap.h>
#include <linux/fileattr.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/pagemap.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/random.h>
#include <linux/rwsem.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/swap.h>
#include <linux/uio.h>
#include <linux/writeback.h>
#include <linux/xattr.h>

#include "helpers.h"

/* Macros with casts or enum arithmetic, which bindgen does not evaluate. */
const size_t IOMAP_RS_CONST_PAGE_SIZE = PAGE_SIZE;
const gfp_t IOMAP_RS_CONST_GFP_KERNEL = GFP_KERNEL;
const unsigned long IOMAP_RS_CONST_SB_RDONLY = SB_RDONLY;
const unsigned long IOMAP_RS_CONST_SB_SILENT = SB_SILENT;
const unsigned long IOMAP_RS_CONST_SB_SYNCHRONOUS = SB_SYNCHRONOUS;
const unsigned long IOMAP_RS_CONST_SB_POSIXACL = SB_POSIXACL;
const unsigned long IOMAP_RS_CONST_SB_I_CGROUPWB = SB_I_CGROUPWB;
const int IOMAP_RS_CONST_IOCB_DIRECT = IOCB_DIRECT;
const unsigned int IOMAP_RS_CONST_FMODE_CAN_ODIRECT = FMODE_CAN_ODIRECT;
const unsigned int IOMAP_RS_CONST_CAP_SYS_RESOURCE = CAP_SYS_RESOURCE;
const unsigned int IOMAP_RS_CONST_CAP_SYS_ADMIN = CAP_SYS_ADMIN;
const vm_fault_t IOMAP_RS_CONST_VM_FAULT_LOCKED = VM_FAULT_LOCKED;
const unsigned int IOMAP_RS_CONST_FS_IOC_GETVERSION = FS_IOC_GETVERSION;
const unsigned int IOMAP_RS_CONST_FS_IOC_SETVERSION = FS_IOC_SETVERSION;
const unsigned int IOMAP_RS_CONST_FS_IOC32_GETVERSION = FS_IOC32_GETVERSION;
const unsigned int IOMAP_RS_CONST_FS_IOC32_SETVERSION = FS_IOC32_SETVERSION;
