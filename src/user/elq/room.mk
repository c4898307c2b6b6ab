# elq: moves new mail into an mbox, then runs elm
program = elq
script  = elq.sh
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = elq.1
