"""Moving in: makes an archive of ours of the export of another chat (docs/moving-in.md).

slack.py, mattermost.py, zulip.py, rocketchat.py, discord.py    one reader a format; formats.py lists them
discordexporter.py, discordpackage.py, discordtexts.py    the forms between which discord.py chooses, and their texts
reading.py, model.py        what a reader is, and the terms in which all of them yield an export
packs.py, jsons.py, csvs.py, bson.py    files of an export, whatever they are packed in; JSON, CSV and BSON of them
marks.py, cutting.py        texts in our Markdown (with chatserver/formatting), and of our length
people.py, rooms.py, intake.py, enclosures.py, ids.py    accounts, rooms, messages, files by our rules, into
spool.py                    a database that keeps them until all are known, and from there
logs.py, converting.py      the logs of rooms, and the archive
report.py                   all that is taken over, and all that is left out
"""
