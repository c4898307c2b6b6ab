# qmail-clean: removes finished messages, sets damaged ones aside
program = qmail-clean
uses    = queue sys base
runs_as = qmailq
owner   = root:qmail
mode    = 0711
man     = qmail-clean.8
