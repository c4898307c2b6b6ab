# preline: puts the From_, Return-Path and Delivered-To lines in front
program = preline
uses    = sys base
runs_as = account-owner
owner   = root:qmail
mode    = 0755
man     = preline.1
