# sendmail: the command other programs hand their mail to
program = sendmail
uses    = sys base
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = sendmail.8
links   = mailq newaliases
