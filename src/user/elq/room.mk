# elq: takes in mail from a maildir, then runs elm
program = elq
script  = elq.sh
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = elq.1
