# qail: takes in mail from a maildir, then runs Mail
program = qail
script  = qail.sh
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = qail.1
