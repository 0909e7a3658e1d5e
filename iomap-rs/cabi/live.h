/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The edge of iomap_rs_live.ko, which patches a running kernel, see live.c.
 */
#ifndef IOMAP_RS_LIVE_H
#define IOMAP_RS_LIVE_H

#include <linux/bio.h>

struct klp_func;

/* Says in the log why this kernel must not be patched; 0 if it may. */
int iomap_rs_live_check(void);

/*
 * The same, if any of the functions is patched already, or none can be; the last
 * has no name.
 */
int iomap_rs_live_check_unpatched(const struct klp_func *functions);

/* Redirects the C engine's functions; to be undone through sysfs alone. */
int iomap_rs_live_patch(void);

/*
 * What an iomap_dio's bios call at their end: the kernel's function, which leads
 * to whichever engine serves by then. No such bio points into the module.
 */
extern bio_end_io_t *iomap_rs_live_dio_end_io;

/* Calls of the engine that have not returned. */
unsigned long iomap_rs_live_inside(void);

/* A callback into the module is to come; it has come. Any context. */
void iomap_rs_live_hold(void);
void iomap_rs_live_release(void);

/*
 * Sleeps until no callback is to come, and none is still running. The functions
 * are not redirected any more.
 */
void iomap_rs_live_drain(void);

/* Makes it known when bios of @set, which is fresh, are freed by others. */
int iomap_rs_live_count_bios(struct bio_set *set);

/*
 * Sleeps until @set has no bio outside. Who brought the last one back may still
 * look at it.
 */
void iomap_rs_live_drain_bios(struct bio_set *set);

#endif
