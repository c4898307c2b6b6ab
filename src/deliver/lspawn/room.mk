# qmail-lspawn: starts the processes that deliver, as the owners of mail
program = qmail-lspawn
uses    = queue sys base
runs_as = root
owner   = root:qmail
mode    = 0755
man     = qmail-lspawn.8
