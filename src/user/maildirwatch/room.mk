# maildirwatch: show what is new in a maildir
program = maildirwatch
uses    = mail sys base
runs_as = user
owner   = root:qmail
mode    = 0755
man     = maildirwatch.1
