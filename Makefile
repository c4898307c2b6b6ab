# One makefile for the whole tree; each room adds its room.mk.
-include config.mk

CC      ?= cc
AR      ?= ar
QH      ?= /var/qmail
STD     = -std=c11 -D_GNU_SOURCE -iquote lib -DQH='"$(QH)"'
WARN    = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	  -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
	  -Wcast-qual -Wpointer-arith -Wformat=2 -Wundef -Wvla \
	  -Wswitch-enum -Wnull-dereference
ifdef SAN
B       = build-san
CFLAGS  = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	  -fno-omit-frame-pointer
else
B       ?= build
CFLAGS  = -O2 -g
HARDEN  = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
RELRO   = -Wl,-z,relro,-z,now
endif
ifdef WERROR
WARN    += -Werror
endif
COMPILE = $(CC) $(STD) $(WARN) $(HARDEN) -fPIE $(CFLAGS) $(CPPFLAGS)
LINK    = $(CC) -pie $(CFLAGS) $(RELRO) -Wl,--as-needed $(LDFLAGS)
LDLIBS  = -lcdb -lxxhash -lresolv

# lib/layers lists the libraries lowest first; the linker wants them last.
layers  = $(shell sed -n 's/^\([a-z]*\):.*/\1/p' lib/layers | sed '1!G;h;$$!d')
present = $(foreach l,$(layers),$(if $(wildcard lib/$(l)/*.c),$(l)))
objects = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))
archive = $(foreach l,$(layers),$(if $(filter $(l),$(1)),$(B)/lib$(l).a))

all: programs
.PHONY: all programs check lint fault powerfail fuzz bench install clean

define library
$(B)/lib$(1).a: $(call objects,lib/$(1))
	@rm -f $$@
	$(AR) rcs $$@ $$^
endef
$(foreach l,$(present),$(eval $(call library,$(l))))

# A room with `script = name` instead of C sources installs that script;
# `libs = name` is for a library of the system's that no other room needs.
define room
program =
script  =
links   =
libs    =
include $(1)/room.mk
programs: $$(addprefix $(B)/bin/,$$(links))
$$(addprefix $(B)/bin/,$$(links)): $(B)/bin/$$(program)
	ln -sfn $$(<F) $$@
ifneq ($$(script),)
programs: $(B)/bin/$$(program)
$(B)/bin/$$(program): $(1)/$$(script)
	@mkdir -p $$(@D)
	sed 's|@QH@|$(QH)|g' $$< >$$@
	@chmod 755 $$@
else
programs: $(B)/bin/$$(program)
$(B)/bin/$$(program): own_libs := $$(addprefix -l,$$(libs))
$(B)/bin/$$(program): $(call objects,$(1)) $$(call archive,$$(uses))
	@mkdir -p $$(@D)
	$$(LINK) -o $$@ $$^ $$(LDLIBS) $$(own_libs)
endif
endef
rooms   = $(wildcard src/*/*/room.mk)
$(foreach r,$(rooms),$(eval $(call room,$(r:/room.mk=))))

tests   = $(patsubst %.c,$(B)/%,$(wildcard tests/$(1)))
$(B)/tests/%: $(B)/tests/%.o $(call archive,$(present))
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS) -lcmocka

unit: $(call tests,unit/*/*.c)
	@tools/run-unit $^

check: programs
	./check

# each system call of the queue's programs fails, or is the last one: check
# has a sample
fault: programs
	tests/fault/sweep.py
	/usr/bin/python3 -m pytest -q tests/integration/test_fault.py \
	    tests/integration/test_damage.py

# every state a power loss may leave of queue/: check has a sample
powerfail: programs
	tests/power/powerfail.py

bench: programs
	bench/bench.py
	bench/queue.py

fuzz:
	tools/run-fuzz $(or $(T),60)

lint:
	tools/lint

-include mk/install.mk

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

clean:
	rm -rf build build-san build-clang build-fuzz build-debian

-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)
