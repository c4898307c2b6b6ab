# qmail-lsched: finds the owners of recipients and has their mail delivered
program = qmail-lsched
uses    = queue conf sys base
runs_as = qmailp
owner   = root:qmail
mode    = 0711
man     = qmail-lsched.8
