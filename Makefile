# SPDX-License-Identifier: GPL-2.0
#
# What a person types. The work is done by scripts/setup.sh (tools and packages)
# and by the harness in tests/qemu (kernels, modules, guests). Kbuild reads the
# file of that name, never this one.

MAKEFLAGS += --no-print-directory

harness = @scripts/setup.sh && scripts/harness.sh
cargo = scripts/with-tools.sh cargo
workspaces := $(wildcard tests/host/Cargo.toml tests/host_ext2/Cargo.toml tests/qemu/Cargo.toml)
# How the engine is linked to the kernel: MODE, or ENGINE=c for the other engine.
link = $(call known_engine,c rust)$(if $(filter c,$(ENGINE)),c,$(MODE:all=module,builtin))
comma := ,
with_link = $(if $(link),--link '$(link)')
# What is misspelt, or has no meaning for a command, is not ignored.
known_engine = $(if $(filter-out $1,$(ENGINE)),$(error ENGINE=$(ENGINE): say one of $1))
without = $(foreach option,$1,$(if $($(option)),$(error make $@ knows no $(option)=, leave it out)))

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak bench compare shell kernel modules mutants conformance clean distclean \
	clippy fmt doc rust-analyzer

help:
	@echo 'make demo           untouched C ext2 and ext4 on the Rust engine, in QEMU, with a report'
	@echo 'make test           all tests; T=dio_read or T=ext4-4k/dio_read: that test alone;'
	@echo '                    T=fiemap: all whose names contain it'
	@echo '                    KERNEL=debug, kcsan, preempt: on other kernels'
	@echo '                    JOBS=1: one guest at a time; else one for each processor'
	@echo '                    REPEAT=100: again until one fails, at most so often'
	@echo '                    FSX_OPERATIONS=1000000: that many in each test of fsx'
	@echo '                    WITHIN=55: without the debug kernel, if an hour is too short for it'
	@echo 'make soak           MINUTES=60: fsx, fio, dbench, stress-ng on four filesystems at once'
	@echo 'make bench          instructions per operation, C against Rust; T=write_4k, T=xfs-1k/: those'
	@echo '                    alone; QUICK=1: five minutes; PROFILE=xfs-4k/write_4k: by function;'
	@echo '                    WALL=1: time, on KVM; THREADS=1: time of one to four threads;'
	@echo '                    LIVE=xfs-4k/seek: what the trampolines of MODE=live cost'
	@echo 'make compare        what the C and the Rust engine do with the same workloads: results, events,'
	@echo '                    bios, disks; T=direct, T=xfs-1k/: those alone; REFERENCE=1: C against C'
	@echo 'make list           the names of the tests'
	@echo 'make shell          a guest with disks and modules, interactive'
	@echo 'make kernel         the test kernel alone'
	@echo '  For demo, test, list, shell and kernel, MODE=module: the engine is iomap_rs.ko;'
	@echo '  MODE=builtin: it is part of the kernel; ENGINE=c: the C engine. Without: all tests in'
	@echo '  both modes, a test by its name in the first that has it, anything else with the'
	@echo '  module. compare and fstests have MODE=, too. For demo, test, compare and fstests also'
	@echo '  MODE=live: iomap_rs_live.ko takes the place of the C engine in a running kernel.'
	@echo '  The tests of that are among all; LIVE_SWITCHES=1000: that often.'
	@echo 'make fstests        FSTESTS=/path/to/fstests FS=xfs,ext4 GROUP=quick: an fstests tree of'
	@echo '                    yours, on ENGINE=both, rust or c; both with MODE=live: in one boot'
	@echo 'make modules        iomap_rs.ko for the test kernel; KDIR=/path/to/linux-build: for yours'
	@echo 'make mutants        broken engines, which the tests have to catch; T=forget_a_dirty_bit: that'
	@echo '                    one; T=ioend: all whose names contain it'
	@echo 'make conformance    docs/conformance.md and docs/mutants.md afresh'
	@echo 'make clippy         lints of everything in Rust'
	@echo 'make fmt            formats everything in Rust; CHECK=1: only looks'
	@echo 'make doc            rustdoc of the engine'
	@echo 'make rust-analyzer  rust-project.json for your editor'
	@echo 'make setup          installs and fetches what all this needs; the others do so too'
	@echo 'make clean          removes what was built here; make distclean: the cache too'

setup:
	@scripts/setup.sh
	@set -e; for manifest in $(workspaces); do \
		$(cargo) fetch --locked --manifest-path $$manifest; \
	done

demo:
	$(call without,KERNEL)$(harness) demo $(with_link)

test:
	$(harness) test $(with_link) $(if $(KERNEL),--kernel '$(KERNEL)') $(if $(T),--filter '$(T)')

# Rounds of five minutes; after each the host checks the disks, which the next goes on with.
rounds = $(filter-out 0 -%,$(shell expr '(' '$(or $(MINUTES),60)' + 4 ')' / 5 2>/dev/null))
soak:
	$(call without,ENGINE MODE)$(harness) test --link module --filter soak/ --show-output \
		--soak-seconds 300 --repeat $(or $(rounds),$(error MINUTES=$(MINUTES): say a number, as 60)) \
		--kernel '$(or $(KERNEL),release)'

bench:
	$(call without,ENGINE KERNEL MODE)$(harness) bench $(if $(LIVE),--live '$(LIVE)') \
		$(if $(PROFILE),--profile '$(PROFILE)',$(if $(QUICK),--quick) $(if $(T),--filter '$(T)')) \
		$(if $(WALL),--wall) $(if $(THREADS),--threads) $(if $(JOBS),--jobs '$(JOBS)')

compare:
	$(call without,ENGINE KERNEL)$(harness) compare --link '$(or $(MODE),module)' \
		$(if $(REFERENCE),--reference) $(if $(T),--filter '$(T)')

.PHONY: list
list:
	$(harness) test --list $(with_link) $(if $(T),--filter '$(T)')

# TESTS=generic/001,generic/01* instead of GROUP; EXCLUDE=file; CONFIG=local.config
# with SECTION=name; LIMIT=seconds for one test; FRESH=1 forgets what these had;
# JOBS=1: one guest at a time. With MODE=live and both engines a guest switches between them.
# All that: docs/fstests.md.
.PHONY: fstests
fstests:
	$(call known_engine,both rust c)$(harness) fstests $(if $(FSTESTS),--tree '$(FSTESTS)') \
		--link '$(if $(filter c,$(ENGINE)),c,$(if $(filter rust,$(ENGINE)),,c$(comma))$(or $(MODE),module))' \
		--kernel '$(or $(KERNEL),release)' $(if $(FS),--fs '$(FS)') \
		$(if $(GROUP),--group '$(GROUP)') $(if $(TESTS),--tests '$(TESTS)') \
		$(if $(EXCLUDE),--exclude '$(EXCLUDE)') $(if $(LIMIT),--limit '$(LIMIT)') \
		$(if $(CONFIG),--config '$(CONFIG)') $(if $(SECTION),--section '$(SECTION)') \
		$(if $(FRESH),--fresh)

shell:
	$(call without,KERNEL)$(harness) shell $(with_link)

kernel:
	$(harness) kernel $(with_link) --kernel '$(or $(KERNEL),release)'

modules:
	$(harness) modules $(if $(KDIR),--kdir '$(KDIR)')

mutants:
	$(call without,ENGINE KERNEL MODE)$(harness) mutants $(if $(T),--filter '$(T)')

conformance:
	$(harness) conformance

doc:
	$(harness) doc

rust-analyzer:
	$(harness) rust-analyzer

clippy:
	$(harness) clippy
	@set -e; for manifest in $(workspaces); do \
		$(cargo) clippy --locked --all-targets --manifest-path $$manifest -- -D warnings; \
	done

fmt:
	@scripts/setup.sh
	@set -e; for manifest in $(workspaces); do \
		$(cargo) fmt --all --manifest-path $$manifest $(if $(CHECK),-- --check); \
	done
	@find iomap-rs ext2-rs -name '*.rs' ! -name '*_generated.rs' -exec \
		scripts/with-tools.sh rustfmt --config skip_children=true $(if $(CHECK),--check) {} +

clean:
	@scripts/clean.sh

distclean:
	@scripts/clean.sh --cache
