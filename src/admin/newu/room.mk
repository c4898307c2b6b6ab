# qmail-newu: compiles users/assign into users/cdb
program = qmail-newu
uses    = conf sys base
runs_as = root
owner   = root:qmail
mode    = 0755
man     = qmail-newu.8
