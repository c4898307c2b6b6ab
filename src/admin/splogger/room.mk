# splogger: passes the lines of a program on to syslog
program = splogger
uses    = sys base
runs_as = qmaill
owner   = root:qmail
mode    = 0755
man     = splogger.8
