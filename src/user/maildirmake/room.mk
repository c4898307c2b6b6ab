# maildirmake: create a maildir
program = maildirmake
uses    = sys base
runs_as = user
owner   = root:qmail
mode    = 0755
man     = maildirmake.1
