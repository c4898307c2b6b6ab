# qsmhook: runs a mailer that was written for sendmail
program = qsmhook
uses    = sys base
runs_as = account-owner
owner   = root:qmail
mode    = 0755
man     = qsmhook.1
