# install: every program and manual where LAYOUT says, as its room.mk says.
#
#   make install                          below QH, /var/qmail: all in one place
#   make install LAYOUT=debian            /usr/sbin, /usr/bin, /etc/qmail ...,
#                                         with links from QH to all of them
#   make install DESTDIR=/tmp/image       the same for a package
#
# Owners are set by root, where the group qmail exists. No file is set-id.
# What belongs to qmail's accounts (queue, alias, control) is made afterwards
# by `qmailctl init --me HOST`.
LAYOUT  ?= qmail
INSTALL ?= install
as_root = $(shell [ "$$(id -u)" = 0 ] && getent group qmail >/dev/null && \
	    echo yes)
docs    = $(wildcard README.md ARCHITECTURE.md SECURITY.md CHANGES.md COPYING)
other_man = $(wildcard doc/*.[1-8])

ifeq ($(LAYOUT),qmail)
home    = $(QH)
man_dir = $(QH)/man
doc_dir = $(QH)/doc
# where program $(1) with manual $(2) goes
bin_dir = $(QH)/bin
# and its other names
link_dir = $(QH)/bin
folders = $(home)/boot
old_names =
else ifeq ($(LAYOUT),debian)
# dot-forward and fastforward of Debian are compiled for /var/lib/qmail
home    = /var/lib/qmail
man_dir = /usr/share/man
doc_dir = /usr/share/doc/qmail
# for users are those of section 1, and these
for_all = splogger qmail-inject qmail-showctl qmail-tcpto tcp-env
bin_dir = $(if $(filter $(for_all),$(1))$(filter %.1,$(2)),/usr/bin,/usr/sbin)
link_dir = /usr/bin
folders = /etc/qmail /etc/qmail/users /usr/lib/qmail/boot /usr/lib/tmpfiles.d \
	  /var/spool /usr/bin
# link=target, each below DESTDIR
old_names = /var/qmail=lib/qmail /var/spool/qmail=$(home)/queue \
	  $(home)/control=/etc/qmail $(home)/users=/etc/qmail/users \
	  $(home)/boot=/usr/lib/qmail/boot $(home)/run=/run/qmail \
	  $(home)/man=$(man_dir) $(home)/doc=$(doc_dir)
else
$(error LAYOUT is qmail or debian, not $(LAYOUT))
endif

# install-as MODE OWNER:GROUP
install_as = $(INSTALL) -m $(1) $(if $(as_root),-o $(word 1,$(subst :, ,$(2))) \
	-g $(word 2,$(subst :, ,$(2))))
# page PATH: below man_dir
page    = $(DESTDIR)$(man_dir)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))

.PHONY: install install-frame
install: install-frame

install-frame: programs
	$(INSTALL) -d -m 0755 $(addprefix $(DESTDIR),$(home) $(home)/bin \
	    $(doc_dir) $(folders) $(foreach n,1 5 7 8,$(man_dir)/man$(n)))
	$(foreach l,$(old_names),ln -sfn $(word 2,$(subst =, ,$(l))) \
	    $(DESTDIR)$(word 1,$(subst =, ,$(l))) &&) :
	$(call install_as,0644,root:qmail) $(docs) $(DESTDIR)$(doc_dir)
	$(foreach p,$(other_man),$(call install_as,0644,root:qmail) $(p) \
	    $(call page,$(p)) &&) :
ifeq ($(LAYOUT),debian)
	echo 'd /run/qmail 1775 root qmail' \
	    >$(DESTDIR)/usr/lib/tmpfiles.d/qmail.conf
endif

# One rule per room. The words are expanded while its room.mk is the last
# that was read.
define install_room
program =
script  =
owner   =
mode    =
man     =
links   =
include $(1)/room.mk
install: install-$(1)
.PHONY: install-$(1)
install-$(1): name  := $$(program)
install-$(1): as    := $$(call install_as,$$(mode),$$(owner))
install-$(1): pages := $$(addprefix $(1)/,$$(man))
install-$(1): to    := $$(call bin_dir,$$(program),$$(man))
install-$(1): also  := $$(links)
install-$(1): install-frame
	$(INSTALL) -d -m 0755 $$(DESTDIR)$$(to)
	$$(as) $(B)/bin/$$(name) $$(DESTDIR)$$(to)/$$(name)
	[ $$(to) = $$(home)/bin ] || ln -sfn $$(to)/$$(name) \
	    $$(DESTDIR)$$(home)/bin/$$(name)
	$$(foreach l,$$(also),ln -sfn $$(to)/$$(name) \
	    $$(DESTDIR)$$(link_dir)/$$(l) &&) :
	$$(foreach p,$$(pages),$$(call install_as,0644,root:qmail) $$(p) \
	    $$(call page,$$(p)) &&) :
endef
$(foreach r,$(wildcard src/*/*/room.mk),\
	$(eval $(call install_room,$(r:/room.mk=))))
