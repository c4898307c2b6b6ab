# qmail-rspawn: hands messages for other hosts to qmail-remote
program = qmail-rspawn
uses    = queue conf mail sys base
runs_as = qmailr
owner   = root:qmail
mode    = 0755
man     = qmail-rspawn.8
