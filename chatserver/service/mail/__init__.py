"""Mails to users: `outbox.py` queues and repeats, `texts.py` has what is said, `emails.py` keeps the addresses of
users, `notices.py` and `noticetexts.py` tell them of changes of their account, `own.py` is what they do with theirs, `meter.py` counts mails, `forgotten.py` sends links to those who forgot their password.
"""
