# mailsubj: sends what is on standard input under a subject
program = mailsubj
script  = mailsubj.sh
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = mailsubj.1
