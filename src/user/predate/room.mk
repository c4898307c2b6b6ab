# predate: puts a Date field in front
program = predate
uses    = sys base
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = predate.1
