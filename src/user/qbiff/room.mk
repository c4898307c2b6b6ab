# qbiff: announces a message on the terminals of its owner
program = qbiff
uses    = mail sys base
runs_as = account-owner
owner   = root:qmail
mode    = 0755
man     = qbiff.1
