#!/bin/sh
# mailsubj - send what is on standard input under a subject
#
# Run by:   anybody
# Runs as:  whoever runs it; needs no privilege
# Input:    the text on descriptor 0; subject and recipients as arguments
# Trusts:   the caller, for whom alone it works
# Output:   a message in the queue, by way of qmail-inject(8)
# Exits:    as qmail-inject(8); 100 without a subject
if [ $# -lt 1 ]; then
	echo 'mailsubj: usage: mailsubj subject [recip ...]' >&2
	exit 100
fi
subject=$1
shift
{
	printf 'Subject: %s\nTo: %s\n\n' "$subject" "$*"
	exec cat
} | "${QMAILHOME:-@QH@}/bin/qmail-inject"
