# SPDX-License-Identifier: GPL-2.0-or-later
#
# Everything from here: `make help` lists the targets. The module builds for the running
# kernel, or for KVER=, which is a release as in /lib/modules or a Debian series as in
# KVER=6.12, or against KDIR=, any configured kernel tree.

KVER ?=
KDIR ?=
PREFIX ?= /usr
DESTDIR ?=
KERNEL ?= 6.1
mandir = $(DESTDIR)$(PREFIX)/share/man
module = KVER='$(KVER)' KDIR='$(KDIR)' scripts/module
packages = scripts/install-packages

all: modules tools

modules:
	@$(packages) build
	@$(module) build

tools:
	@$(packages) build
	$(MAKE) -C userspace all PREFIX='$(PREFIX)'

install: install-module install-tools

install-module: modules
	@DESTDIR='$(DESTDIR)' $(module) install

install-tools:
	$(MAKE) -C userspace install DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)'
	@for page in Documentation/man/*.[1-8]; do \
		[ ! -e "$$page" ] || \
		install -D -m 644 "$$page" "$(mandir)/man$${page##*.}/$${page##*/}"; \
	done

demo:
	@$(packages) build vm
	@selftests/vm/run --kernel '$(KERNEL)' --timeout 900 -- selftests/demo.sh

test:
	@$(packages) build vm
	@scripts/test

test-long:
	@$(packages) build vm
	@scripts/test long

debug-kernel:
	@$(packages) build vm
	@selftests/vm/run --kernel debug --prepare

bench:
	@$(packages) build vm
	@selftests/bench/run

shell:
	@$(packages) build vm
	@selftests/vm/shell --kernel '$(KERNEL)'

style:
	@$(packages) style
	@scripts/style

sparse:
	@$(packages) build sparse
	@$(module) sparse

matrix:
	@$(packages) build vm clang
	@scripts/build-matrix

clean:
	rm -rf build
	@find kmod \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '*.gcno' -o -name '.*.cmd' -o -name modules.order -o -name Module.symvers \) -delete
	[ ! -e userspace/Makefile ] || $(MAKE) -C userspace clean

help:
	@sed -n 's/^#: //p' Makefile

.PHONY: all modules tools install install-module install-tools demo test test-long \
	debug-kernel bench shell style sparse matrix clean help

# The text of `make help`:
#: make               module and tools
#: make modules       dm-replica.ko, in build/RELEASE/kmod
#: make tools         libreplica and replicactl, in userspace
#: make install       module, tools, rules of udev, units and man pages (DESTDIR=, PREFIX=/usr)
#: make demo          a short tour in a virtual machine
#: make test          unit tests, and the selftests in virtual machines on 6.1, 6.12 and 7.2
#: make test-long     the same with the long tests, and on the debug kernel
#: make debug-kernel  compiles 6.1 with KASAN, lockdep, kmemleak and more, once
#: make bench         figures that repeat exactly, against other mirrors
#: make shell         a console in a virtual machine
#: make style         checkpatch, shellcheck, sizes, licences, man pages
#: make sparse        sparse with endianness checks
#: make matrix        builds without warnings on all kernels, with gcc and clang
#: make clean         removes what the build made; cached images stay
#:
#: KVER=RELEASE       build and install for this kernel (default: the running one, or
#:                    Debian's 6.1 when the running one has no headers); 6.1, 6.12 and
#:                    7.2 stand for Debian's newest kernels of these series
#: KDIR=DIR           build against this kernel tree
#: KERNEL=6.12        the kernel of demo and shell; KERNEL=debug is the debug kernel, and
#:                    for demo KERNEL=uml User Mode Linux with KASAN and lockdep
#:
#: demo, test, debug-kernel, bench, shell, style, sparse and matrix install Debian packages
#: they lack, which needs root.
