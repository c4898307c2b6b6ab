# qmail-getpw: which account of the system owns a local address
program = qmail-getpw
uses    = queue conf sys base
runs_as = qmailp
owner   = root:qmail
mode    = 0711
man     = qmail-getpw.8
