# SPDX-License-Identifier: BSD-2-Clause
# One non-recursive Makefile. `make help` lists the targets; V=1 shows commands.

VERSION   := 0.1.0

CC        ?= gcc
AR        ?= ar
CLANG     ?= clang
BPFTOOL   ?= bpftool
PKG_CONFIG ?= pkg-config
PREFIX    ?= /usr/local
SBINDIR   ?= $(PREFIX)/sbin
MANDIR    ?= $(PREFIX)/share/man
UNITDIR   ?= $(PREFIX)/lib/systemd/system
DOCDIR    ?= $(PREFIX)/share/doc/tproxy
BUILD     ?= build

CFLAGS    ?= -O2 -g
WARNINGS  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wjump-misses-init -Wno-unused-parameter -Wno-format-truncation
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DTPROXY_VERSION='"$(VERSION)"' -MMD -MP \
	-Iinclude -Iuser -I$(BUILD) $(WARNINGS) $(CFLAGS)
BPF_CFLAGS := -O2 -g -Wall -Werror -target bpf -mcpu=v3 -MMD -MP -Ivmlinux -Iinclude -Ibpf

ifdef SANITIZE
ALL_CFLAGS += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer
LDFLAGS   += -fsanitize=$(SANITIZE)
endif

LOADER_LIBS := -lbpf -lelf -lz -lmnl -lnftnl -ljson-c -lcap-ng -lncursesw -ltinfo
RELAY_LIBS  := -lbpf -lelf -lz -lmnl -lcap-ng -lseccomp -lpthread
ifeq ($(shell $(PKG_CONFIG) --exists libsystemd && echo yes),yes)
ALL_CFLAGS += -DHAVE_SYSTEMD
RELAY_LIBS += -lsystemd
LOADER_LIBS += -lsystemd
endif

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

sources = $(sort $(shell find $(addprefix user/,$(1)) -name '*.c'))
LIB_SRC    := $(call sources,lib policy kernel)
LOADER_SRC := $(call sources,loader)
RELAY_SRC  := $(call sources,relay)
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
BPFTEST_SRC := $(wildcard tests/bpf/test_*.c)
HELPER_SRC := $(filter-out %/preload.c,$(wildcard tests/helpers/*.c))
BENCH_SRC  := $(wildcard tests/bench/*.c)
FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB_OBJ    := $(call obj,$(LIB_SRC))
LOADER_OBJ := $(call obj,$(LOADER_SRC))
RELAY_OBJ  := $(call obj,$(RELAY_SRC))
# The linker takes from an archive only the members that a program uses. Of user/kernel the relay
# uses nothing; of user/relay the loader uses only config/, for `check`.
LIB_A      := $(BUILD)/tproxy.a
RELAY_A    := $(BUILD)/relay.a
SKEL       := $(addprefix $(BUILD)/,$(addsuffix .skel.h,tproxy own probe trace shim))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests check fuzz bench lint clean install uninstall help

all: tproxy-loader tproxy-relay ## build ./tproxy-loader and ./tproxy-relay

tproxy-loader: $(LOADER_OBJ) $(RELAY_A) $(LIB_A)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $^ $(LOADER_LIBS) -o $@

tproxy-relay: $(RELAY_OBJ) $(LIB_A)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $^ $(RELAY_LIBS) -o $@

$(LIB_A): $(LIB_OBJ)
$(RELAY_A): $(filter-out %/main.o,$(RELAY_OBJ))
# P: members keep their folders, because some of them have the same name.
$(LIB_A) $(RELAY_A):
	$(say) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcsP $@ $^

$(BUILD)/%.o: %.c Makefile
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/%.bpf.o: bpf/%.bpf.c Makefile
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# The first build has no dependency files yet: sources that embed the skeletons wait for them.
$(LIB_OBJ) $(call obj,$(BPFTEST_SRC)): | $(SKEL)

UNIT_BIN    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
BPFTEST_BIN := $(patsubst tests/%.c,$(BUILD)/tests/%,$(BPFTEST_SRC))
HELPER_BIN  := $(patsubst tests/%.c,$(BUILD)/tests/%,$(HELPER_SRC))
BENCH_BIN   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(BENCH_SRC))
PARSE_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
MUTATE_OBJ  := $(call obj,$(wildcard tests/bpf/reference*.c tests/bpf/mutate*.c))
# The same loader with other BPF programs in it: to the state in the kernel it is an upgrade.
NEXT := $(BUILD)/tests/next
# The same relay under the sanitizers of memory, and of races between threads: those of
# tests/life/relay-sanitized.t and hostile-soak.t.
SANITIZED := $(BUILD)/tests/sanitized
RACES     := $(BUILD)/tests/races
PRELOAD := $(BUILD)/tests/helpers/preload.so

tests: all $(UNIT_BIN) $(BPFTEST_BIN) $(HELPER_BIN) $(PRELOAD) $(NEXT)/tproxy-loader \
	$(SANITIZED)/tproxy-relay $(RACES)/tproxy-relay ## build the tests

$(NEXT)/tproxy.bpf.o: bpf/tproxy.bpf.c Makefile
	$(say) BPF $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -Os -c $< -o $@

$(NEXT)/tproxy.skel.h: $(NEXT)/tproxy.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name tproxy_bpf > $@

$(NEXT)/%.o: %.c $(NEXT)/tproxy.skel.h Makefile
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -I$(NEXT) $(ALL_CFLAGS) -c $< -o $@

$(NEXT)/tproxy-loader: $(LOADER_OBJ) $(NEXT)/user/kernel/state/state_make.o $(RELAY_A) $(LIB_A)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $^ $(LOADER_LIBS) -o $@

$(BUILD)/tests/unit/test_relay_%: $(BUILD)/tests/unit/test_relay_%.o $(RELAY_A) $(LIB_A)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $^ $(RELAY_LIBS) -lcmocka -o $@

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIB_A)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LOADER_LIBS) -lcmocka -o $@

# The checks are part of the loader.
$(BUILD)/tests/unit/test_checks $(BUILD)/tests/unit/test_check_offload $(BUILD)/tests/unit/test_memory_use $(BUILD)/tests/unit/test_doctor: $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(filter-out %/main.o,$(LOADER_OBJ)) $(RELAY_A) $(LIB_A)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $^ $(LOADER_LIBS) -lcmocka -o $@

# The parser of the data path as plain C, with the kernel's types, always under the sanitizers.
$(BUILD)/tests/unit/bpf_parse.o: private ALL_CFLAGS += -Ivmlinux -Ibpf $(if $(SANITIZE),,$(PARSE_SANITIZE))
$(BUILD)/tests/unit/test_packet: private LDFLAGS += $(if $(SANITIZE),,$(PARSE_SANITIZE))
$(BUILD)/tests/unit/test_packet: $(BUILD)/tests/unit/bpf_parse.o $(MUTATE_OBJ)

$(BUILD)/tests/unit/test_trace: $(call obj,$(addprefix user/loader/trace/,cause.c verdict.c) user/loader/check/kinds.c $(wildcard user/loader/check/kinds/*.c))

$(BUILD)/tests/bpf/%: $(BUILD)/tests/bpf/%.o $(LIB_A)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LOADER_LIBS) -lcmocka -o $@

$(BUILD)/tests/bpf/test_mutate: $(MUTATE_OBJ)

$(BUILD)/tests/helpers/%: $(BUILD)/tests/helpers/%.o
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $^ -o $@

$(BUILD)/tests/helpers/own.o: | $(SKEL)
$(BUILD)/tests/helpers/firewall $(BUILD)/tests/helpers/own: $(BUILD)/tests/helpers/%: $(BUILD)/tests/helpers/%.o $(LIB_A)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LOADER_LIBS) -o $@

# Loaded into processes that were built in other ways: never with a sanitizer.
$(PRELOAD): tests/helpers/preload.c tests/helpers/preload.h Makefile
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP -fsanitize=%,$(ALL_CFLAGS)) -fPIC -shared $< -o $@

$(SANITIZED)/%: private SANITIZERS := $(PARSE_SANITIZE)
$(RACES)/%: private SANITIZERS := -fsanitize=thread
SANITIZED_SRC := $(RELAY_SRC) $(call sources,lib policy)

# with these sanitizers in place of those of SANITIZE
define sanitized_compile
$(say) CC $@
@mkdir -p $(@D)
$(Q)$(CC) $(filter-out -fsanitize=%,$(ALL_CFLAGS)) -O1 $(SANITIZERS) -fno-omit-frame-pointer -c $< -o $@
endef

$(SANITIZED)/%.o: %.c Makefile
	$(sanitized_compile)

$(RACES)/%.o: %.c Makefile
	$(sanitized_compile)

$(SANITIZED)/tproxy-relay: $(patsubst %.c,$(SANITIZED)/%.o,$(SANITIZED_SRC))
$(RACES)/tproxy-relay: $(patsubst %.c,$(RACES)/%.o,$(SANITIZED_SRC))
$(SANITIZED)/tproxy-relay $(RACES)/tproxy-relay:
	$(say) LINK $@
	$(Q)$(CC) $(filter-out -fsanitize=%,$(LDFLAGS)) $(SANITIZERS) $^ $(RELAY_LIBS) -o $@

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS) $^ -lbpf -o $@

# One command from sources to program: instrumented objects cannot be shared with other targets.
FUZZ_BIN := $(patsubst tests/%.c,$(BUILD)/tests/%,$(FUZZ_SRC))
FUZZED   := user/lib/parse.c user/lib/line.c user/lib/ini.c $(call sources,policy)

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(FUZZED) Makefile
	$(say) FUZZ $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -D_GNU_SOURCE -Iinclude -Iuser -O1 -g \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$< $(FUZZED) -o $@

PACKET_FUZZ := $(addprefix tests/,fuzz/fuzz_packet.c unit/bpf_parse.c bpf/reference_packet.c)

$(BUILD)/tests/fuzz/fuzz_packet: $(PACKET_FUZZ) $(wildcard tests/unit/*.h tests/bpf/*.h bpf/*.h)
	$(say) FUZZ $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -Iinclude -Iuser -Ivmlinux -Ibpf $(PACKET_FUZZ) -o $@

fuzz: $(FUZZ_BIN) ## build the fuzzers; tests/fuzz/run.t runs them
.PHONY: fuzz

check: tests ## run all tests (root)
	$(Q)tests/run.sh

bench: all $(BENCH_BIN) $(HELPER_BIN) ## measure against iptables TPROXY, other proxies and plain forwarding (root)
	$(Q)tests/bench/run.sh
	$(Q)tests/bench/tcp.sh
	$(Q)tests/bench/policy.sh
	$(Q)tests/bench/udp.sh
	$(Q)tests/bench/own.sh
	$(Q)tests/bench/trace.sh

lint: ## check layout, includes, lengths, scripts, spelling; build with warnings as errors
	$(Q)scripts/lint

install: all ## install programs, man pages, unit and examples (DESTDIR, PREFIX)
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(MANDIR)/man5
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR)/examples
	install -m 755 tproxy-loader tproxy-relay $(DESTDIR)$(SBINDIR)
	install -m 644 user/man/*.8 $(DESTDIR)$(MANDIR)/man8
	install -m 644 user/man/*.5 $(DESTDIR)$(MANDIR)/man5
	install -m 644 examples/* $(DESTDIR)$(DOCDIR)/examples
	sed 's|@sbindir@|$(SBINDIR)|' user/systemd/tproxy-loader.service \
		> $(DESTDIR)$(UNITDIR)/tproxy-loader.service

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(SBINDIR)/tproxy-loader $(DESTDIR)$(SBINDIR)/tproxy-relay
	rm -f $(patsubst user/man/%,$(DESTDIR)$(MANDIR)/man8/%,$(wildcard user/man/*.8))
	rm -f $(patsubst user/man/%,$(DESTDIR)$(MANDIR)/man5/%,$(wildcard user/man/*.5))
	rm -f $(DESTDIR)$(UNITDIR)/tproxy-loader.service
	rm -rf $(DESTDIR)$(DOCDIR)

clean: ## remove what make made
	rm -rf $(BUILD) tproxy-loader tproxy-relay

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
