# qmail-start: starts the processes that deliver mail
program = qmail-start
uses    = sys base
runs_as = root
owner   = root:qmail
mode    = 0755
man     = qmail-start.8
