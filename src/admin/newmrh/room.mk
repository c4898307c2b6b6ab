# qmail-newmrh: compiles control/morercpthosts
program = qmail-newmrh
uses    = conf sys base
runs_as = root
owner   = root:qmail
mode    = 0755
man     = qmail-newmrh.8
