#!/bin/sh
# elq - take in mail from a maildir, then read it with elm
#
# Run by:   anybody
# Runs as:  whoever runs it; needs no privilege
# Input:    MAIL, MAILTMP and MAILDIR of the environment; arguments for elm
# Trusts:   the caller, for whom alone it works
# Output:   the mbox $MAIL, by way of maildir2mbox(1)
# Exits:    as maildir2mbox(1) when that fails, else as elm
"${QMAILHOME:-@QH@}/bin/maildir2mbox" && exec elm "$@"
