"""An invented but realistic country: a named cast, a generator of any size, and six sources over their real wires.

Nobody in it exists. Numbers are drawn from ranges that are not issued as far as is known: national numbers begin
with 99, telephone numbers with 0700.
"""
