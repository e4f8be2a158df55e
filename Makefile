# Every target makes the machine ready for itself first (tools/setup.sh), and does only what is missing.
# make help lists them.

NODE := .tools/node/bin/node
VITEST := $(NODE) node_modules/vitest/vitest.mjs
SOURCES := $(shell find src -name '*.ts' ! -name '*.test.ts')
# mkfs.btrfs for the loopback images, the smallest real chain node that Debian has, what makes a system call fail, what
# the lab is packed with, what sanoid is written in, and what reads a manual page.
TEST_PACKAGES := btrfs-progs litecoind strace zstd perl groff-base
BENCH_PACKAGES := btrfs-progs gcc libc6-dev

# The pinned Node goes before the system's for whatever is started from here.
export PATH := $(CURDIR)/.tools/node/bin:$(PATH)
# Type stripping is stable enough for the tools of a pinned Node, and still warns.
export NODE_NO_WARNINGS := 1

.DELETE_ON_ERROR:
.PHONY: all build package deb demo test test-unit test-zfs test-long lab nodes lint types check-package bench clean help setup

all: package

build: build/btm ## the stand-alone executable: build/btm

package: btm_package.tar.gz ## what is installed: btm_package.tar.gz, with the executable, install.sh, units, a configuration and a manual page

deb: build/btm.deb ## the same as a Debian package: build/btm.deb

demo: build/btm ## a real node on a real Btrfs, rolled back before your eyes (root)
	@tools/setup.sh btrfs-progs litecoind
	@$(NODE) tools/demo/demo.ts

test: build/btm btm_package.tar.gz build/btm.deb dist/index.js ## the tests, on real file systems and real nodes (root)
	@tools/setup.sh $(TEST_PACKAGES)
	@tools/fetch-sanoid.sh
	@# What was installed and built is written out first: a commit of a test's file system would wait behind it.
	@sync
	@# One that fails does not keep the other from running. The tests of ZFS need a machine of their own, or a guest.
	@# In CI each of them is run, on one of the versions.
	@status=0; $(VITEST) run --project '!zfs' || status=1; \
	$(NODE) tools/test-zfs.ts $(if $(CI),--once,--quick) || status=1; exit $$status

test-zfs: build/btm ## all tests of ZFS, on both its versions in the lab where this machine has none (root, half an hour)
	@tools/setup.sh litecoind zstd perl
	@tools/fetch-sanoid.sh
	@$(NODE) tools/test-zfs.ts

LONG := src/daemon/socket-fuzz.test.ts src/daemon/config-file.test.ts test/e2e/daemon-long.test.ts \
	test/e2e/quiesce-frozen-time.test.ts

test-long: build/btm ## a day through the daemon, its fuzzes a million times, a node frozen 600 times, a hundred power cuts (BTM_CUTS) in the lab (root)
	@tools/setup.sh btrfs-progs zstd
	@BTM_TEST_LONG=1 $(VITEST) run $(LONG)
	@BTM_CUTS=$${BTM_CUTS:-100} $(VITEST) run --project cut

nodes: setup ## the real nodes that tests follow besides litecoind: monerod, hsd, ethereumjs, anvil, and with Go geth and CometBFT
	@# hsd has an addon of which there is no built file.
	@tools/setup.sh monero g++ make python3
	@tools/fetch-nodes.sh hsd ethereumjs anvil geth cometbft

lab: ## build the lab for the ZFS tests from Debian's sources: User-Mode Linux, OpenZFS 2.1 and 2.3 (root, about 20 minutes)
	@tools/lab/build.sh

test-unit: setup ## the tests that need no root
	@$(VITEST) run --project unit

lint: setup ## eslint, prettier, knip
	@$(NODE) node_modules/eslint/bin/eslint.js .
	@$(NODE) node_modules/prettier/bin/prettier.cjs --check --log-level warn .
	@$(NODE) node_modules/knip/bin/knip.js

types: setup ## the type check of everything
	@$(NODE) node_modules/typescript/bin/tsc --noEmit

check-package: dist/index.js ## the npm package as its users get it, under every Node it promises to run on
	@$(NODE) tools/check-package.ts

bench: build/btm ## side by side with the original and the bare tools (root)
	@tools/setup.sh $(BENCH_PACKAGES)
	@$(NODE) bench/bench.ts

clean: ## remove what was built; node_modules and .tools stay
	rm -rf build dist coverage btm_package.tar.gz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

setup:
	@tools/setup.sh

build/btm: $(SOURCES) tools/build-executable.ts tools/koffi-embedded.ts package.json package-lock.json | setup
	@.tools/bun run tools/build-executable.ts $@

build/btm.1: $(SOURCES) tools/package/man-page.ts | setup
	@mkdir -p $(@D) && $(NODE) tools/package/man-page.ts >$@

PACKAGED := build/btm build/btm.1 LICENSE $(wildcard docs/* docs/*/*) $(wildcard tools/package/*) $(wildcard tools/package/deb/*) $(wildcard tools/systemd/*)

btm_package.tar.gz: $(PACKAGED)
	@tools/package/make-package.sh tar $@

build/btm.deb: $(PACKAGED)
	@tools/package/make-package.sh deb $@

dist/index.js: $(SOURCES) tsconfig.json tsconfig.build.json package.json package-lock.json | setup
	@rm -rf dist
	@$(NODE) node_modules/typescript/bin/tsc -p tsconfig.build.json
