# qmail-qread: lists the messages in the queue and their recipients
program = qmail-qread
uses    = queue mail conf sys base
runs_as = operator
owner   = root:qmail
mode    = 0755
man     = qmail-qread.8
