# qmail-qimport: takes what is pending in a classic queue into ours
program = qmail-qimport
uses    = queue conf sys base
runs_as = operator
owner   = root:qmail
mode    = 0755
man     = qmail-qimport.8
