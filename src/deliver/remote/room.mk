# qmail-remote: send messages to other hosts over SMTP
program = qmail-remote
uses    = queue conf mail sys base
runs_as = qmailr
owner   = root:qmail
mode    = 0755
man     = qmail-remote.8
