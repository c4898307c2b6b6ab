# except: turns the answer of a program round
program = except
uses    = sys base
runs_as = account-owner
owner   = root:qmail
mode    = 0755
man     = except.1
