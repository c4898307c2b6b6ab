#!/bin/sh
# qail - move new mail from the maildir into the mbox, then run Mail
#
# Run by:   anybody
# Runs as:  whoever runs it; needs no privilege
# Input:    MAIL, MAILTMP and MAILDIR, if they are set; arguments for Mail
# Trusts:   the caller, for whom alone it works
# Output:   a new mailbox, by way of maildir2mbox(1)
# Exits:    as maildir2mbox(1) if that fails, else as Mail
: "${MAILDIR:=$HOME/Maildir}" "${MAIL:=$HOME/Mailbox}"
: "${MAILTMP:=$MAIL.tmp}"
export MAILDIR MAIL MAILTMP
"${QMAILHOME:-@QH@}/bin/maildir2mbox" || exit
exec Mail "$@"
