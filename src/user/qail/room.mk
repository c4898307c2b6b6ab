# qail: moves new mail into an mbox, then runs Mail
program = qail
script  = qail.sh
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = qail.1
