# qmail-tcpto: lists the hosts that timed out lately
program = qmail-tcpto
uses    = queue sys base
runs_as = operator
owner   = root:qmail
mode    = 0755
man     = qmail-tcpto.8
