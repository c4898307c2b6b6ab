# datemail: sendmail with a local date
program = datemail
script  = datemail.sh
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = datemail.1
