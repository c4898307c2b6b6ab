# forward: run by qmail-local from .qmail files
program = forward
uses    = queue sys base
runs_as = account-owner
owner   = root:qmail
mode    = 0755
man     = forward.1
