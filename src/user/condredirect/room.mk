# condredirect: sends a message on if a program says so
program = condredirect
uses    = queue sys base
runs_as = account-owner
owner   = root:qmail
mode    = 0755
man     = condredirect.1
