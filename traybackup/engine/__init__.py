"""The engine: restic's repository format, version 2 (and reading version 1), in Python.

*Repository* is a Store with a key; *Snapshot* names a *Tree*; trees and file contents are *Blobs*, sealed and gathered
in *Packs*; the *Index* says which blob lies where. The engine knows no clock, no drive and no network: time comes in as
a parameter, places as a Store.

Order of writing, which is the whole secret of surviving a crash: packs, then index, then snapshot. What a later file
names is durable before that file exists.

Source: restic's doc/design.rst; ids and layout are its own.
"""
