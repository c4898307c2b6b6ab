# qmail-pw2u: makes users/assign of an account database
program = qmail-pw2u
uses    = conf sys base
runs_as = root
owner   = root:qmail
mode    = 0711
man     = qmail-pw2u.8
