# pinq: takes in mail from a maildir, then runs pine
program = pinq
script  = pinq.sh
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = pinq.1
