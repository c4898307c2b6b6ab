#!/bin/sh
# datemail - sendmail, for a message without a Date field, in local time
#
# Run by:   anybody
# Runs as:  whoever runs it; needs no privilege
# Input:    a message on descriptor 0; arguments for sendmail(8)
# Trusts:   the caller, for whom alone it works
# Output:   a message in the queue, by way of predate(1) and sendmail(8)
# Exits:    as sendmail(8); 111 it cannot be run
bin=${QMAILHOME:-@QH@}/bin
exec "$bin/predate" "$bin/sendmail" "$@"
