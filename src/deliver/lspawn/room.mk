# qmail-lspawn: gives messages to the accounts that own their recipients
program = qmail-lspawn
uses    = queue conf sys base
runs_as = root
owner   = root:qmail
mode    = 0755
man     = qmail-lspawn.8
