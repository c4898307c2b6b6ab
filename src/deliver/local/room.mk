# qmail-local: deliver one message to one address of this user
program = qmail-local
uses    = queue conf mail sys base
runs_as = account-owner
owner   = root:qmail
mode    = 0711
man     = qmail-local.8
