#!/bin/sh
# pinq - take in mail from a maildir, then read it with pine
#
# Run by:   anybody
# Runs as:  whoever runs it; needs no privilege
# Input:    MAIL, MAILTMP and MAILDIR of the environment; arguments for pine
# Trusts:   the caller, for whom alone it works
# Output:   the mbox $MAIL, by way of maildir2mbox(1)
# Exits:    as maildir2mbox(1) when that fails, else as pine
"${QMAILHOME:-@QH@}/bin/maildir2mbox" && exec pine "$@"
