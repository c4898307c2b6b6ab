# tcp-env: tells a program about the connection it is run for
program = tcp-env
uses    = sys base
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = tcp-env.1
