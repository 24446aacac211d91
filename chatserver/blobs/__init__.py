"""Blobs: files of users and plugins, in a back end (`chatserver.hooks.blobs`) beside the store.

model.py       a blob, its record, and the spaces of records
ownership.py   which installation may write and remove
taking.py      stores a blob from a stream of parts
judging.py     asks plugins about files that come
content.py     what a file is by its first bytes
metadata.py    which bytes of a picture are kept without its metadata; exif.py: its orientation
cleaning.py    writes a picture anew without them, before anybody reads it
streams.py     counts, hashes and joins parts
uploads.py     resumable uploads, in pieces
locks.py       one writer for an upload over all nodes
quota.py       the share of each user
references.py  what refers to a blob, which is then kept
collecting.py  removes what nothing refers to
serving.py     status, headers and range of an answer over HTTP
service.py     all of this for one node
copying.py     from one back end to another
fallback.py    two places as one, while files move; moving.py: copies their content
carrying.py    content on its way into and out of copies, compared with its record
jobs.py        the periodic work
plugin.py      the part that a plugin gets
"""
