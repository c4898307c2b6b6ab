# qmail-qstat: counts the messages in the queue
program = qmail-qstat
uses    = queue sys base
runs_as = operator
owner   = root:qmail
mode    = 0755
man     = qmail-qstat.8
